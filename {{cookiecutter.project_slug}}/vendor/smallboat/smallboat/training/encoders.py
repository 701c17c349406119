"""What models see of numbers and categories, made of steps that ONNX repeats exactly.

Each step here has been seen to answer in a graph as it does in scikit-learn; many others don't.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = Literal["raw", "filled", "scaled"]

LEVELS = 50
"""Categories of more levels have many."""
HUGE = 3e38
"""Stands for a missing number while it is marked; float32 holds it."""


def encoder(
    inputs: Inputs, rows: Array, categories: Sequence[int], several: bool, seed: int
) -> Any:
    """What makes of a problem's inputs those that a model sees.

    "raw": numbers that may be NaN, and categories as whole numbers, for trees that take NaN.
    "filled": the same, but a missing number is the median, and a column marks it, for other trees.
    "scaled": the same, but numbers are scaled, and a category is a column of its own, for all that
    is not made of trees. Categories of many levels are the target's mean in each. A level that none
    of the rows has is one more for trees, for others none, and of many the mean of all.

    Args:
        inputs: which of these.
        rows: float32 of shape [n, inputs]. A category is a whole number and never NaN.
        categories: the places of the categories among the inputs.
        several: whether the target has more than two classes: no mean of it can be exported then,
            so all categories count as those of few levels.
        seed: fixes the folds in which the means are fitted.
    """
    from sklearn.compose import ColumnTransformer

    numbers = [at for at in range(rows.shape[1]) if at not in categories]
    levels = {at: pd.Series(rows[:, at]).value_counts().index.to_numpy() for at in categories}
    many = [at for at in categories if len(levels[at]) > LEVELS and not several]
    few = [at for at in categories if at not in many]
    gaps = [at for at in numbers if np.isnan(rows[:, at]).any()] if inputs != "raw" else []
    steps = [
        ("numbers", _numbers(inputs), numbers),
        ("gaps", _gaps(), gaps),
        ("few", _few(inputs, [np.sort(levels[at][:LEVELS]) for at in few]), few),
        ("many", _many(inputs, seed), many),
    ]
    return ColumnTransformer([step for step in steps if step[2]])


def _numbers(inputs: str) -> Any:
    """Of numbers, which float32 scales exactly only if they are centred first.

    They are clipped to the range of these rows: beyond it, a line knows nothing.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    if inputs == "raw":
        return "passthrough"
    median = SimpleImputer(strategy="median", keep_empty_features=True)
    if inputs == "filled":
        return median
    centred, clipped = RobustScaler(with_scaling=False), MinMaxScaler(clip=True)
    return make_pipeline(median, centred, clipped, StandardScaler())


def _gaps() -> Any:
    """1 where a number is missing: neither MissingIndicator nor the imputer's own converts."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Binarizer

    filled = SimpleImputer(strategy="constant", fill_value=HUGE, keep_empty_features=True)
    return make_pipeline(filled, Binarizer(threshold=HUGE / 2))


def _few(inputs: str, levels: list[Array]) -> Any:
    """Of categories with few levels; of several classes' many levels those of the most rows."""
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    if inputs == "scaled":
        return OneHotEncoder(categories=levels, handle_unknown="ignore", sparse_output=False)
    return OrdinalEncoder(dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1)


def _many(inputs: str, seed: int) -> Any:
    """Of categories with many levels: Micci-Barreca, SIGKDD Explorations 3(1), 2001."""
    from skl2onnx.sklapi import CastTransformer
    from sklearn.model_selection import KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    # float64 could lie on the other side of a tree's threshold than the graph's float32
    last = StandardScaler() if inputs == "scaled" else CastTransformer(dtype=np.float32)
    folds = KFold(5, shuffle=True, random_state=seed)
    return make_pipeline(TargetEncoder(cv=folds), last)
