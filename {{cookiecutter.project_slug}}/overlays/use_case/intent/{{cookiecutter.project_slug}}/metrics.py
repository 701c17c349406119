"""How good the predicted chances of a purchase are: their order, and whether they come true.

Few sessions purchase, so accuracy says almost nothing: that nobody ever does is right most of the
time. Average precision asks how many of those who are said to purchase do, from the likeliest down.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from smallboat.evaluation import bootstrap, probabilities

Array = np.ndarray[Any, np.dtype[Any]]

PRIMARY = "ap_error"
"""1 - average precision; lower is better."""

LOSS = "log_loss"
"""The metric that `loss` is of."""

SLICES = ("period", "after", "weekday")
"""The columns whose values the error is looked at one by one."""

CHALLENGE = {0: 1.0, 2: 0.9, 4: 0.8, 6: 0.7, 8: 0.6, 10: 0.5}
"""What the accuracy so many events after the first add counts in the SIGIR eCom challenge 2021."""


def score(frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    """The metrics of a prediction.

    Args:
        frame: a feature table.
        predicted: the chance of a purchase, shape [len(frame)].

    Returns:
        `ap_error` (1 - `ap`), `ap` (average precision), `roc_auc`, `log_loss`, `ece` (expected
        calibration error) and `challenge` (weighted sum of accuracies, 4.5 at most).
    """
    whole, once = np.zeros(len(frame), dtype=np.int64), np.ones((1, 1))
    found = _measured(frame, predicted, bootstrap.sums(whole, once), len(frame))
    return {name: float(value[0]) for name, value in found.items()}


def resampled(frame: pd.DataFrame, predicted: Array, counts: Array) -> dict[str, Array]:
    """Each metric as if days had been drawn with replacement; see `probabilities.measured`.

    Args:
        frame: a feature table.
        predicted: the chance of a purchase, shape [len(frame)].
        counts: how often each day was drawn, shape [draws, days], in the order of the table.

    Returns:
        Each metric of `score`, shape [draws].
    """
    drawn = bootstrap.sums(frame["group"].factorize()[0], counts)
    return _measured(frame, predicted, drawn, probabilities.STEPS)


def _measured(
    frame: pd.DataFrame, predicted: Array, drawn: bootstrap.Sums, most: int
) -> dict[str, Array]:
    chance, bought = as_target(frame, predicted), _bought(frame)
    found = probabilities.measured(bought, chance, drawn, most)
    return found | {"challenge": _challenge(frame, (chance >= 0.5) == bought, drawn)}


def _challenge(frame: pd.DataFrame, right: Array, drawn: bootstrap.Sums) -> Array:
    """The challenge's sum; a number of events after the add that no row has adds nothing."""
    after = frame["after"].clip(upper=max(CHALLENGE)).to_numpy(dtype=np.int64)
    place = np.searchsorted(list(CHALLENGE), after)
    hits, there = drawn(place, right.astype(np.float64)), drawn(place, np.ones(len(after)))
    accuracy = hits / np.maximum(there, 1)
    weights = np.array(list(CHALLENGE.values()))[: accuracy.shape[1]]
    total: Array = accuracy @ weights
    return total


def loss(frame: pd.DataFrame, predicted: Array) -> Array:
    """The logarithmic loss of each row, shape [len(frame)]; its mean is the metric LOSS."""
    return probabilities.log_losses(_bought(frame), as_target(frame, predicted))


def calibration(frame: pd.DataFrame, predicted: Array) -> dict[str, list[float]]:
    """The reliability curve on rows that the model has not seen, see `probabilities.reliability`.

    The rows of a session end alike: they count as one.
    """
    entity = frame["entity"].to_numpy()
    return probabilities.reliability(_bought(frame), as_target(frame, predicted), entity)


def decide(frame: pd.DataFrame, predicted: Array, costs: Mapping[str, float]) -> dict[str, float]:
    """From which chance on a visitor should be approached, see `probabilities.cheapest`.

    Args:
        frame: rows that the model has not seen.
        predicted: the chance of a purchase, shape [len(frame)].
        costs: `contact_cost` of approaching one who does not purchase, `missed_cost` of not
            approaching one who does.
    """
    return probabilities.cheapest(_bought(frame), as_target(frame, predicted), costs)


def as_target(frame: pd.DataFrame, predicted: Array) -> Array:
    """The predicted chances, shape [len(frame)]; ValueError if they are none."""
    return probabilities.checked(predicted, len(frame))


def baseline(frame: pd.DataFrame) -> Array:
    """All purchase with the same chance: the share that does."""
    return np.full(len(frame), frame["target"].mean())


def _bought(frame: pd.DataFrame) -> Array:
    return frame["target"].to_numpy(dtype=np.float64)
