"""How good the predicted chances of a purchase are: their order, and whether they come true.

Few sessions purchase, so accuracy says almost nothing: that nobody ever does is right most of the
time. Average precision asks how many of those who are said to purchase do, from the likeliest down.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]

PRIMARY = "ap_error"
"""1 - average precision; lower is better."""

LOSS = "log_loss"
"""The metric that `loss` is of."""

SLICES = ("period", "events_after", "weekday")
"""The columns whose values the error is looked at one by one."""

CHALLENGE = {0: 1.0, 2: 0.9, 4: 0.8, 6: 0.7, 8: 0.6, 10: 0.5}
"""What the accuracy so many events after the first add counts in the SIGIR eCom challenge 2021."""

BINS = 10
STEPS = 500
"""Resamples tell so many different chances apart, at most."""


def score(frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    """The metrics of a prediction.

    Args:
        frame: a feature table.
        predicted: the chance of a purchase, shape [len(frame)].

    Returns:
        `ap_error` (1 - `ap`), `ap` (average precision), `roc_auc`, `log_loss`, `ece` (expected
        calibration error: how far the purchases of BINS bins of equal size lie from the mean
        predicted, on average) and `challenge` (weighted sum of accuracies, 4.5 at most).
    """
    whole, once = np.zeros(len(frame), dtype=np.int64), np.ones((1, 1))
    found = _measured(frame, predicted, whole, once, len(frame))
    return {name: float(value[0]) for name, value in found.items()}


def resampled(frame: pd.DataFrame, predicted: Array, counts: Array) -> dict[str, Array]:
    """Each metric as if days had been drawn with replacement.

    Where more than STEPS different chances are predicted, neighbours count as one step: what this
    changes in a metric is far below a thousandth. The bins of `ece` are those of the whole table.

    Args:
        frame: a feature table.
        predicted: the chance of a purchase, shape [len(frame)].
        counts: how often each day was drawn, shape [draws, days], in the order of the table.

    Returns:
        Each metric of `score`, shape [draws].
    """
    return _measured(frame, predicted, frame["group"].factorize()[0], counts, STEPS)


def _measured(
    frame: pd.DataFrame, predicted: Array, group: Array, counts: Array, most: int
) -> dict[str, Array]:
    """Each metric when the rows of each group, shape [rows], count so often, [draws, groups]."""
    chance, bought = as_target(frame, predicted), frame["target"].to_numpy(dtype=np.float64)

    def drawn(code: Array, values: Array) -> Array:
        """The sums of values, shape [rows], by code in each draw, shape [draws, codes]."""
        codes, groups = int(code.max()) + 1, counts.shape[1]
        sums = np.bincount(group * codes + code, values, minlength=groups * codes)
        summed: Array = counts @ sums.reshape(groups, codes)
        return summed

    every, whole = np.ones(len(frame)), np.zeros(len(frame), dtype=np.int64)
    rows = drawn(whole, every)[:, 0]
    step, tied = _steps(-chance, most)
    there, positive = drawn(step, every), drawn(step, bought)
    precision = _average_precision(there, positive, tied)
    bins = _steps(chance, BINS)[0]
    apart = np.abs(drawn(bins, bought) - drawn(bins, chance)).sum(axis=1)
    return {
        "ap_error": 1 - precision,
        "ap": precision,
        "roc_auc": _area(there, positive),
        "log_loss": drawn(whole, loss(frame, predicted))[:, 0] / rows,
        "ece": np.round(apart / rows, 12),  # what lies behind is the noise of adding up
        "challenge": _challenge(frame, (chance >= 0.5) == bought, drawn),
    }


def _steps(values: Array, most: int) -> tuple[Array, Array]:
    """Values in ascending order as at most so many steps of equal size; equal ones share a step.

    Returns:
        The step of each value, and of each step whether all its values are equal.
    """
    different, code, size = np.unique(values, return_inverse=True, return_counts=True)
    if len(different) <= most:
        return code, np.ones(len(different), dtype=bool)
    before = np.cumsum(size) - size
    _, step, held = np.unique(before * most // len(values), return_inverse=True, return_counts=True)
    return step[code], held == 1


def _average_precision(there: Array, positive: Array, tied: Array) -> Array:
    """Average precision, shape [draws], of steps from the likeliest down, shape [draws, steps].

    A step of one chance is reached as a whole; within another the rows come one after the other, so
    that half of it has come for the middle one. Without a purchase it is 0.
    """
    reached = np.where(tied, 1.0, 0.5)
    hits = np.cumsum(positive, axis=1) - (1 - reached) * positive
    seen = np.cumsum(there, axis=1) - (1 - reached) * there
    found = (positive * hits / np.maximum(seen, 0.5)).sum(axis=1)
    area: Array = found / np.maximum(positive.sum(axis=1), 1)
    return area


def _area(there: Array, positive: Array) -> Array:
    """The area below the ROC curve, shape [draws]: how often who purchases is the likelier one.

    .5 where all purchase or none does.
    """
    negative = there - positive
    less = negative.sum(axis=1, keepdims=True) - np.cumsum(negative, axis=1) + negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    found = (positive * less).sum(axis=1)
    return np.where(pairs > 0, found / np.maximum(pairs, 1), 0.5)


def _challenge(frame: pd.DataFrame, right: Array, drawn: Any) -> Array:
    """The challenge's sum; a number of events after the add that no row has adds nothing."""
    after = frame["events_after"].to_numpy(dtype=np.int64)
    place = np.searchsorted(list(CHALLENGE), after)
    hits, there = drawn(place, right.astype(np.float64)), drawn(place, np.ones(len(after)))
    accuracy = hits / np.maximum(there, 1)
    weights = np.array(list(CHALLENGE.values()))[: accuracy.shape[1]]
    total: Array = accuracy @ weights
    return total


def loss(frame: pd.DataFrame, predicted: Array) -> Array:
    """The logarithmic loss of each row, shape [len(frame)]; its mean is the metric LOSS."""
    chance, bought = as_target(frame, predicted), frame["target"].to_numpy(dtype=np.float64)
    told = np.where(bought == 1, chance, 1 - chance)
    missed: Array = -np.log(np.maximum(told, np.finfo(np.float64).eps))
    return missed


def calibration(frame: pd.DataFrame, predicted: Array) -> dict[str, list[float]]:
    """The reliability curve: how many purchase of those whose chance is said to be so.

    Args:
        frame: rows that the model has not seen.
        predicted: the chance of a purchase, shape [len(frame)].

    Returns:
        By bin of equal size, ascending: `predicted` (the mean), `observed` (the share that
        purchases), `low` and `high` (its 95 % interval) and `rows`. The interval is Wilson's
        (Probable Inference, 1927), for as many trials as the bin has sessions: the rows of a
        session end alike.
    """
    rows = pd.DataFrame(
        {
            "predicted": as_target(frame, predicted),
            "observed": frame["target"].to_numpy(dtype=np.float64),
            "entity": frame["entity"].to_numpy(),
        }
    )
    bins = rows.groupby(_steps(rows["predicted"].to_numpy(), BINS)[0])
    table = bins[["predicted", "observed"]].mean()
    doubt = 1.96**2 / bins["entity"].nunique()
    middle = (table["observed"] + doubt / 2) / (1 + doubt)
    variance = table["observed"] * (1 - table["observed"]) * doubt + doubt**2 / 4
    half = np.sqrt(variance) / (1 + doubt)
    table = table.assign(low=middle - half, high=middle + half).clip(0, 1).round(6)
    table["rows"] = bins.size()
    return {str(name): column.tolist() for name, column in table.items()}


def decide(frame: pd.DataFrame, predicted: Array, costs: Mapping[str, float]) -> dict[str, float]:
    """From which chance on a visitor should be approached.

    Args:
        frame: rows that the model has not seen.
        predicted: the chance of a purchase, shape [len(frame)].
        costs: `contact_cost` of approaching one who does not purchase, `missed_cost` of not
            approaching one who does.

    Returns:
        `threshold` (the cheapest on these rows; 0 = all are approached, 1 = nobody is), both costs,
        and a row's mean cost: `expected_cost`, and `without_model` if all or nobody is approached,
        whichever is cheaper.
    """
    contact, missed = float(costs["contact_cost"]), float(costs["missed_cost"])
    chance, bought = as_target(frame, predicted), frame["target"].to_numpy(dtype=np.float64)
    different, code = np.unique(chance, return_inverse=True)
    buyers = np.bincount(code, bought)
    others = np.bincount(code, 1 - bought)
    below = np.concatenate([[0.0], np.cumsum(missed * buyers)])  # not approached
    above = np.concatenate([np.cumsum((contact * others)[::-1])[::-1], [0.0]])
    cost = (below + above) / len(chance)
    between = (different[1:] + different[:-1]) / 2
    thresholds = np.concatenate([[0.0], between, [1.0]])
    best = int(np.argmin(cost))
    return {
        "threshold": round(float(thresholds[best]), 6),
        "contact_cost": contact,
        "missed_cost": missed,
        "expected_cost": float(cost[best]),
        "without_model": float(min(cost[0], cost[-1])),
    }


def as_target(frame: pd.DataFrame, predicted: Array) -> Array:
    """The predicted chances, shape [len(frame)], in the unit of the target.

    Raises:
        ValueError: a prediction is not a finite number, or none from 0 to 1.
    """
    chance = np.asarray(predicted, dtype=np.float64)
    if len(chance) != len(frame):
        raise ValueError(f"{len(chance)} predictions for {len(frame)} rows")
    if not np.isfinite(chance).all():
        raise ValueError("predictions that are not finite numbers are no chances")
    if chance.min(initial=0) < 0 or chance.max(initial=1) > 1:
        raise ValueError("predictions that are not between 0 and 1 are no chances")
    return chance


def baseline(frame: pd.DataFrame) -> Array:
    """All purchase with the same chance: the share that does."""
    return np.full(len(frame), frame["target"].mean())
