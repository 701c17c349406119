"""Metrics, intervals, slices and importance of a model's answers on held-out rows."""

from typing import Any

import numpy as np
import pandas as pd

from ..problem import Problem
from ..store import bundle
from . import bootstrap

Array = np.ndarray[Any, np.dtype[Any]]

SHUFFLES = 3
MOST_ROWS = 20_000
"""Permutation importance uses at most so many rows."""
DIGITS = 9  # further ones are rounding noise of sums


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
) -> dict[str, dict[str, float]]:
    """Each metric of `predicted` minus that of `other`, with its interval: value, low and high."""
    scores, other_scores = (problem.metrics.score(frame, each) for each in (predicted, other))
    resampled, other_resampled = (resample(problem, frame, each) for each in (predicted, other))
    differences = {}
    for name in scores:
        low, high = bootstrap.interval(resampled[name] - other_resampled[name], coverage)
        values = {"value": scores[name] - other_scores[name], "low": low, "high": high}
        differences[name] = {end: round(value, DIGITS) for end, value in values.items()}
    return differences


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
    """The mean error of each slice of at least `least` rows, and that of the baseline."""
    rows = frame[list(problem.metrics.SLICES)].assign(
        rows=1,
        error=problem.metrics.loss(frame, predicted),
        baseline=problem.metrics.loss(frame, problem.metrics.baseline(frame)),
    )
    found = []
    for by in problem.metrics.SLICES:
        means = rows.groupby(by, observed=True).agg(
            rows=("rows", "size"), error=("error", "mean"), baseline=("baseline", "mean")
        )
        large = means[means["rows"] >= least]
        found += [
            {"by": by, "value": str(value), "rows": int(rows), "error": error, "baseline": baseline}
            for value, rows, error, baseline in large.itertuples()
        ]
    return found


def importance(
    problem: Problem, onnx: bytes, frame: pd.DataFrame, columns: list[str], seed: int
) -> list[dict[str, Any]]:
    """How much PRIMARY rises if a feature's values are shuffled; the largest rise comes first.

    Permutation importance: Breiman, Random Forests, Machine Learning 45, 2001.
    """

    def primary(answers: Array) -> float:
        return problem.metrics.score(frame, answers)[problem.metrics.PRIMARY]

    rng = np.random.default_rng(seed)
    if len(frame) > MOST_ROWS:
        frame = frame.iloc[np.sort(rng.choice(len(frame), MOST_ROWS, replace=False))]
    rows = frame[columns].to_numpy(dtype=np.float32)
    unshuffled = primary(bundle.predict(onnx, rows))
    rises = {}
    for column, name in enumerate(columns):
        shuffled = np.tile(rows, (SHUFFLES, 1, 1))
        for values in shuffled:
            values[:, column] = rng.permutation(values[:, column])
        answers = bundle.predict(onnx, shuffled.reshape(-1, len(columns))).reshape(SHUFFLES, -1)
        rises[name] = round(
            float(np.mean([primary(each) for each in answers])) - unshuffled, DIGITS
        )
    ranked = sorted(rises.items(), key=lambda pair: -pair[1])
    return [{"feature": name, "rise": rise} for name, rise in ranked]
