"""The metrics against scikit-learn's, resamples against rows that are drawn one by one."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from smallboat.evaluation import probabilities

from {{ cookiecutter.project_slug }} import metrics

Array = metrics.Array
SIZES = st.integers(20, 300)
SEEDS = st.integers(0, 2**32 - 1)
COARSE = st.sampled_from([0.25, 0.05, 1e-9])
"""What predictions are rounded to: with the first most of them are tied."""
COSTS = {"contact_cost": 1.0, "missed_cost": 3.0}


def _sessions(rows: int, seed: int, coarse: float = 1e-9, days: int = 7) -> tuple[Any, Array]:
    """A table of sessions of up to six rows, and predictions that know something of them."""
    rng = np.random.default_rng(seed)
    entity = np.sort(rng.integers(0, rows // 3 + 1, rows))
    bought = (rng.random(rows // 3 + 1) < 0.3).astype(int)[entity]
    frame = pd.DataFrame(
        {
            "group": [f"day {day}" for day in np.sort(rng.integers(0, days, rows))],
            "entity": [f"session {number}" for number in entity],
            "after": rng.choice(list(metrics.CHALLENGE), rows),
            "target": bought,
        }
    )
    odds = rng.normal(2.0 * bought - 1.5, 1.0)
    chance = 1 / (1 + np.exp(-odds))
    return frame, np.clip(np.round(chance / coarse) * coarse, 0.01, 0.99)


def _drawn(frame: pd.DataFrame, predicted: Array, counts: Array) -> tuple[pd.DataFrame, Array]:
    """The rows of a resample, one by one."""
    times = pd.Series(counts, frame["group"].unique()).reindex(frame["group"]).to_numpy()
    place = np.repeat(np.arange(len(frame)), times.astype(int))
    return frame.iloc[place], predicted[place]


@given(SIZES, SEEDS, COARSE)
def test_scores_are_those_of_scikit_learn(rows: int, seed: int, coarse: float) -> None:
    frame, predicted = _sessions(rows, seed, coarse)
    target = frame["target"]
    assume(target.nunique() == 2)
    found = metrics.score(frame, predicted)
    assert found["ap"] == pytest.approx(average_precision_score(target, predicted))
    assert found["ap_error"] == pytest.approx(1 - found["ap"])
    assert found["roc_auc"] == pytest.approx(roc_auc_score(target, predicted))
    assert found["log_loss"] == pytest.approx(log_loss(target, predicted))
    right = (predicted >= 0.5) == target
    accuracy = right.groupby(frame["after"]).mean()
    assert found["challenge"] == pytest.approx(
        sum(weight * accuracy.get(after, 0.0) for after, weight in metrics.CHALLENGE.items())
    )


def test_the_calibration_error_counted_by_hand() -> None:
    rows = 40
    frame = _sessions(rows, 1)[0].assign(target=np.tile([0, 1], rows // 2))
    predicted = np.linspace(0.1, 0.9, rows)
    bins = np.arange(rows).reshape(probabilities.BINS, -1)
    apart = [abs(0.5 - predicted[rows].mean()) for rows in bins]
    assert metrics.score(frame, predicted)["ece"] == pytest.approx(np.mean(apart))


@given(SIZES, SEEDS, COARSE)
def test_resamples_of_few_predictions_are_exact(rows: int, seed: int, coarse: float) -> None:
    frame, predicted = _sessions(rows, seed, coarse)
    days = frame["group"].nunique()
    counts = np.random.default_rng(seed).multinomial(days, [1 / days] * days, 4)
    found = metrics.resampled(frame, predicted, counts.astype(np.float64))
    for draw, times in enumerate(counts):
        drawn, chances = _drawn(frame, predicted, times)
        expected = metrics.score(drawn, chances)
        for name in set(expected) - {"ece"}:  # its bins are those of the whole table
            assert found[name][draw] == pytest.approx(expected[name]), name


@pytest.mark.parametrize("coarse", [0.01, 1e-9])
def test_resamples_of_many_predictions_are_near_the_exact_ones(coarse: float) -> None:
    frame, predicted = _sessions(9000, 5, coarse, days=14)
    counts = np.random.default_rng(5).multinomial(14, [1 / 14] * 14, 30)
    found = metrics.resampled(frame, predicted, counts.astype(np.float64))
    for draw, times in enumerate(counts):
        drawn, chances = _drawn(frame, predicted, times)
        expected = metrics.score(drawn, chances)
        for name in ("ap_error", "ap", "roc_auc", "log_loss", "challenge"):
            assert found[name][draw] == pytest.approx(expected[name], abs=1e-3), name
        assert found["ece"][draw] == pytest.approx(expected["ece"], abs=5e-3)


def test_10_000_resamples_of_120_000_rows_in_seconds() -> None:
    frame, predicted = _sessions(120_000, 3, days=14)
    counts = np.random.default_rng(3).multinomial(14, [1 / 14] * 14, 10_000)
    started = time.process_time()
    found = metrics.resampled(frame, predicted, counts.astype(np.float64))
    assert time.process_time() - started < 5
    assert {len(values) for values in found.values()} == {10_000}


@given(SIZES, SEEDS)
def test_the_baseline_has_the_base_rate_and_no_order(rows: int, seed: int) -> None:
    frame, _ = _sessions(rows, seed)
    found = metrics.score(frame, metrics.baseline(frame))
    assert found["ap"] == pytest.approx(frame["target"].mean())
    assert found["roc_auc"] == 0.5
    assert found["ece"] == pytest.approx(0, abs=1e-12)


def test_a_perfect_prediction_is_perfect() -> None:
    frame, _ = _sessions(200, 1)
    found = metrics.score(frame, frame["target"].to_numpy())
    best = {"ap_error": 0, "ap": 1, "roc_auc": 1, "log_loss": 0, "ece": 0, "challenge": 4.5}
    assert found == pytest.approx(best)


@pytest.mark.parametrize(("target", "ap"), [(0, 0.0), (1, 1.0)])
def test_rows_that_all_end_alike_have_scores(target: int, ap: float) -> None:
    frame, predicted = _sessions(30, 1)
    found = metrics.score(frame.assign(target=target), predicted)
    assert (found["ap"], found["roc_auc"]) == (ap, 0.5)


@given(SIZES, SEEDS)
def test_the_losses_have_the_log_loss_as_their_mean(rows: int, seed: int) -> None:
    frame, predicted = _sessions(rows, seed)
    found = metrics.loss(frame, predicted)
    assert found.mean() == pytest.approx(metrics.score(frame, predicted)["log_loss"])
    assert (found >= 0).all()


def test_who_was_sure_and_wrong_loses_much_but_not_everything() -> None:
    frame = _sessions(20, 1)[0].assign(target=1)
    assert (metrics.loss(frame, np.zeros(20)) > 30).all()
    assert np.isfinite(metrics.loss(frame, np.zeros(20))).all()


def test_the_reliability_curve_ascends_with_every_row_in_a_bin() -> None:
    frame, predicted = _sessions(3000, 2)
    curve = metrics.calibration(frame, predicted)
    assert list(curve) == ["predicted", "observed", "low", "high", "rows"]
    assert len(curve["rows"]) == probabilities.BINS and sum(curve["rows"]) == len(frame)
    assert (np.diff(curve["predicted"]) > 0).all()
    for low, observed, high in zip(curve["low"], curve["observed"], curve["high"], strict=True):
        assert 0 <= low < observed < high <= 1
    order = np.argsort(predicted)[:300]
    assert curve["predicted"][0] == pytest.approx(predicted[order].mean(), abs=1e-6)
    assert curve["observed"][0] == pytest.approx(frame["target"].iloc[order].mean(), abs=1e-6)


def test_the_interval_of_a_bin_is_wilsons_for_its_sessions() -> None:
    """Of 25 sessions of four rows each 5 purchase: 8.9 to 39.1 percent."""
    entity = np.repeat(np.arange(25), 4)
    frame = pd.DataFrame({"entity": entity, "target": (entity < 5).astype(int)})
    curve = metrics.calibration(frame, np.full(100, 0.2))
    assert curve["rows"] == [100] and curve["observed"] == [0.2]
    assert (curve["low"][0], curve["high"][0]) == pytest.approx((0.0886, 0.3913), abs=1e-4)


def _cost(frame: pd.DataFrame, predicted: Array, threshold: float) -> float:
    bought, approached = frame["target"].to_numpy() == 1, predicted >= threshold
    contacts, misses = (approached & ~bought).mean(), (~approached & bought).mean()
    return float(COSTS["contact_cost"] * contacts + COSTS["missed_cost"] * misses)


@given(SIZES, SEEDS, COARSE)
def test_no_threshold_is_cheaper_than_the_chosen_one(rows: int, seed: int, coarse: float) -> None:
    frame, predicted = _sessions(rows, seed, coarse)
    told = metrics.decide(frame, predicted, COSTS)
    assert told["expected_cost"] == pytest.approx(_cost(frame, predicted, told["threshold"]))
    for threshold in np.linspace(0, 1, 50):
        assert told["expected_cost"] <= _cost(frame, predicted, threshold) + 1e-12
    ends = [_cost(frame, predicted, threshold) for threshold in (0.0, 1.0)]
    assert told["without_model"] == pytest.approx(min(ends))
    assert {name: told[name] for name in COSTS} == COSTS


def test_of_honest_chances_the_threshold_is_where_both_costs_are_equal() -> None:
    rng = np.random.default_rng(4)
    predicted = rng.random(100_000)
    frame = pd.DataFrame({"target": (rng.random(100_000) < predicted).astype(int)})
    told = metrics.decide(frame, predicted, COSTS)
    assert told["threshold"] == pytest.approx(0.25, abs=0.03)
    assert told["expected_cost"] < told["without_model"]


@pytest.mark.parametrize(
    ("predicted", "why"),
    [(np.nan, "not finite"), (np.inf, "not finite"), (1.1, "between 0 and 1"), (-0.1, "between")],
)
def test_what_is_no_chance_is_refused(predicted: float, why: str) -> None:
    frame, chances = _sessions(30, 1)
    chances[7] = predicted
    with pytest.raises(ValueError, match=why):
        metrics.score(frame, chances)


def test_a_prediction_of_other_rows_is_refused() -> None:
    frame, chances = _sessions(30, 1)
    with pytest.raises(ValueError, match="29 predictions for 30 rows"):
        metrics.score(frame, chances[1:])
