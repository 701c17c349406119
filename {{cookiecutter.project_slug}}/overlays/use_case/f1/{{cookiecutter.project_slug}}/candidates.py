"""The models that compete. To add one, write a function that makes it and a line in CANDIDATES.

Each predicts a finishing place or a score in its stead (lower is better); only the order within a
race counts. Trees see the raw float32 columns: scaled ones would differ from their ONNX.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from smallboat import problem
from smallboat.problem import Output, settings

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Candidate(problem.Candidate):
    """A family of models.

    Attributes:
        ranks: whether it learns from groups of rows (`qid`) instead of single rows.
    """

    ranks: bool = False


OUTPUT = Output(
    "finish", "place", "expected finishing place, or a score like it; lower is better", kind="rank"
)


def _ridge(seed: int, **chosen: Any) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), Ridge(random_state=seed, **chosen))


def _random_forest(seed: int, **chosen: Any) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_jobs=1, random_state=seed, **chosen)


def _gradient_boosting(seed: int, **chosen: Any) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(random_state=seed, **chosen)


def _adaboost(seed: int, max_depth: int, leaf: int, **chosen: Any) -> Any:
    from sklearn.ensemble import AdaBoostRegressor
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(max_depth=max_depth, min_samples_leaf=leaf, max_features=0.3)
    return AdaBoostRegressor(tree, random_state=seed, **chosen)


def _xgboost(seed: int, **chosen: Any) -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(n_jobs=1, random_state=seed, tree_method="hist", **chosen)


def _xgboost_ranker(seed: int, **chosen: Any) -> Any:
    """A higher label gets a higher score: with the place as the label, lower = better."""
    from xgboost import XGBRanker

    return XGBRanker(
        objective="rank:pairwise",
        lambdarank_pair_method="mean",
        n_jobs=1,
        random_state=seed,
        tree_method="hist",
        **chosen,
    )


# The slowest first: none should still run when all others are done.
CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "random_forest",
        2,
        settings(
            n_estimators=[80], max_depth=[9], max_features=[0.2, 0.4], min_samples_leaf=[20, 40]
        ),
        _random_forest,
    ),
    Candidate(
        "gradient_boosting",
        4,
        settings(
            n_estimators=[60, 100], learning_rate=[0.05], max_depth=[3, 4], subsample=[0.5],
            max_features=[0.2], min_samples_leaf=[20, 60],
        ),
        _gradient_boosting,
    ),
    Candidate(
        "xgboost",
        5,
        settings(
            n_estimators=[80, 120], learning_rate=[0.05], max_depth=[2, 3, 4], subsample=[0.7],
            colsample_bytree=[0.4], min_child_weight=[30, 60],
        ),
        _xgboost,
    ),
    Candidate(
        "adaboost",
        3,
        settings(n_estimators=[30], learning_rate=[0.05, 0.1], max_depth=[6], leaf=[20, 40]),
        _adaboost,
    ),
    Candidate(
        "xgboost_ranker",
        6,
        settings(
            n_estimators=[60, 120], learning_rate=[0.05], max_depth=[2, 3], subsample=[0.7],
            colsample_bytree=[0.4], min_child_weight=[5, 20],
        ),
        _xgboost_ranker,
        ranks=True,
    ),
    Candidate("ridge", 1, settings(alpha=[10, 30, 100, 300, 1000, 3000]), _ridge),
)  # fmt: skip


def fit(
    candidate: Candidate,
    settings: Mapping[str, Any],
    frame: pd.DataFrame,
    columns: Sequence[str],
    seed: int,
) -> Any:
    """Fit one setting on a feature table.

    Args:
        candidate: the family.
        settings: one item of its grid.
        frame: a feature table; the rows of a race stand together.
        columns: names of the features, in the order of the model's input.
        seed: fixes all that is random.
    """
    model = candidate.make(seed, **settings)
    rows, label = _matrix(frame, columns), frame["label"].to_numpy(dtype=np.float64)
    if candidate.ranks:
        race = frame["group"]
        return model.fit(rows, label, qid=(race != race.shift()).cumsum().to_numpy())
    return model.fit(rows, label)


def rounds(
    fitted: Any, frame: pd.DataFrame, columns: Sequence[str], every: int
) -> Iterator[tuple[int, Array]]:
    """Predictions after every few rounds of boosting; nothing for families that don't boost."""
    from smallboat.training import stages

    yield from stages.answers(fitted, _matrix(frame, columns), every)


def _matrix(frame: pd.DataFrame, columns: Sequence[str]) -> Array:
    return frame[list(columns)].to_numpy(dtype=np.float32)
