"""The models that compete. To add one, write a function that makes it and a line in CANDIDATES.

Each predicts the chance that a session purchases. About one row in four is of a session that does;
rows are neither weighted nor left out to even that out, because chances learned from evened rows
are too high and would have to be corrected again. Average precision asks for their order alone, and
what it costs to be wrong is the threshold's business (`metrics.decide`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from smallboat import problem
from smallboat.problem import Output, settings

from .events import PAGE_COUNTS
from .inputs import SEQUENCE

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Candidate(problem.Candidate):
    """A family of models.

    Attributes:
        sequence: whether it sees the features that tell the order of events.
    """

    sequence: bool = False


OUTPUT = Output(
    "purchase",
    "probability",
    "chance that the session purchases what is in the cart",
    kind="probability",
)


def _logistic_regression(seed: int, **chosen: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = LogisticRegression(max_iter=300, random_state=seed, **chosen)
    return make_pipeline(StandardScaler(), model)


def _extra_trees(seed: int, **chosen: Any) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(bootstrap=True, n_jobs=1, random_state=seed, **chosen)


def _gradient_boosting(seed: int, **chosen: Any) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(random_state=seed, **chosen)


def _xgboost(seed: int, **chosen: Any) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=1, random_state=seed, tree_method="hist", **chosen)


# The slowest first: none should still run when all others are done.
CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "gradient_boosting",
        3,
        settings(
            n_estimators=[60], learning_rate=[0.1], max_depth=[4], subsample=[0.2],
            max_features=[0.2], min_samples_leaf=[20],
        ),
        _gradient_boosting,
    ),
    Candidate(
        "xgboost_sequence",
        5,
        settings(
            n_estimators=[200], learning_rate=[0.05], max_depth=[3, 5], subsample=[0.7],
            colsample_bytree=[0.4], min_child_weight=[20],
        ),
        _xgboost,
        sequence=True,
    ),
    Candidate(
        "xgboost",
        4,
        settings(
            n_estimators=[200], learning_rate=[0.05], max_depth=[3, 5], subsample=[0.7],
            colsample_bytree=[0.4], min_child_weight=[20],
        ),
        _xgboost,
    ),
    Candidate(
        "extra_trees",
        2,
        settings(
            n_estimators=[60], max_depth=[12], max_features=[0.3], max_samples=[0.2, 0.4],
            min_samples_leaf=[10],
        ),
        _extra_trees,
    ),
    Candidate("logistic_regression", 1, settings(C=[0.3, 0.03, 0.003]), _logistic_regression),
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
        frame: a feature table.
        columns: names of the features, in the order of the model's input.
        seed: fixes all that is random.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from smallboat.training.calibration import Calibrated

    unseen = set() if candidate.sequence else set(SEQUENCE)
    if not frame[list(PAGE_COUNTS)].to_numpy().any():  # the shop tells no types of pages
        unseen |= set(PAGE_COUNTS)
    seen = [at for at, name in enumerate(columns) if name not in unseen]
    classifier = make_pipeline(
        ColumnTransformer([("seen", "passthrough", seen)]), candidate.make(seed, **settings)
    )
    label, session = frame["label"].to_numpy(dtype=np.int64), frame["entity"].factorize()[0]
    return Calibrated(classifier).fit(_matrix(frame, columns), label, session)


def rounds(
    fitted: Any, frame: pd.DataFrame, columns: Sequence[str], every: int
) -> Iterator[tuple[int, Array]]:
    """Predictions after every few rounds of boosting; nothing for families that don't boost.

    They are not calibrated: that leaves their order as it is.
    """
    from smallboat.training import stages

    select, model = fitted.classifier_[0], fitted.classifier_[-1]
    found = stages.answers(model, select.transform(_matrix(frame, columns)), every)
    yield from ((done, answer[:, 1]) for done, answer in found)


def _matrix(frame: pd.DataFrame, columns: Sequence[str]) -> Array:
    return frame[list(columns)].to_numpy(dtype=np.float32)
