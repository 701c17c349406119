"""`make monitor`: captured requests and their outcomes against what the release promised."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..aws import aws
from ..captured import archive
from ..cloud import step_functions
from ..config import config
from ..errors import UserError
from ..problem import Problem
from ..release import history, targets
from ..release.commands import NOTHING
from ..reports import monitor as report
from ..store import runs, s3_cache, store
from ..workflows import notices
from . import cloudwatch, shadow, verdict
from .judging import Judge, newest
from .outcomes import Outcomes

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]
DAYS = 90
"""Requests of so many days are looked at, unless SINCE says otherwise."""
DUE = 5
"""Exit code: the model has drifted or is worse than promised."""
FOLDER, REPORT = "monitoring", "report.html"
REQUEST = f"{FOLDER}/request.json"


def monitor(problem: Problem, environment: str, since: str | None) -> int:
    """Judge what is served by captured requests; 0 if it is well, 5 if it should be retrained."""
    settings = config.load(problem, environment)
    found = watch(problem, settings, since)
    _remember(settings, found)
    print(report.text(problem, found))
    print(f"report  {s3_cache.local_folder(settings.store.root) / FOLDER / REPORT}")
    notices.ended(found["verdict"], found["sentence"])
    notices.output(verdict=found["verdict"], retrain=str(found["asked"]).lower())
    return DUE if found["causes"] else 0


def in_flow(problem: Problem, flow: Any) -> Json:
    """The same in a step of a flow on Step Functions; starts the training flow if one is due."""
    settings = config.check(flow.config.to_dict())
    found = watch(problem, settings)
    print(report.text(problem, found))
    if found["asked"]:
        step_functions.start(aws.Environment(settings))
    _remember(settings, found)
    return found


def watch(problem: Problem, settings: config.Settings, since: str | None = None) -> Json:
    """Read what was captured, judge it, and keep verdict, report and metrics.

    The request to retrain is kept by `_remember`, once somebody has it.

    Args:
        problem: the project's.
        settings: the environment's.
        since: the first day, as yyyy-mm-dd.

    Returns:
        What verdict.json holds; see the library's docs/monitoring.md.

    Raises:
        UserError: nothing is released, nothing is captured, or what was captured can't be read.
    """
    root, now = settings.store.root, datetime.now(UTC)
    first = _day(since, now) if since else (now - timedelta(days=DAYS)).date()
    target = targets.of(problem, settings)
    served = target.current()
    if served is None:
        raise UserError(NOTHING)
    collected = archive.collect(problem, settings)
    judge = _judge(problem, settings, served, first)
    times = {"since": first.isoformat(), "until": now.isoformat(timespec="seconds")}
    judged, events = _judged(judge, settings, served["model_hash"], first), target.history()
    live = {name: told | times for name in judge.models if (told := judge.live(name))}
    found = {
        "at": times["until"],
        "environment": settings.aws.environment if settings.aws else "local",
        "since": times["since"],
        "release": served,
        "collected": {"new": collected.new, "source": collected.source},
        **judged,
        "live": live,
        "releases": history.releases(root, events, live),
        "notes": [*collected.notes, *judge.notes],
    }
    found["request"], found["asked"] = _request(settings, found, now)
    found["next"] = verdict.following(found, _by_workflow(settings))
    frame, predicted, _ = judge.pooled(served["model_hash"])
    _keep(settings, found, report.html(problem, found, frame, predicted))
    history.write(root, events)
    return found


def _judge(problem: Problem, settings: config.Settings, served: Json, first: date) -> Judge:
    """Judges what was asked since a day, beside the challenger that was kept out, if any."""
    root = settings.store.root
    outcomes = Outcomes(problem, root, archive.keys(root, first))
    run = shadow.challenger(outcomes.evaluations, served, history.kept_out(root))
    return Judge(problem, settings, outcomes, shadow.Shadow(root, run) if run else None)


def _judged(judge: Judge, settings: config.Settings, model_hash: str, first: date) -> Json:
    """The verdict on the served model, and all that it follows from."""
    root, rules = settings.store.root, settings.monitor
    each = archive.windows(root, first, rules.window_rows, rules.window_days)
    windows = sorted(map(judge.window, each), key=lambda window: str(window["last"]))
    traffic = _by_day(archive.traffic(root, first))
    limit = settings.release.latency_ms + (settings.aws.network_overhead_ms if settings.aws else 0)
    own, broken = newest(windows, model_hash), judge.broken(model_hash)
    rows, difference = judge.against_shadow(model_hash)
    other = judge.shadow
    return verdict.of(own, traffic, limit, broken, rules) | {
        "truth": judge.truth(),
        "windows": windows,
        "traffic": traffic,
        "promise": {name: model.promise for name, model in judge.models.items()},
        "shadow": other and shadow.evidence(model_hash, other.run, rows, difference),
    }


def _day(since: str, now: datetime) -> date:
    try:
        day = datetime.strptime(since, "%Y-%m-%d").date()
    except ValueError:
        raise UserError(f"SINCE={since} is no date: write it as 2026-11-30") from None
    if day > now.date():
        raise UserError(f"SINCE={since} is in the future: today is {now.date()} (UTC)")
    return day


def _by_day(traffic: "pd.DataFrame") -> list[Json]:
    """Traffic as plain JSON, the oldest day first."""
    columns = traffic.astype(object).where(traffic.notna(), None)
    return [
        {"date": str(day)[:10], **{str(name): columns[name][day] for name in columns}}
        for day in traffic.index
    ]


def _request(settings: config.Settings, found: Json, now: datetime) -> tuple[Json | None, bool]:
    """The request to retrain that holds now, and whether it is a new one."""
    root = settings.store.root
    before = store.read_changing(root, REQUEST, {}) or None
    model_hash = found["release"]["model_hash"]
    newest_run = next((str(each["created"]) for each in runs.evaluations(root).values()), "")
    if _by_workflow(settings):
        if not notices.in_workflow():
            return before, False  # nobody would start a retraining
        newest_run = now.isoformat()  # another environment trains: only its store has all runs
    known = len(newest(found["windows"], model_hash)) >= settings.monitor.needed
    return verdict.request(found, model_hash, before, newest_run, now, known)


def _by_workflow(settings: config.Settings) -> bool:
    """Whether only GitHub's workflow may release to the environment."""
    return settings.aws is not None and settings.aws.released_by == "workflow"


def _keep(settings: config.Settings, found: Json, page: str) -> None:
    """Write what the monitor found into the store, and tell CloudWatch."""
    root = settings.store.root
    files = {
        "live.json": store.to_json(history.live(root, found["live"])),
        "verdict.json": store.to_json(found),
        REPORT: page.encode(),
    }
    if found["shadow"]:
        files["shadow.json"] = store.to_json(found["shadow"])
    for name, content in files.items():
        store.replace(root, f"{FOLDER}/{name}", content)
    if settings.aws:
        cloudwatch.put(aws.Environment(settings), found)


def _remember(settings: config.Settings, found: Json) -> None:
    """Keep the request to retrain, so that it is not made twice, and tell people of a new one."""
    store.replace(settings.store.root, REQUEST, store.to_json(found["request"]))
    if found["asked"]:
        notices.tell(settings, found["verdict"], found["sentence"])
