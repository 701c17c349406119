"""What a replay found: numbers for replay.json, a table for the terminal, and one sentence."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation import bootstrap, evaluation
from ..problem import Problem
from ..words import counted
from .calendar import Moment
from .operation import Record
from .policies import DRIFT, NEVER, OWN

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]

SMOOTH = 12
"""The curve is the error over a twelfth of all moments."""
POINTS = 200


def results(
    problem: Problem, live: pd.DataFrame, moments: list[Moment], records: Mapping[str, Record]
) -> Json:
    """The numbers of all policies.

    Returns:
        `primary`, `rows`, `groups`, `baseline` (its error), `policies` (see `_policy`), `curve`
        (`days`, `over` so many moments, and the errors of `baseline` and of each policy) and
        `answer`.
    """
    primary = problem.metrics.PRIMARY
    baseline = problem.metrics.baseline(live)
    never = records[NEVER].predicted
    policies = {name: _policy(problem, live, each, never) for name, each in records.items()}
    best = min(policies, key=lambda name: policies[name]["error"]["value"])
    for name, record in records.items():
        others = record.predicted, records[best].predicted
        found = evaluation.difference(problem, live, *others)[primary]
        policies[name]["against_best"] = found
    lines = {"baseline": baseline} | {name: each.predicted for name, each in records.items()}
    return {
        "primary": primary,
        "rows": len(live),
        "groups": int(live["group"].nunique()),
        "moments": len(moments),
        "baseline": problem.metrics.score(live, baseline)[primary],
        "policies": policies,
        "curve": _curve(problem, live, moments, lines),
        "answer": answer(policies, primary),
    }


def _policy(problem: Problem, live: pd.DataFrame, record: Record, never: Array) -> Json:
    """Errors with 95 % intervals, and what was done."""
    primary, predicted = problem.metrics.PRIMARY, record.predicted
    low, high = bootstrap.interval(evaluation.resample(problem, live, predicted)[primary])
    value = problem.metrics.score(live, predicted)[primary]
    against = {
        f"against_{name}": evaluation.difference(problem, live, predicted, other)[primary]
        for name, other in (("never", never), ("baseline", problem.metrics.baseline(live)))
    }
    return {
        "error": {"value": value, "low": low, "high": high},
        **against,
        "released": record.count("released"),
        "kept": record.count("kept"),
        "drift_windows": sum(bool(each["drift"] or each["worse"]) for each in record.windows),
        "retrainings": record.retrainings,
        "windows": record.windows,
    }


def _curve(
    problem: Problem, live: pd.DataFrame, moments: list[Moment], lines: Mapping[str, Array]
) -> Json:
    """PRIMARY over the rows of the last moments, at each of at most POINTS moments."""
    over = max(1, round(len(moments) / SMOOTH))
    ends = np.unique(np.linspace(over - 1, len(moments) - 1, POINTS).round().astype(int))
    spans = [slice(moments[end - over + 1].rows.start, moments[end].rows.stop) for end in ends]

    def errors(predicted: Array) -> list[float]:
        primary = problem.metrics.PRIMARY
        return [problem.metrics.score(live.iloc[at], predicted[at])[primary] for at in spans]

    days = [f"{moments[end].day:%Y-%m-%d}" for end in ends]
    return {"over": over, "days": days} | {"errors": {k: errors(v) for k, v in lines.items()}}


def answer(policies: Mapping[str, Json], primary: str) -> Json:
    """How often to retrain: the fewest retrainings that are as good as the best, within noise.

    A policy is as good if the 95 % interval of the paired difference includes 0.

    Returns:
        Whether retraining `helps`, and the answer as a `title` and `why`.
    """
    good = [name for name in policies if policies[name]["against_best"]["low"] <= 0]
    chosen = min(good, key=lambda name: (len(policies[name]["retrainings"]), name != OWN))
    gains = {
        name: f"{name} {_signed(each['against_never'])}"
        + ("" if each["windows"] or name != DRIFT else " (no window was complete)")
        for name, each in policies.items()
        if name != NEVER
    }
    if chosen == NEVER:
        title = "Retraining makes no difference beyond noise"
        why = f"no policy has a lower {primary} than {NEVER} for sure"
    else:
        title = f"Retrain {chosen}"
        often = counted(len(policies[chosen]["retrainings"]), "retraining")
        why = f"with its {often} no policy has a lower {primary} for sure"
    return {
        "helps": chosen != NEVER,
        "title": title,
        "why": f"{why}; against {NEVER}: {'; '.join(gains.values())}",
    }


def _signed(difference: Mapping[str, float]) -> str:
    return "{value:+.3f} [{low:+.3f}, {high:+.3f}]".format(**difference)


def table(found: Mapping[str, Any]) -> str:
    """The policies in lines, then the answer."""
    heads = (found["primary"], "95 % interval", "against never", "retrained", "released", "kept")
    rows = [["policy", *heads, "windows with drift"]]
    for name, each in found["policies"].items():
        interval = "{low:.3f} to {high:.3f}".format(**each["error"])
        against = "" if name == NEVER else _signed(each["against_never"])
        number = (len(each["retrainings"]), each["released"], each["kept"])
        drift = f"{each['drift_windows']} of {len(each['windows'])}" if each["windows"] else "-"
        value = f"{each['error']['value']:.3f}"
        rows.append([name, value, interval, against, *map(str, number), drift])
    rows.append(["baseline", f"{found['baseline']:.3f}"])
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(len(rows[0]))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    answered = "{title}: {why}.".format(**found["answer"])
    return "\n".join([*lines, "", answered])
