"""How good a prediction of races is.

Only the order within a race counts: predictions are ranked there first, so a model gains nothing
by hedging towards the middle. Equal predictions keep the order of the table (that of the grid).
"""

from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]

PRIMARY = "mae"
"""Mean absolute error of the ranked positions, in places; lower is better."""

PODIUM = 3

SLICES = ("period", "circuit", "constructor")
"""The columns whose values the error is looked at one by one."""


def score(frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    """The metrics of a prediction.

    Args:
        frame: a feature table.
        predicted: shape [len(frame)], lower = better finish.

    Returns:
        `mae` (places), `spearman` (mean of the races' rank correlations), `winner` (share of races
        whose winner is named), `podium` (share of the predicted first three that end there).
    """
    once = np.ones((1, frame["group"].nunique()))
    return {name: float(value[0]) for name, value in resampled(frame, predicted, once).items()}


def resampled(frame: pd.DataFrame, predicted: Array, counts: Array) -> dict[str, Array]:
    """Each metric as if races had been drawn with replacement.

    Args:
        frame: a feature table.
        predicted: shape [len(frame)], lower = better finish.
        counts: how often each race was drawn, shape [draws, races], in the order of the table.

    Returns:
        Each metric of `score`, shape [draws].
    """
    races = per_group(frame, predicted)
    weight = pd.DataFrame(1.0, races.index, races.columns).assign(mae=races["size"])
    return {
        name: (counts @ (races[name] * weight[name]).to_numpy())
        / (counts @ weight[name].to_numpy())
        for name in ("mae", "spearman", "winner", "podium")
    }


def per_group(frame: pd.DataFrame, predicted: Array) -> pd.DataFrame:
    """The same metrics race by race.

    Returns:
        One row a race (index `group`): mae, spearman, winner, podium and size (starters). `score`
        is the mean over races, for mae weighted by size.
    """
    place = as_target(frame, predicted)
    actual = frame["target"].to_numpy(dtype=np.float64)
    rows = pd.DataFrame(
        {
            "group": frame["group"].to_numpy(),
            "mae": np.abs(place - actual),
            "squares": (place - actual) ** 2,
            "winner": (place == 1) & (actual == 1),
            "podium": (place <= PODIUM) & (actual <= PODIUM),
            "size": 1,
        }
    )
    races = rows.groupby("group", sort=False).sum()
    size = races["size"]
    return pd.DataFrame(
        {
            "mae": races["mae"] / size,
            # Spearman's formula for ranks without ties.
            "spearman": 1 - 6 * races["squares"] / np.maximum(size * (size**2 - 1), 1),
            "winner": races["winner"].astype(float),
            "podium": races["podium"] / np.minimum(size, PODIUM),
            "size": size,
        }
    )


def loss(frame: pd.DataFrame, predicted: Array) -> Array:
    """The error of each row, shape [len(frame)]; the mean over all rows is PRIMARY."""
    errors: Array = np.abs(as_target(frame, predicted) - frame["target"].to_numpy())
    return errors


def calibration(frame: pd.DataFrame, predicted: Array) -> dict[str, list[float]]:
    """Where cars ended that were predicted at a place; better for each place further in front.

    Places that chance put into the wrong order are pooled, by isotonic regression.

    Args:
        frame: rows that the model has not seen.
        predicted: shape [len(frame)], lower = better finish.

    Returns:
        By predicted place, as a share of the field (`share`, ascending: 0 = first, 1 = last): `low`
        and `high`, shares between which some 80 % of the cars ended; `podium` and `win`, shares of
        the cars, none of them quite 0 or 1.
    """
    from sklearn.isotonic import IsotonicRegression

    size = frame.groupby("group")["group"].transform("size").to_numpy()
    last = np.maximum(size - 1, 1)
    target = frame["target"].to_numpy(dtype=np.float64)
    steps = int(np.median(last))
    step = np.rint((as_target(frame, predicted) - 1) / last * steps) / steps
    rows = pd.DataFrame(
        {"ended": (target - 1) / last, "podium": target <= PODIUM, "win": target == 1}
    )
    by_step = rows.groupby(step)
    ended, count = by_step["ended"], by_step.size()
    table = pd.DataFrame(
        {
            "low": ended.quantile(0.1, interpolation="lower"),
            "high": ended.quantile(0.9, interpolation="higher"),
            # Krichevsky and Trofimov's half a count: what was not seen yet is not impossible.
            "podium": (by_step["podium"].sum() + 0.5) / (count + 1),
            "win": (by_step["win"].sum() + 0.5) / (count + 1),
        }
    )
    for name, rises in (("low", True), ("high", True), ("podium", False), ("win", False)):
        pooled = IsotonicRegression(increasing=rises)
        table[name] = pooled.fit_transform(table.index, table[name], sample_weight=count + 1)
    table = table.rename_axis("share").reset_index().round(6)
    return {str(name): column.tolist() for name, column in table.items()}


def as_target(frame: pd.DataFrame, predicted: Array) -> Array:
    """Predicted places of shape [len(frame)]: 1 for the lowest prediction of each race.

    Raises:
        ValueError: a prediction is not a finite number.
    """
    predictions = pd.Series(np.asarray(predicted, dtype=np.float64))
    if not np.isfinite(predictions).all():
        raise ValueError("predictions that are not finite numbers can't be ranked")
    groups = predictions.groupby(frame["group"].to_numpy())
    return groups.rank(method="first").to_numpy()


def baseline(frame: pd.DataFrame) -> Array:
    """Everybody finishes where they start, who starts from the pit lane last."""
    return frame["grid"].to_numpy(dtype=np.float64)
