"""How good live predictions are, beside what the evaluation promised and beside the baseline."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..evaluation import bootstrap, evaluation
from ..evaluation.gates import FEWEST_GROUPS
from ..problem import Problem
from ..words import counted

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]


def measure(problem: Problem, frame: "pd.DataFrame", predicted: Array) -> Json | None:
    """The metrics of live predictions.

    Args:
        problem: the project's.
        frame: the rows whose outcome is known, shape [n, columns].
        predicted: the model's answers, shape [n] or [n, classes].

    Returns:
        `rows`, `groups`, `metrics`; with at least FEWEST_GROUPS groups also `intervals` (95 %);
        `baseline` and `difference` unless an input that the baseline needs is missing. None if
        there are no rows.

    Raises:
        UserError: a metric is no finite number.
    """
    if not len(frame):
        return None
    scores = problem.metrics.score(frame, predicted)
    found: Json = {"rows": len(frame), "groups": frame["group"].nunique(), "metrics": scores}
    enough = found["groups"] >= FEWEST_GROUPS
    if enough:
        found["intervals"] = evaluation.intervals(evaluation.resample(problem, frame, predicted))
    ends = [end for interval in found.get("intervals", {}).values() for end in interval]
    if not np.isfinite([*scores.values(), *ends]).all():
        raise UserError(f"metrics.py returns NaN or infinity for {counted(len(frame), 'row')}")
    baseline = problem.metrics.baseline(frame)
    if np.isfinite(baseline).all():
        found["baseline"] = problem.metrics.score(frame, baseline)
        if enough:
            found["difference"] = evaluation.difference(problem, frame, predicted, baseline)
    return found


def newest_groups(frame: "pd.DataFrame") -> Array:
    """Which rows are of the newest groups, as many as intervals can be made of; bool, shape [n]."""
    if not len(frame):
        return np.empty(0, dtype=bool)
    newest = frame["group"].drop_duplicates(keep="last").tail(bootstrap.MOST_GROUPS)
    found: Array = frame["group"].isin(newest).to_numpy()
    return found


def broken(problem: Problem, frame: "pd.DataFrame") -> list[str]:
    """The expectations about features that live rows break, as sentences.

    They are checked if the rows have every column of a feature table. Warnings do not count: they
    are about what is usual in a large table.
    """
    metrics, features = problem.metrics, problem.features
    needed = {"period", "group", "target", *metrics.SLICES, *features.OTHER_COLUMNS}
    if not len(frame) or not needed <= set(frame):
        return []
    from ..validation import validation

    views = problem.expectations.feature_views(frame)
    report = validation.run(problem.expectations.feature(), views)
    return validation.failures(validation.Report(report.errors))


def worse(live: Json | None, promised: Json | None, margin: float) -> bool | None:
    """Whether live predictions are worse than promised, beyond noise.

    They are if the whole 95 % interval of PRIMARY lies above the promise by more than the margin,
    and above the promise's own interval; or if they are worse than the baseline for sure. None if
    there are too few groups to know, or if there is no promise.
    """
    if live is None or promised is None or "intervals" not in live:
        return None
    primary = promised["metric"]
    low = live["intervals"][primary][0]
    limit = max(promised["value"] + margin, promised["interval"][1])
    beaten = "difference" in live and live["difference"][primary]["low"] > 0
    return bool(low > limit or beaten)
