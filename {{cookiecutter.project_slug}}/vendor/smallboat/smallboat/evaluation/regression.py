"""How good predicted numbers are, and in which interval the true ones lie."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .bootstrap import Sums, mean

Array = np.ndarray[Any, np.dtype[Any]]
COVERAGE = 0.9
"""The share of rows whose target lies in its interval."""
TINY = float(np.finfo(np.float32).tiny)


def measured(target: Array, answers: Array, drawn: Sums) -> dict[str, Array]:
    """Each metric in each draw.

    Args:
        target: shape [n].
        answers: predictions of it, shape [n].
        drawn: what `bootstrap.sums` returned.

    Returns:
        Of shape [draws]: `mae`, `rmse` and `bias` in the target's unit; `relative_mae` and
        `relative_rmse`, as shares of what the median or the mean of all rows has; and `r2`, which
        is 0 where the target is constant.
    """
    error, apart = answers - target, target - target.mean()
    squared = mean(error**2, drawn)
    spread = mean(apart**2, drawn) - mean(apart, drawn) ** 2
    known = spread > np.finfo(np.float64).eps * np.square(target).max()
    mae, rmse = mean(np.abs(error), drawn), np.sqrt(squared)
    return {
        "mae": mae,
        "rmse": rmse,
        "relative_mae": mae / constant_mae(target),
        "relative_rmse": rmse / max(float(target.std()), TINY),
        "r2": np.where(known, 1 - squared / np.where(known, spread, 1), 0.0),
        "bias": mean(error, drawn),
    }


def constant_mae(target: Array) -> float:
    """The mean absolute error of the median; TINY if the target is constant."""
    return max(float(np.abs(target - np.median(target)).mean()), TINY)


def interval(target: Array, answers: Array, relative: bool) -> dict[str, Any]:
    """In which interval around an answer the target lies with a chance of COVERAGE.

    Split conformal prediction: Lei et al., Distribution-Free Predictive Inference for Regression,
    JASA 113, 2018. Fewer than 9 rows are all covered.

    Args:
        target: of rows that the model has not seen, shape [n].
        answers: the model's, shape [n].
        relative: whether errors are shares of the answer; then both must be positive.

    Returns:
        `low` and `high`, to be added to an answer, or if `relative` to be multiplied with it, and
        `coverage`.
    """
    apart = np.sort(np.abs(np.log(target / answers) if relative else target - answers))
    enough = min(int(np.ceil(COVERAGE * (len(apart) + 1))), len(apart))
    half = float(apart[enough - 1])
    low, high = (float(np.exp(-half)), float(np.exp(half))) if relative else (-half, half)
    return {"low": low, "high": high, "coverage": COVERAGE, "relative": relative}


def bounds(interval: Mapping[str, Any], answers: Array) -> tuple[Array, Array]:
    """The low and the high ends of the intervals of answers, each of shape [n]."""
    low, high = interval["low"], interval["high"]
    if interval["relative"]:
        return answers * low, answers * high
    return answers + low, answers + high


def covered(
    interval: Mapping[str, Any], target: Array, answers: Array, group: Array
) -> pd.DataFrame:
    """The share of each group's rows in their interval, and its mean width, in the groups' order.

    Returns:
        A row a group, with `interval_coverage` and `interval_width`, which is in the target's unit.
    """
    low, high = bounds(interval, answers)
    inside = (low <= target) & (target <= high)
    rows = pd.DataFrame({"interval_coverage": inside, "interval_width": high - low})
    return rows.groupby(group, sort=False).mean()
