"""The verdict on what is served: healthy or not, why, and whether to retrain it now."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..config import sections
from ..words import counted
from . import decision

Json = dict[str, Any]

ASK_AGAIN = timedelta(days=1)
"""A retraining that was asked for and left no run after this time is asked for again."""
MOST_FAILED = 0.01
"""The share of a day's requests that may fail."""
UNMEASURED = "drift is not measured: see the notes"
HEALTHY, DRIFTED, DEGRADED, UNHEALTHY = "healthy", "drifted", "degraded", "unhealthy"


def of(
    windows: Sequence[Json],
    traffic: Sequence[Json],
    latency_ms: float,
    broken: Sequence[str],
    rules: sections.Monitor,
) -> Json:
    """Verdict, causes and a sentence.

    Args:
        windows: the complete windows of the served model, as `Judge.window` returned them.
        traffic: by day, as `archive.traffic` returned it, ready for JSON.
        latency_ms: the limit for an answer.
        broken: the expectations that live rows break, as sentences.
        rules: the table [monitor].
    """
    causes = decision.causes(windows, rules)
    faults = [*_faults(traffic, latency_ms, rules), *broken]
    if any(each["kind"] == decision.QUALITY for each in causes):
        name = DEGRADED
    elif causes:
        name = DRIFTED
    else:
        name = UNHEALTHY if faults else HEALTHY
    told = [*([decision.sentence(causes, rules.windows)] if causes else []), *faults]
    return {
        "verdict": name,
        "causes": causes,
        "faults": faults,
        "sentence": "; ".join(told) or _nothing(windows, rules),
    }


def _nothing(windows: Sequence[Json], rules: sections.Monitor) -> str:
    if not windows:
        return (
            f"too few requests for a verdict: a window needs {rules.window_rows:,} rows and "
            f"{counted(rules.window_days, 'day')}"
        )
    compared = sum(bool(each["drift"]) for each in windows)
    measured = sum(each["worse"] is not None for each in windows)
    drift = f"nothing has drifted in {counted(compared, 'window')}" if compared else UNMEASURED
    return f"{drift}; live quality is known for {measured} of {counted(len(windows), 'window')}"


def _faults(traffic: Sequence[Json], latency_ms: float, rules: sections.Monitor) -> list[str]:
    """What is wrong with the answers of the newest days, as sentences."""
    slow = [day["ms_p95"] is not None and day["ms_p95"] > latency_ms for day in traffic]
    failed = [day["failed"] > MOST_FAILED * max(day["requests"], 1) for day in traffic]
    found = []
    if _often(slow, rules):
        worst = traffic[-1]["ms_p95"]
        found.append(f"1 of 20 answers takes {worst:.0f} ms or more, the limit is {latency_ms:g}")
    if _often(failed, rules):
        day = traffic[-1]
        found.append(f"{day['failed']:,} of {day['requests']:,} requests failed on {day['date']}")
    return found


def _often(flags: Sequence[bool], rules: sections.Monitor) -> bool:
    newest = flags[-rules.windows :]
    return bool(newest and newest[-1] and sum(newest) >= min(rules.needed, len(newest)))


def request(
    found: Json, model_hash: str, before: Json | None, newest_run: str, at: datetime, known: bool
) -> tuple[Json | None, bool]:
    """The request to retrain that holds, and whether it is a new one.

    One cause is no reason twice. That the model is worse than promised is a cause of one model;
    drift is the same cause until it is gone, whatever is served meanwhile. A request that left no
    run is repeated after ASK_AGAIN.

    Args:
        found: the verdict.
        model_hash: of the served model.
        before: the request that held so far: `causes`, `at` and `reason`.
        newest_run: when the store's newest run was made; "" if there is none.
        at: now.
        known: whether there are enough windows to know that a cause is gone.
    """
    causes = set(decision.parts(found["causes"], model_hash))
    earlier = set(before["causes"]) if before else set()
    still = earlier & causes if known else earlier
    if before and causes <= still:
        unanswered = newest_run <= before["at"]
        late = at - datetime.fromisoformat(before["at"]) > ASK_AGAIN
        if not (causes and unanswered and late):
            return ({**before, "causes": sorted(still)} if still else None), False
    if not causes:
        return None, False
    return {
        "causes": sorted(still | causes),
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "reason": found["sentence"],
    }, True


def following(found: Json, by_workflow: bool) -> list[str]:
    """What to do next, as sentences; `by_workflow` if only GitHub's workflow may release."""
    local = found["environment"] == "local"
    target = "" if local else f" ENV={found['environment']}"
    workflow = "gh workflow run retrain.yml"
    retrain = workflow if by_workflow else f"make retrain{target}"
    steps = []
    if (evidence := found["shadow"]) and (gain := evidence["difference"]) and gain["high"] < 0:
        deploy = f"make deploy{target} RUN={evidence['run']}"
        steps.append(
            f"run {evidence['run']}, which was kept out, does better on live requests by "
            f"{-gain['value']:.3f} [{-gain['high']:.3f}, {-gain['low']:.3f}]: "
            f"`{f'{workflow} -f promote_only=true' if by_workflow else deploy}` compares it again"
        )
    if found["causes"] and found["request"] and not found["asked"] and not local:
        at = found["request"]["at"][:16].replace("T", " ")
        steps.append(f"a retraining for this cause was asked for on {at} UTC: see its outcome")
    elif found["causes"]:
        steps.append(f"`{retrain}`")
    return steps
