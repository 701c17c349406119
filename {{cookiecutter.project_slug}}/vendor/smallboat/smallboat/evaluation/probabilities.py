"""How good probabilities are: their order, and whether they come true. n is the number of rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .bootstrap import Sums, mean

Array = np.ndarray[Any, np.dtype[Any]]

BINS = 10
STEPS = 500
"""Resamples tell so many different probabilities apart, at most."""


def measured(target: Array, probability: Array, drawn: Sums, most: int) -> dict[str, Array]:
    """Each metric in each draw.

    Args:
        target: 0 or 1, shape [n].
        probability: of 1, shape [n].
        drawn: what `bootstrap.sums` returned.
        most: where more different probabilities are predicted, neighbours count as one step: what
            this changes in a metric is far below a thousandth.

    Returns:
        Of shape [draws]: `ap_error` (1 - `ap`), `ap` (average precision), `roc_auc`, `log_loss` and
        `ece` (expected calibration error: how far the share of 1 in BINS bins of equal size, those
        of the whole table, lies from the mean predicted, on average).
    """
    there, positive, tied = _ranked(target, probability, drawn, most)
    precision = _average_precision(there, positive, tied)
    bins = _steps(probability, np.ones(len(target)), BINS)[0]
    rows = drawn(bins, np.ones(len(target))).sum(axis=1)
    apart = np.abs(drawn(bins, target) - drawn(bins, probability)).sum(axis=1)
    return {
        "ap_error": 1 - precision,
        "ap": precision,
        "roc_auc": _area(there, positive),
        "log_loss": mean(log_losses(target, probability), drawn),
        "ece": np.round(apart / rows, 12),  # what lies behind is the noise of adding up
    }


def measured_classes(target: Array, probability: Array, drawn: Sums, most: int) -> dict[str, Array]:
    """Each metric of the probabilities of k classes in each draw; see `measured`.

    Args:
        target: the index of the class, shape [n].
        probability: of each class, shape [n, k].
        drawn: what `bootstrap.sums` returned.
        most: of a class's different probabilities.

    Returns:
        Of shape [draws]: `log_loss`, `error_rate` (of the likeliest class), `accuracy`, and
        `macro_ap` (the mean of the average precisions of the classes that there are).
    """
    wrong = mean(probability.argmax(axis=1) != target, drawn)
    each = [
        _average_precision(*_ranked(own, probability[:, at], drawn, most))
        for at in range(probability.shape[1])
        if (own := (target == at).astype(np.float64)).any()
    ]
    return {
        "log_loss": mean(log_losses(target, probability), drawn),
        "error_rate": wrong,
        "accuracy": 1 - wrong,
        "macro_ap": np.mean(each, axis=0),
    }


def _ranked(
    target: Array, probability: Array, drawn: Sums, most: int
) -> tuple[Array, Array, Array]:
    """Steps from the likeliest down.

    A step has as much of all rows and of those of class 1 as another, on average, so that a rare
    class is spread over many steps, too.

    Returns:
        Rows, and rows of class 1, in each draw and step, shape [draws, steps], and of each step
        whether all its probabilities are equal.
    """
    weight = 1 / len(target) + target / max(target.sum(), 1)
    step, tied = _steps(-probability, weight, most)
    return drawn(step, np.ones(len(target))), drawn(step, target), tied


def _steps(values: Array, weight: Array, most: int) -> tuple[Array, Array]:
    """Values in ascending order as at most so many steps of equal weight; equal ones share a step.

    Returns:
        The step of each value, and of each step whether all its values are equal.
    """
    different, code = np.unique(values, return_inverse=True)
    if len(different) <= most:
        return code, np.ones(len(different), dtype=bool)
    size = np.bincount(code, weight)
    before = np.cumsum(size) - size
    part = before * most // weight.sum()
    _, step, held = np.unique(part, return_inverse=True, return_counts=True)
    return step[code], held == 1


def _average_precision(there: Array, positive: Array, tied: Array) -> Array:
    """Average precision, shape [draws], of steps from the likeliest down, shape [draws, steps].

    A step of one probability is reached as a whole; within another the rows come one after the
    other, so that half of it has come for the middle one. Without a row of class 1 it is 0.
    """
    reached = np.where(tied, 1.0, 0.5)
    hits = np.cumsum(positive, axis=1) - (1 - reached) * positive
    seen = np.cumsum(there, axis=1) - (1 - reached) * there
    found = (positive * hits / np.maximum(seen, 0.5)).sum(axis=1)
    area: Array = found / np.maximum(positive.sum(axis=1), 1)
    return area


def _area(there: Array, positive: Array) -> Array:
    """The area below the ROC curve, shape [draws]: how often class 1 is the likelier one.

    .5 where all rows are of one class.
    """
    negative = there - positive
    less = negative.sum(axis=1, keepdims=True) - np.cumsum(negative, axis=1) + negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    found = (positive * less).sum(axis=1)
    return np.where(pairs > 0, found / np.maximum(pairs, 1), 0.5)


def log_losses(target: Array, probability: Array) -> Array:
    """The logarithmic loss of each row, shape [n].

    Args:
        target: 0 or 1, or the index of the class, shape [n].
        probability: of 1, shape [n], or of each class, shape [n, k].
    """
    if probability.ndim == 1:
        told = np.where(target == 1, probability, 1 - probability)
    else:
        told = probability[np.arange(len(target)), target.astype(np.int64)]
    missed: Array = -np.log(np.maximum(told, np.finfo(np.float64).eps))
    return missed


def reliability(target: Array, probability: Array, entity: Array) -> dict[str, list[float]]:
    """The reliability curve: how many are of class 1 where the probability is said to be so.

    Args:
        target: 0 or 1, shape [n].
        probability: of 1, shape [n].
        entity: whose row it is, shape [n]: the rows of one may depend on each other.

    Returns:
        By bin of equal size, ascending: `predicted` (the mean), `observed` (the share of class 1),
        `low` and `high` (its 95 % interval) and `rows`. The interval is Wilson's (Probable
        Inference, 1927), for as many trials as the bin has entities.
    """
    rows = pd.DataFrame({"predicted": probability, "observed": target, "entity": entity})
    bins = rows.groupby(_steps(probability, np.ones(len(target)), BINS)[0])
    table = bins[["predicted", "observed"]].mean()
    doubt = 1.96**2 / bins["entity"].nunique()
    middle = (table["observed"] + doubt / 2) / (1 + doubt)
    variance = table["observed"] * (1 - table["observed"]) * doubt + doubt**2 / 4
    half = np.sqrt(variance) / (1 + doubt)
    table = table.assign(low=middle - half, high=middle + half).clip(0, 1).round(6)
    table["rows"] = bins.size()
    return {str(name): column.tolist() for name, column in table.items()}


def cheapest(target: Array, probability: Array, costs: Mapping[str, float]) -> dict[str, float]:
    """From which probability on to act, at the costs of the table [decision].

    Args:
        target: 0 or 1, shape [n], of rows that the model has not seen.
        probability: of 1, shape [n].
        costs: `contact_cost` of acting where the target is 0, `missed_cost` of not acting where it
            is 1.

    Returns:
        `threshold` (the cheapest on these rows, of equal ones that nearest to where the costs of
        true probabilities balance; 0 = always act, 1 = never), both costs, and a row's mean cost:
        `expected_cost`, and `without_model` if one acts always or never, whichever is cheaper.
    """
    contact, missed = float(costs["contact_cost"]), float(costs["missed_cost"])
    different, code = np.unique(probability, return_inverse=True)
    ones, zeros = np.bincount(code, target), np.bincount(code, 1 - target)
    below = np.concatenate([[0.0], np.cumsum(missed * ones)])  # not acted on
    above = np.concatenate([np.cumsum((contact * zeros)[::-1])[::-1], [0.0]])
    cost = (below + above) / len(probability)
    between = (different[1:] + different[:-1]) / 2
    thresholds = np.concatenate([[0.0], between, [1.0]])
    cheapest = np.flatnonzero(cost <= cost.min() + np.finfo(np.float32).eps * cost.max())
    balance = contact / (contact + missed)
    best = int(cheapest[np.argmin(np.abs(thresholds[cheapest] - balance))])
    return {
        "threshold": round(float(thresholds[best]), 6),
        "contact_cost": contact,
        "missed_cost": missed,
        "expected_cost": float(cost[best]),
        "without_model": float(min(cost[0], cost[-1])),
    }


def checked(predicted: Array, rows: int) -> Array:
    """Predictions as float64; ValueError if they are no probabilities of so many rows."""
    probability = np.asarray(predicted, dtype=np.float64)
    if len(probability) != rows:
        raise ValueError(f"{len(probability)} predictions for {rows} rows")
    if not np.isfinite(probability).all():
        raise ValueError("predictions that are not finite numbers are no probabilities")
    if probability.min(initial=0) < 0 or probability.max(initial=1) > 1:
        raise ValueError("predictions that are not between 0 and 1 are no probabilities")
    return probability
