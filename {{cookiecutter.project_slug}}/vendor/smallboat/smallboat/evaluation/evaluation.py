"""Metrics, intervals, slices and importance of a model's answers on held-out rows."""

from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from .. import periods
from ..problem import Problem
from ..store import bundle
from . import bootstrap

Array = np.ndarray[Any, np.dtype[Any]]

SHUFFLES = 3
MOST_ROWS = 20_000
"""Permutation importance uses at most so many rows."""
DIGITS = 9  # further ones are rounding noise of sums
UNBOUNDED = 1e9

Interval = dict[str, float]
"""A value, and the low and the high end of its interval."""


def score(problem: Problem, frame: pd.DataFrame, predicted: Array) -> dict[str, Any]:
    """All metrics, and PRIMARY as `score` (lower is better)."""
    scores = problem.metrics.score(frame, predicted)
    return {"metrics": scores, "score": scores[problem.metrics.PRIMARY]}


def resample(problem: Problem, frame: pd.DataFrame, predicted: Array) -> dict[str, Array]:
    """Each metric in every resample of the groups, shape [RESAMPLES]."""
    counts = bootstrap.counts(frame["group"].nunique())
    return problem.metrics.resampled(frame, predicted, counts)


def intervals(resampled: dict[str, Array]) -> dict[str, list[float]]:
    """The 95 % interval of each metric."""
    return {name: bootstrap.interval(values) for name, values in resampled.items()}


def difference(
    problem: Problem,
    frame: pd.DataFrame,
    predicted: Array,
    other: Array,
    coverage: float = 0.95,
) -> dict[str, Interval]:
    """Each metric of `predicted` minus that of `other`, with its interval."""
    scores, other_scores = (problem.metrics.score(frame, each) for each in (predicted, other))
    resampled, other_resampled = (resample(problem, frame, each) for each in (predicted, other))
    return {
        name: _rounded(
            scores[name] - other_scores[name],
            bootstrap.interval(resampled[name] - other_resampled[name], coverage),
        )
        for name in scores
    }


def against_baseline(problem: Problem, frame: pd.DataFrame, predicted: Array) -> dict[str, Any]:
    """Metrics of `predicted` with intervals, those of the baseline, and how the two compare.

    `relative_error` is PRIMARY as a share of the baseline's, with its interval.
    """
    baseline = problem.metrics.baseline(frame)
    return {
        **score(problem, frame, predicted),
        "primary": problem.metrics.PRIMARY,
        "intervals": intervals(resample(problem, frame, predicted)),
        "baseline": problem.metrics.score(frame, baseline),
        "difference": difference(problem, frame, predicted, baseline),
        "relative_error": _relative_error(problem, frame, predicted, baseline),
    }


def _relative_error(
    problem: Problem, frame: pd.DataFrame, predicted: Array, baseline: Array
) -> Interval:
    primary = problem.metrics.PRIMARY
    error, base = (problem.metrics.score(frame, each)[primary] for each in (predicted, baseline))
    errors, bases = (resample(problem, frame, each)[primary] for each in (predicted, baseline))
    (value,) = _shares(np.array([error]), np.array([base]))
    return _rounded(float(value), bootstrap.interval(_shares(errors, bases)))


def _shares(errors: Array, bases: Array) -> Array:
    """Each error as a share of the base; UNBOUNDED where that is 0."""
    shares: Array = np.divide(errors, bases, out=np.full(errors.shape, UNBOUNDED), where=bases != 0)
    return shares


def calibration_metrics(model: pd.DataFrame, trivial: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Means over groups, and their intervals, of what `metrics.calibration_metrics` returned.

    Returns:
        `metrics`, `intervals`, `baseline` and `difference`, each by metric.
    """
    counts = bootstrap.counts(len(model)) / len(model)
    found: dict[str, dict[str, Any]] = {
        part: {} for part in ("metrics", "intervals", "baseline", "difference")
    }
    for name in map(str, model):
        values, other = (table[name].to_numpy(dtype=np.float64) for table in (model, trivial))
        low, high = bootstrap.interval(counts @ (values - other))
        ends = {"value": float((values - other).mean()), "low": low, "high": high}
        found["metrics"][name], found["baseline"][name] = float(values.mean()), float(other.mean())
        found["intervals"][name] = bootstrap.interval(counts @ values)
        found["difference"][name] = {end: round(value, DIGITS) for end, value in ends.items()}
    return found


def slices(
    problem: Problem, frame: pd.DataFrame, predicted: Array, least: int
) -> list[dict[str, Any]]:
    """The mean error of each slice of at least `least` rows, and that of the baseline.

    Their `difference` has an interval over the slice's own groups, of which there may be few. A
    period has a `name` for people.
    """
    rows = frame[list(dict.fromkeys((*problem.metrics.SLICES, "group")))].assign(
        rows=1.0,
        error=problem.metrics.loss(frame, predicted),
        baseline=problem.metrics.loss(frame, problem.metrics.baseline(frame)),
    )
    unit = periods.unit(frame)
    return [
        {
            "by": by,
            "value": f"{value:g}" if isinstance(value, float) else str(value),
            **({"name": periods.named(value, unit)} if by == "period" else {}),
            **_slice(part),
        }
        for by in problem.metrics.SLICES
        for value, part in rows.groupby(by, observed=True)
        if len(part) >= least
    ]


def _slice(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean errors of a slice's rows, and their difference over its groups."""
    groups = rows.groupby(rows["group"].to_numpy())[["rows", "error", "baseline"]].sum()
    size, error, baseline = groups.to_numpy().T
    counts = bootstrap.counts(len(groups))
    resampled = (counts @ (error - baseline)) / (counts @ size)
    means = error.sum() / size.sum(), baseline.sum() / size.sum()
    return {
        "rows": len(rows),
        "groups": len(groups),
        "error": float(means[0]),
        "baseline": float(means[1]),
        "difference": _rounded(float(means[0] - means[1]), bootstrap.interval(resampled)),
    }


def _rounded(value: float, ends: list[float]) -> Interval:
    values = {"value": value, "low": ends[0], "high": ends[1]}
    return {end: round(number, DIGITS) for end, number in values.items()}


def class_rows(problem: Problem, frame: pd.DataFrame) -> dict[str, int]:
    """How many rows each class has; empty if the models answer no probabilities of classes."""
    output = problem.candidates.OUTPUT
    known = {"probability": ("0", "1"), "probabilities": output.classes}
    names = enumerate(known.get(output.kind, ()))
    return {name: int((frame["target"] == index).sum()) for index, name in names}


def importance(
    problem: Problem, onnx: bytes, frame: pd.DataFrame, columns: list[str], seed: int
) -> list[dict[str, Any]]:
    """How much PRIMARY increases if a group of features is shuffled, the most important first.

    Permutation importance: Breiman, Random Forests, Machine Learning 45, 2001. The features of a
    group are shuffled together, since each of them alone can be replaced by the others.
    """

    def primary(answers: Array) -> float:
        return problem.metrics.score(frame, answers)[problem.metrics.PRIMARY]

    rng = np.random.default_rng(seed)
    if len(frame) > MOST_ROWS:
        frame = frame.iloc[np.sort(rng.choice(len(frame), MOST_ROWS, replace=False))]
    rows = frame[columns].to_numpy(dtype=np.float32)
    unshuffled = primary(bundle.predict(onnx, rows))
    found = []
    for group, names in groups(problem, columns).items():
        own = [columns.index(name) for name in names]
        shuffled = np.tile(rows, (SHUFFLES, 1, 1))
        for values in shuffled:
            values[:, own] = rng.permutation(values[:, own])
        answers = np.split(bundle.predict(onnx, shuffled.reshape(-1, len(columns))), SHUFFLES)
        increase = float(np.mean([primary(each) for each in answers])) - unshuffled
        found.append({"group": group, "features": names, "importance": round(increase, DIGITS)})
    return sorted(found, key=lambda each: -each["importance"])


def groups(problem: Problem, columns: list[str]) -> dict[str, list[str]]:
    """The features by group: the first of `features.GROUPS` that takes it, or one of its own."""
    stated = [
        (group, pattern)
        for group, patterns in getattr(problem.features, "GROUPS", {}).items()
        for pattern in patterns
    ]
    found: dict[str, list[str]] = {}
    for name in columns:
        taken = (group for group, pattern in stated if fnmatchcase(name, pattern))
        found.setdefault(next(taken, name), []).append(name)
    return found
