"""Can a model take the columns of a feature table?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..problem import Feature, unfit
from .gx import Result

if TYPE_CHECKING:
    import pandas as pd


def check(frame: "pd.DataFrame", features: Sequence[Feature]) -> Result:
    """The result of a check, as `validation.Report` has it, that all inputs fit."""
    found = [
        wrong
        for feature in features
        if feature.name in frame
        for wrong in numbers(frame, feature.name, "a feature", feature.missing)
    ]
    return {
        "view": "features",
        "expectation": "inputs",
        "severity": "error",
        "description": "a model can take its inputs",
        "passed": not found,
        "observed": "; ".join(found),
        "unexpected": [],
    }


def numbers(frame: "pd.DataFrame", name: str, what: str, missing: bool = False) -> Iterator[str]:
    """What keeps a column from being numbers that float32 holds, in a sentence.

    Args:
        frame: the table.
        name: the column.
        what: what it is, for the sentence.
        missing: whether it may have NaN.
    """
    values = frame[name]
    if getattr(values, "ndim", 1) != 1:
        yield f"column {name} is there more than once"
    elif values.dtype.kind not in "biuf":
        yield f"column {name} is {values.dtype}; {what} must be a number"
    elif not missing and (count := int(values.isna().sum())):
        yield f"column {name} has {count:,} NaN; {what} may have none"
    else:
        with np.errstate(over="ignore"):
            infinite = int(unfit(values.to_numpy(dtype=np.float32), True).sum())
        if infinite:
            yield f"column {name} has {infinite:,} values that float32 can't hold"
