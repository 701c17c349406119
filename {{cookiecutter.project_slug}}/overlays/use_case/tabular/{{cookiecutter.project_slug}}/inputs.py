"""Features of your own, beside the table's columns. Needs only numpy: the model server runs it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from smallboat.problem import Feature

from .table import TABLE

Array = np.ndarray[Any, np.dtype[Any]]

OWN: tuple[Feature, ...] = ()
"""What `derive` makes, as Feature("price_per_m2", "EUR", "price by area", 0.0, missing=True)."""

FEATURES = (*TABLE.features, *OWN)
NAMES = tuple(feature.name for feature in FEATURES)


def derive(inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The features in OWN by name, in their order, shape [n] each.

    Args:
        inputs: the table's inputs by name, float32 of shape [n]; NaN is missing. A category is a
            number that stands for its text: compare it with `smallboat.table.encoding.code(text)`.
    """
    return {}
