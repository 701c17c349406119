"""How good predicted minutes are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
PRIMARY = "mae"
SLICES = ("period", "depot")


def score(frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    """`mae` and `bias`, in minutes."""
    once = np.ones((1, frame["group"].nunique()))
    return {name: float(value[0]) for name, value in resampled(frame, predicted, once).items()}


def resampled(frame: pd.DataFrame, predicted: Array, counts: Array) -> dict[str, Array]:
    """Each metric as if days had been drawn with replacement; counts has shape [draws, days]."""
    error = as_target(frame, predicted) - frame["target"].to_numpy(dtype=np.float64)
    rows = pd.DataFrame({"mae": np.abs(error), "bias": error, "size": 1.0})
    days = rows.groupby(frame["group"].to_numpy(), sort=False).sum()
    drawn = counts @ days["size"].to_numpy()
    return {name: (counts @ days[name].to_numpy()) / drawn for name in ("mae", "bias")}


def loss(frame: pd.DataFrame, predicted: Array) -> Array:
    """The error of each row; the mean over all rows is PRIMARY."""
    errors: Array = np.abs(as_target(frame, predicted) - frame["target"].to_numpy(dtype=np.float64))
    return errors


def as_target(frame: pd.DataFrame, predicted: Array) -> Array:
    """Predictions in the target's unit."""
    if not np.isfinite(predicted).all():
        raise ValueError("predictions that are not finite numbers can't be compared")
    return predicted


def calibration(frame: pd.DataFrame, predicted: Array) -> dict[str, list[float]]:
    """Between which errors 80 % of held-out parcels lie."""
    low, high = np.quantile(frame["target"].to_numpy() - predicted, [0.1, 0.9])
    return {"error": [round(float(low), 4), round(float(high), 4)]}


def calibration_metrics(
    frame: pd.DataFrame, predicted: Array, fitted: Mapping[str, Any], past: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How many parcels of a day end within their band, and how wide it is, in minutes."""
    trivial = calibration(past, baseline(past))
    return _bands(frame, predicted, fitted), _bands(frame, baseline(frame), trivial)


def _bands(frame: pd.DataFrame, predicted: Array, fitted: Mapping[str, Any]) -> pd.DataFrame:
    error, (low, high) = frame["target"].to_numpy() - predicted, fitted["error"]
    inside = (low <= error) & (error <= high)
    rows = pd.DataFrame({"band_coverage": inside, "band_width": high - low})
    return rows.groupby(frame["group"].to_numpy(), sort=False).mean()


def baseline(frame: pd.DataFrame) -> Array:
    """Each parcel takes as long as its depot's did on average."""
    return frame["depot_minutes"].to_numpy(dtype=np.float64)
