"""The made-up table: the one that is shipped, and the best score that its rows allow."""

import numpy as np
from smallboat.samples import subscriptions
from toy_project import SHARED

SAMPLE = SHARED / "overlays" / "use_case" / "tabular" / "data" / "sample" / "subscriptions.csv"


def test_what_is_shipped_is_made_again_by_its_seed() -> None:
    assert SAMPLE.read_text() == subscriptions.text()
    assert SAMPLE.stat().st_size <= 300_000


def test_the_best_score_is_that_of_the_true_chances() -> None:
    table, chance = subscriptions.made_up(rows=50_000, seed=3)
    cancelled = (table["cancelled"] == "yes").to_numpy()

    def log_loss(told: np.ndarray) -> float:
        return float(-np.log(np.where(cancelled, told, 1 - told)).mean())

    assert abs(log_loss(chance) - 0.512) < 0.005
    assert abs(log_loss(chance) - subscriptions.best_log_loss(chance)) < 0.005
    assert log_loss(np.clip(chance * 1.2, 0, 0.99)) > log_loss(chance)
    assert abs(log_loss(cancelled.mean() + 0 * chance) - 0.600) < 0.005
