"""What a model's answers on held-out rows show: metrics, intervals, slices, importance."""

from typing import Any

import numpy as np
import pandas as pd

from ..problem import Problem
from ..store import bundle
from . import bootstrap

Array = np.ndarray[Any, np.dtype[Any]]

SHUFFLES = 3
MOST_ROWS = 20_000
"""More rows would say the same of a column, and take longer."""
DIGITS = 9  # what lies behind is the noise of adding up


def score(problem: Problem, frame: pd.DataFrame, predicted: Array) -> dict[str, Any]:
    """All metrics, and the one that decides as `score` (lower is better)."""
    scores = problem.metrics.score(frame, predicted)
    return {"metrics": scores, "score": scores[problem.metrics.PRIMARY]}


def resample(problem: Problem, frame: pd.DataFrame, predicted: Array) -> dict[str, Array]:
    """Each metric of a prediction in every resample of the groups, shape [RESAMPLES]."""
    counts = bootstrap.counts(frame["group"].nunique())
    resampled: dict[str, Array] = problem.metrics.resampled(frame, predicted, counts)
    return resampled


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
    """Each metric of a prediction minus that of another on the same rows, with its interval."""
    here, there = problem.metrics.score(frame, predicted), problem.metrics.score(frame, other)
    ours, theirs = resample(problem, frame, predicted), resample(problem, frame, other)
    shown = {}
    for name in here:
        low, high = bootstrap.interval(ours[name] - theirs[name], coverage)
        ends = {"value": here[name] - there[name], "low": low, "high": high}
        shown[name] = {end: round(value, DIGITS) for end, value in ends.items()}
    return shown


def slices(
    problem: Problem, frame: pd.DataFrame, predicted: Array, least: int
) -> list[dict[str, Any]]:
    """The mean error of each slice of at least that many rows, beside the baseline's."""
    rows = frame[list(problem.metrics.SLICES)].assign(
        rows=1,
        error=problem.metrics.loss(frame, predicted),
        baseline=problem.metrics.loss(frame, problem.metrics.baseline(frame)),
    )
    shown = []
    for by in problem.metrics.SLICES:
        means = rows.groupby(by, observed=True).agg(
            rows=("rows", "size"), error=("error", "mean"), baseline=("baseline", "mean")
        )
        enough = means[means["rows"] >= least]
        shown += [
            {"by": by, "value": str(value), "rows": int(rows), "error": error, "baseline": baseline}
            for value, rows, error, baseline in enough.itertuples()
        ]
    return shown


def importance(
    problem: Problem, onnx: bytes, frame: pd.DataFrame, columns: list[str], seed: int
) -> list[dict[str, Any]]:
    """How much worse PRIMARY gets when a column's values change rows; the greatest rise first.

    Of more than MOST_ROWS rows, so many are drawn. Permutation importance: Breiman, Random Forests,
    Machine Learning 45, 2001.
    """
    rng = np.random.default_rng(seed)
    if len(frame) > MOST_ROWS:
        frame = frame.iloc[np.sort(rng.choice(len(frame), MOST_ROWS, replace=False))]
    rows = frame[columns].to_numpy(dtype=np.float32)
    whole = problem.metrics.score(frame, bundle.predict(onnx, rows))[problem.metrics.PRIMARY]
    rises = {}
    for column, name in enumerate(columns):
        shuffled = np.tile(rows, (SHUFFLES, 1, 1))
        for values in shuffled:
            values[:, column] = rng.permutation(values[:, column])
        answers = bundle.predict(onnx, shuffled.reshape(-1, len(columns)))
        scores = [
            problem.metrics.score(frame, a)[problem.metrics.PRIMARY]
            for a in answers.reshape(SHUFFLES, -1)
        ]
        rises[name] = round(float(np.mean(scores)) - whole, DIGITS)
    ranked = sorted(rises.items(), key=lambda pair: -pair[1])
    return [{"feature": name, "rise": rise} for name, rise in ranked]
