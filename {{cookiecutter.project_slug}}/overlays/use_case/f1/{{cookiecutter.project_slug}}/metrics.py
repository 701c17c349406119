"""How good a prediction of races is.

Only the order within a race counts: predictions are ranked there first, so a model gains nothing
by hedging towards the middle. Equal predictions keep the order of the table (that of the grid).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from smallboat import ranking

from .service.answer import Outcomes, outcomes, ranges

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
    """What makes probabilities and ranges of places out of a model's answers.

    Args:
        frame: rows that the model has not seen.
        predicted: shape [len(frame)], lower = better finish.

    Returns:
        `temperatures` of the places on the podium, and the ranges that hold some 80 % of the cars
        by predicted place: `share`, `low` and `high`, in shares of the field (0 = first, 1 = last).
    """
    target = frame["target"].to_numpy(dtype=np.float64)
    answers, groups = np.asarray(predicted, dtype=np.float64), frame["group"].to_numpy()
    temperatures = ranking.fit_temperatures(answers, target, groups, PODIUM)
    return {"temperatures": temperatures, **_bands(frame, answers)}


def _bands(frame: pd.DataFrame, predicted: Array) -> dict[str, list[float]]:
    size = frame.groupby("group")["group"].transform("size").to_numpy()
    last = np.maximum(size - 1, 1)
    place, ended = as_target(frame, predicted), frame["target"].to_numpy(dtype=np.float64)
    return ranking.fit_bands((place - 1) / last, (ended - 1) / last, int(np.median(size)))


def calibration_metrics(
    frame: pd.DataFrame, predicted: Array, calibration: Mapping[str, Any], past: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How good the probabilities and ranges are, beside those of grid places counted in the past.

    Args:
        frame: rows that neither the model nor `calibration` has seen.
        predicted: shape [len(frame)], lower = better finish.
        calibration: of the model.
        past: the rows before.

    Returns:
        For the model and for the grid, one row a race: win_log_loss (of the winner's probability),
        podium_brier (squared errors of the podium's probabilities, summed over the cars: Brier,
        Monthly Weather Review 78, 1950), band_coverage (share of cars that ended in their range),
        band_width (places in a range). All are means over races.
    """
    counted = _counted(past)
    return (
        _calibration_metrics(frame, predicted, lambda scores: outcomes(scores, calibration)),
        _calibration_metrics(frame, baseline(frame), lambda scores: counted(len(scores))),
    )


def _calibration_metrics(
    frame: pd.DataFrame, predicted: Array, shown: Callable[[Array], Outcomes]
) -> pd.DataFrame:
    order = np.lexsort((as_target(frame, predicted), frame.groupby("group", sort=False).ngroup()))
    rows = frame[["group", "target"]].assign(predicted=predicted).iloc[order]
    found = {}
    for race, cars in rows.groupby("group", sort=False):
        ended, said = cars["target"].to_numpy(), shown(cars["predicted"].to_numpy())
        found[race] = {
            "win_log_loss": -np.log(max(said.win[ended == 1].sum(), np.finfo(np.float64).tiny)),
            "podium_brier": ((said.podium - (ended <= PODIUM)) ** 2).sum(),
            "band_coverage": ((said.low <= ended) & (ended <= said.high)).mean(),
            "band_width": (said.high - said.low + 1).mean(),
        }
    return pd.DataFrame.from_dict(found, orient="index")


def _counted(past: pd.DataFrame) -> Callable[[int], Outcomes]:
    """How races of a given size ended by start place."""
    place = as_target(past, baseline(past))
    count = np.bincount(place.astype(int))[1:]
    bands = _bands(past, baseline(past))

    def shares(size: int, first: int) -> Array:
        hits = np.bincount(place.astype(int), past["target"] <= first, len(count) + 1)[1:]
        # Krichevsky and Trofimov's half a count: what was not seen yet is not impossible.
        chance = ((hits + 0.5) / (count + 1))[np.minimum(np.arange(size), len(count) - 1)]
        scaled: Array = np.minimum(chance * min(first, size) / chance.sum(), 1.0)
        return scaled

    return lambda size: Outcomes(*ranges(size, bands), shares(size, 1), shares(size, PODIUM))


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
