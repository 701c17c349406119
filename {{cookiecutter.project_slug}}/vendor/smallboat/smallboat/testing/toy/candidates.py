"""The models that compete for the toy problem."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from smallboat.problem import Candidate, Output

Array = np.ndarray[Any, np.dtype[Any]]
OUTPUT = Output("minutes", "min", "from the depot to the door", kind="value")


def _ridge(seed: int, **chosen: Any) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge(random_state=seed, **chosen)


def _boosting(seed: int, **chosen: Any) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(random_state=seed, n_estimators=20, **chosen)


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("boosting", 2, ({"max_depth": 2, "learning_rate": 0.3},), _boosting),
    Candidate("ridge", 1, ({"alpha": 1.0}, {"alpha": 100.0}), _ridge),
)


def fit(
    candidate: Candidate,
    settings: Mapping[str, Any],
    frame: pd.DataFrame,
    columns: Sequence[str],
    seed: int,
) -> Any:
    """Fit one setting on a feature table."""
    model = candidate.make(seed, **settings)
    return model.fit(_matrix(frame, columns), frame["target"].to_numpy())


def rounds(
    fitted: Any, frame: pd.DataFrame, columns: Sequence[str], every: int
) -> Iterator[tuple[int, Array]]:
    """Predictions after every few rounds of boosting."""
    if hasattr(fitted, "staged_predict"):
        stages = enumerate(fitted.staged_predict(_matrix(frame, columns)), start=1)
        yield from ((done, answer) for done, answer in stages if done % every == 0)


def _matrix(frame: pd.DataFrame, columns: Sequence[str]) -> Array:
    return frame[list(columns)].to_numpy(dtype=np.float32)
