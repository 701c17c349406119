"""What the model sees of a parcel. It needs only numpy, because the model server imports it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from smallboat.problem import Feature

Array = np.ndarray[Any, np.dtype[Any]]

FEATURES = (
    Feature("distance", "km", "from the depot to the door", 5.0),
    Feature("floor", "floors", "that the parcel is carried up", 0.0),
    Feature("depot_minutes", "min", "mean of the depot's parcels so far", 25.0),
)
NAMES = tuple(feature.name for feature in FEATURES)
DEFAULT = FEATURES[2].default


def complete(distance: Array, floor: Array, depot_minutes: Array) -> Array:
    """The inputs of parcels, which training and serving share.

    Args:
        distance: km, shape [n].
        floor: shape [n].
        depot_minutes: mean of the depot's parcels so far, NaN if it has none, shape [n].

    Returns:
        float32 of shape [n, inputs], finite.
    """
    columns = {
        "distance": distance,
        "floor": floor,
        "depot_minutes": np.where(np.isnan(depot_minutes), DEFAULT, depot_minutes),
    }
    return np.column_stack([columns[name] for name in NAMES]).astype(np.float32)


def assemble(parcels: Sequence[Mapping[str, Any]], means: Mapping[str, float]) -> Array:
    """The inputs of a request's parcels; `means` has the mean minutes of each depot."""
    rows = [(it["distance"], it["floor"], means.get(it["depot"], np.nan)) for it in parcels]
    return complete(*np.array(rows, dtype=np.float64).T)
