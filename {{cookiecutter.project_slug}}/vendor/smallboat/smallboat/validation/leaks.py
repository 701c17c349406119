"""Columns that know the target: they decide it alone."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

SAMPLE = 20_000
"""Rows of which it is judged."""


def decides(values: npt.ArrayLike, target: npt.ArrayLike, kind: str) -> bool:
    """Whether a column decides the target alone, as one does that is known afterwards only.

    A decision tree learns it from one half of at most 20,000 rows and answers the other half, and
    the reverse. It decides if at most .1 % of its answers are wrong (of a regression: of the
    variance is left), and at most a tenth of what the most frequent class (the mean) has.

    Args:
        values: of shape [n] or [n, k], the numbers that stand for the column; may be NaN.
        target: of shape [n]: numbers, or classes.
        kind: of the problem: regression, or another.
    """
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    inputs, truth = np.asarray(values, dtype="float32"), np.asarray(target)
    inputs = inputs.reshape(len(truth), -1)
    if len(truth) > SAMPLE:
        chosen = np.random.default_rng(0).choice(len(truth), SAMPLE, replace=False)
        inputs, truth = inputs[chosen], truth[chosen]
    if len(truth) < 20:
        return False
    if kind == "regression" and _rises(inputs, truth):
        return True
    halves = KFold(2, shuffle=True, random_state=0)
    tree: Any = DecisionTreeRegressor if kind == "regression" else DecisionTreeClassifier
    answers = cross_val_predict(tree(random_state=0), inputs, truth, cv=halves)
    if kind == "regression":
        spread = float(np.var(truth.astype(float)))
        return spread > 0 and float(np.mean((answers - truth) ** 2)) <= 0.001 * spread
    trivial = 1 - np.unique(truth, return_counts=True)[1].max() / len(truth)
    return bool(np.mean(answers != truth) <= min(0.001, trivial / 10) and trivial > 0)


def _rises(inputs: npt.NDArray[Any], truth: npt.NDArray[Any]) -> bool:
    """Whether the target rises or falls with a column, without exception."""
    known = np.isfinite(inputs[:, 0])
    if inputs.shape[1] > 1 or known.mean() < 0.5:
        return False
    ranks = [pd.Series(each[known]).rank() for each in (inputs[:, 0], truth)]
    varied = all(rank.nunique() > 1 for rank in ranks)
    return varied and bool(abs(np.corrcoef(ranks)[0, 1]) > 0.9999)
