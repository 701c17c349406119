"""What boosted models answer after some of their rounds, for the learning curve."""

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def answers(model: Any, rows: Array, every: int) -> Iterator[tuple[int, Array]]:
    """A model's answers after every few rounds; nothing if it doesn't boost.

    Args:
        model: fitted; of scikit-learn, XGBoost or LightGBM.
        rows: what it takes.
        every: so many rounds.
    """
    predict = getattr(model, "predict_proba", model.predict)
    if staged := getattr(model, "staged_predict_proba", getattr(model, "staged_predict", None)):
        stages = enumerate(staged(rows), start=1)
        yield from ((done, answer) for done, answer in stages if done % every == 0)
    elif hasattr(model, "get_booster"):  # XGBoost
        for done in range(every, model.get_booster().num_boosted_rounds() + 1, every):
            yield done, predict(rows, iteration_range=(0, done))
    elif hasattr(model, "booster_"):  # LightGBM
        for done in range(every, model.booster_.current_iteration() + 1, every):
            yield done, predict(rows, num_iteration=done)
