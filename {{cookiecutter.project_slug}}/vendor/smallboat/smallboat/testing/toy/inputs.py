"""What the model sees of a parcel; numpy alone, because the model server carries it."""

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


def assemble(parcels: Sequence[Mapping[str, Any]], means: Mapping[str, float]) -> Array:
    """Inputs, float32 of shape [parcels, inputs]."""
    default = FEATURES[2].default
    rows = [(it["distance"], it["floor"], means.get(it["depot"], default)) for it in parcels]
    return np.array(rows, dtype=np.float32).reshape(-1, len(FEATURES))
