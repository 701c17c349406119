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


def score(frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    """The metrics of a prediction.

    Args:
        frame: a feature table.
        predicted: shape [len(frame)], lower = better finish.

    Returns:
        `mae` (places), `spearman` (mean of the races' rank correlations), `winner` (share of races
        whose winner is named), `podium` (share of the predicted first three that end there).
    """
    races = per_group(frame, predicted)
    means = {name: float(races[name].mean()) for name in ("spearman", "winner", "podium")}
    return {"mae": float(np.average(races["mae"], weights=races["size"]))} | means


def per_group(frame: pd.DataFrame, predicted: Array) -> pd.DataFrame:
    """The same metrics race by race.

    Returns:
        One row a race (index `group`): mae, spearman, winner, podium and size (starters). `score`
        is the mean over races, for mae weighted by size.
    """
    place = ranked(frame, predicted)
    actual = frame["target"].to_numpy(dtype=np.float64)
    rows = pd.DataFrame(
        {
            "group": frame["group"].to_numpy(),
            "mae": np.abs(place - actual),
            "squares": (place - actual) ** 2,
            "winner": (place == 1) & (actual == 1),
            "podium": (place <= 3) & (actual <= 3),
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
            "podium": races["podium"] / np.minimum(size, 3),
            "size": size,
        }
    )


def ranked(frame: pd.DataFrame, predicted: Array) -> Array:
    """Predicted places of shape [len(frame)]: 1 for the lowest prediction of each race."""
    predictions = pd.Series(np.asarray(predicted, dtype=np.float64))
    groups = predictions.groupby(frame["group"].to_numpy())
    return groups.rank(method="first").to_numpy()


def baseline(frame: pd.DataFrame) -> Array:
    """Everybody finishes where they start, who starts from the pit lane last."""
    return frame["grid"].to_numpy(dtype=np.float64)
