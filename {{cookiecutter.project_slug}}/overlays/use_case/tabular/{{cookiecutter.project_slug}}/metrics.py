"""How good answers are: by the metrics of the problem's kind, from the library."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from smallboat.table import metrics, schema

from .table import TABLE

Array = np.ndarray[Any, np.dtype[Any]]

PRIMARY: str = TABLE.primary
SLICES = ("period", *map(schema.slice_column, TABLE.slices))


def score(frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    """Each metric by name."""
    return metrics.score(TABLE, frame, predicted)


def resampled(frame: pd.DataFrame, predicted: Array, counts: Array) -> dict[str, Array]:
    """Each metric, shape [draws], as if groups had been drawn so often, [draws, groups]."""
    return metrics.resampled(TABLE, frame, predicted, counts)


def loss(frame: pd.DataFrame, predicted: Array) -> Array:
    """The error of each row, shape [n]."""
    return metrics.loss(TABLE, frame, predicted)


def as_target(frame: pd.DataFrame, predicted: Array) -> Array:
    """Answers in the unit of the target."""
    return metrics.as_target(TABLE, frame, predicted)


def calibration(frame: pd.DataFrame, predicted: Array) -> dict[str, Any]:
    """What `service.predictions` needs to show intervals; from unseen rows."""
    return metrics.calibration(TABLE, frame, predicted)


if TABLE.kind == "regression":

    def calibration_metrics(
        frame: pd.DataFrame, predicted: Array, calibration: Mapping[str, Any], past: pd.DataFrame
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """How many targets lie in their interval, and how wide it is."""
        return metrics.calibration_metrics(TABLE, frame, predicted, calibration, past)


def decide(frame: pd.DataFrame, predicted: Array, costs: Mapping[str, float]) -> dict[str, Any]:
    """From which probability on the positive class is predicted, at these costs."""
    return metrics.decide(TABLE, frame, predicted, costs)


def baseline(frame: pd.DataFrame) -> Array:
    """What a rule answers that knows only how the target is distributed."""
    return metrics.baseline(TABLE, frame)
