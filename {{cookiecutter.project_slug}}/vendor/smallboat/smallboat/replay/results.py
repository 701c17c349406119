"""What a replay found: numbers for replay.json, a table for the terminal, and one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation import bootstrap, evaluation
from ..problem import Problem
from ..words import counted
from .calendar import Moment
from .operation import Record
from .policies import DRIFT, NEVER

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]

SMOOTH, FEWEST = 12, 3
"""The curve is the error over a twelfth of all moments, but at least over three."""
POINTS = 200


def results(
    problem: Problem, live: pd.DataFrame, moments: list[Moment], records: Mapping[str, Record]
) -> Json:
    """The numbers of all policies.

    Returns:
        `primary`, `rows`, `groups`, `moments`, `baseline` (its error), `policies` (of each its
        `error`, that less the one of never, of the baseline and of the best policy, each with a
        95 % interval, and what it did), `curve` (`days`, `over` so many moments, and the errors of
        `baseline` and of each policy) and `answer`.
    """
    primary = problem.metrics.PRIMARY
    lines = {"baseline": problem.metrics.baseline(live)}
    lines |= {name: record.predicted for name, record in records.items()}
    errors = {name: Error.of(problem, live, predicted) for name, predicted in lines.items()}
    best = min(records, key=lambda name: errors[name].value)
    against = {"never": errors[NEVER], "baseline": errors["baseline"], "best": errors[best]}
    policies = {
        name: {
            "error": errors[name].less(),
            **{f"against_{other}": errors[name].less(each) for other, each in against.items()},
            **_done(record),
        }
        for name, record in records.items()
    }
    return {
        "primary": primary,
        "rows": len(live),
        "groups": int(live["group"].nunique()),
        "moments": len(moments),
        "baseline": errors["baseline"].value,
        "policies": policies,
        "curve": _curve(problem, live, moments, lines),
        "answer": answer(policies, primary),
    }


@dataclass(frozen=True)
class Error:
    """PRIMARY of predictions, and in each resample of the groups, shape [draws]."""

    value: float
    resampled: Array

    @classmethod
    def of(cls, problem: Problem, live: pd.DataFrame, predicted: Array) -> "Error":
        """The error of the answers to all rows of a replay."""
        primary = problem.metrics.PRIMARY
        value = problem.metrics.score(live, predicted)[primary]
        return cls(value, evaluation.resample(problem, live, predicted)[primary])

    def less(self, other: "Error | None" = None) -> dict[str, float]:
        """The error less another one, with its paired 95 % interval; alone if there is no other."""
        value, resampled = (other.value, other.resampled) if other else (0.0, 0.0)
        ends = self.value - value, *bootstrap.interval(self.resampled - resampled)
        pairs = zip(("value", "low", "high"), ends, strict=True)
        return {end: round(number, evaluation.DIGITS) for end, number in pairs}


def _done(record: Record) -> Json:
    """What a policy did, and how often."""
    outcomes = [each["outcome"] for each in record.retrainings]
    return {
        "released": outcomes.count("released"),
        "kept": outcomes.count("kept"),
        "drift_windows": sum(bool(each["drift"] or each["worse"]) for each in record.windows),
        "retrainings": record.retrainings,
        "windows": record.windows,
    }


def _curve(
    problem: Problem, live: pd.DataFrame, moments: list[Moment], lines: Mapping[str, Array]
) -> Json:
    """PRIMARY over the rows of the last moments, at each of at most POINTS moments."""
    over = min(max(FEWEST, round(len(moments) / SMOOTH)), len(moments))
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
    chosen = min(good, key=lambda name: len(policies[name]["retrainings"]))
    gains = {
        name: f"{name} {_signed(each['against_never'])}"
        + ("" if each["windows"] or name != DRIFT else " (no window was complete)")
        for name, each in policies.items()
        if name != NEVER
    }
    if chosen == NEVER:
        same = len(good) == len(policies)
        title = "No policy beats another" if same else "Do not retrain"
        why = f"no policy has a lower {primary} than {NEVER} beyond noise"
    else:
        title = f"Retrain {chosen}"
        often = counted(len(policies[chosen]["retrainings"]), "retraining")
        why = (
            f"no policy has a lower {primary} beyond noise, and each with fewer than its {often} "
            "has a higher one"
        )
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
