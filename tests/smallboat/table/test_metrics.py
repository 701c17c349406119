"""The metrics of each kind against scikit-learn's, resamples against rows drawn one by one."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from smallboat.evaluation import bootstrap, probabilities, regression
from smallboat.table import metrics
from smallboat.table.schema import METRICS, Table
from tables import TABLES, Array

KINDS = pytest.mark.parametrize("kind", list(TABLES))
SIZES, SEEDS = st.integers(30, 300), st.integers(0, 2**32 - 1)


def told(kind: str, rows: int, seed: int, groups: int = 12) -> tuple[pd.DataFrame, Array]:
    """Targets, and answers that know something of them."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    noisy = truth + rng.normal(0, 0.4, rows)
    if kind == "multiclass":
        target = rng.integers(0, 3, rows)
        odds = np.exp(rng.normal(size=(rows, 3)) + 1.5 * (target[:, None] == np.arange(3)))
        answers = odds / odds.sum(axis=1, keepdims=True)
    elif kind == "binary":
        target, answers = truth > 0.5, 1 / (1 + np.exp(1 - 2 * noisy))
    else:
        size = np.exp if kind == "log" else np.asarray
        target, answers = size(truth), size(noisy)
    frame = pd.DataFrame({"target": np.asarray(target, dtype=np.float64)})
    return frame.assign(group=rng.integers(0, groups, rows)), answers


@settings(max_examples=30)
@given(SIZES, SEEDS)
def test_scores_of_probabilities_are_those_of_scikit_learn(rows: int, seed: int) -> None:
    frame, answers = told("binary", rows, seed)
    target = frame["target"]
    assume(target.nunique() == 2)
    found = metrics.score(TABLES["binary"], frame, answers)
    ap = sklearn_metrics.average_precision_score(target, answers)
    auc = sklearn_metrics.roc_auc_score(target, answers)
    expected = {
        "ap": ap,
        "ap_error": 1 - ap,
        "roc_auc": auc,
        "auc_error": 1 - auc,
        "log_loss": sklearn_metrics.log_loss(target, answers),
        "error_rate": ((answers >= 0.5) != target).mean(),
        "ece": found["ece"],
    }
    assert found == pytest.approx(expected)


@settings(max_examples=30)
@given(SIZES, SEEDS)
def test_scores_of_classes_are_those_of_scikit_learn(rows: int, seed: int) -> None:
    frame, answers = told("multiclass", rows, seed)
    target = frame["target"].to_numpy()
    assume(len(np.unique(target)) == 3)
    one_hot = target[:, None] == np.arange(3)
    expected = {
        "log_loss": sklearn_metrics.log_loss(target, answers),
        "accuracy": sklearn_metrics.accuracy_score(target, answers.argmax(axis=1)),
        "error_rate": (answers.argmax(axis=1) != target).mean(),
        "macro_ap": sklearn_metrics.average_precision_score(one_hot, answers, average="macro"),
    }
    assert metrics.score(TABLES["multiclass"], frame, answers) == pytest.approx(expected)


@settings(max_examples=30)
@given(SIZES, SEEDS)
def test_scores_of_numbers_are_those_of_scikit_learn(rows: int, seed: int) -> None:
    frame, answers = told("regression", rows, seed)
    target = frame["target"] + 1e6  # far from 0
    expected = {
        "mae": sklearn_metrics.mean_absolute_error(target, answers + 1e6),
        "rmse": sklearn_metrics.root_mean_squared_error(target, answers + 1e6),
        "r2": sklearn_metrics.r2_score(target, answers + 1e6),
        "bias": (answers + 1e6 - target).mean(),
    }
    constant = sklearn_metrics.mean_absolute_error(target, np.full(rows, np.median(target)))
    expected["relative_mae"] = expected["mae"] / constant
    expected["relative_rmse"] = expected["rmse"] / target.std(ddof=0)
    found = metrics.score(TABLES["regression"], frame.assign(target=target), answers + 1e6)
    assert found == pytest.approx(expected, abs=1e-6)


@KINDS
def test_the_metrics_that_may_decide_are_there_and_lower_is_better(kind: str) -> None:
    frame, answers = told(kind, 400, 1)
    for primary in METRICS[TABLES[kind].kind]:
        table = replace(TABLES[kind], metric=primary)
        good = metrics.score(table, frame, answers)[primary]
        assert good < metrics.score(table, frame, metrics.baseline(table, frame))[primary]


@KINDS
@settings(max_examples=20)
@given(seed=SEEDS)
def test_resamples_are_those_of_rows_drawn_one_by_one(kind: str, seed: int) -> None:
    frame, answers = told(kind, 120, seed)
    groups = frame["group"].unique()
    counts = np.random.default_rng(seed).multinomial(
        len(groups), [1 / len(groups)] * len(groups), 4
    )
    found = metrics.resampled(TABLES[kind], frame, answers, counts.astype(np.float64))
    for draw, times in enumerate(counts):
        often = pd.Series(times, groups).reindex(frame["group"]).to_numpy()
        place = np.repeat(np.arange(len(frame)), often)
        drawn = frame.iloc[place]
        if kind == "multiclass" and drawn["target"].nunique() < 3:
            continue  # the mean is over the classes of the whole table
        expected = metrics.score(TABLES[kind], drawn, answers[place])
        # Bins, and what errors are relative to, are those of the whole table.
        for name in set(expected) - {"ece", "relative_mae", "relative_rmse"}:
            assert found[name][draw] == pytest.approx(expected[name], abs=1e-9), name


@pytest.mark.parametrize("share", [0.3, 0.001])
def test_resamples_of_many_different_probabilities_are_near_the_score(share: float) -> None:
    """Also if class 1 is so rare that all of its rows would be in one of equal steps."""
    rng = np.random.default_rng(1)
    target = (rng.random(200_000) < share).astype(np.float64)
    answers = 1 / (1 + np.exp(-rng.normal(3 * target, 1)))
    frame = pd.DataFrame({"target": target, "group": rng.integers(0, 200, len(target))})
    found = metrics.resampled(TABLES["binary"], frame, answers, np.ones((1, 200)))
    for name, value in metrics.score(TABLES["binary"], frame, answers).items():
        assert found[name][0] == pytest.approx(value, abs=5e-3), name


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_10_000_resamples_of_a_million_rows_fit_into_500_mb(kind: str) -> None:
    frame, answers = told(kind, 1_000_000, 1, groups=200)
    counts = bootstrap.counts(200)
    tracemalloc.start()
    found = metrics.resampled(TABLES[kind], frame, answers, counts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {values.shape for values in found.values()} == {(10_000,)}
    assert peak < 500e6


@KINDS
def test_the_losses_are_in_the_unit_of_the_metric_that_decides(kind: str) -> None:
    frame, answers = told(kind, 300, 2)
    for primary in METRICS[TABLES[kind].kind]:
        table = replace(TABLES[kind], metric=primary)
        name = {"error_rate": "error_rate"}.get(primary, "log_loss")
        name = "relative_mae" if table.kind == "regression" else name
        expected = metrics.score(table, frame, answers)[name]
        assert metrics.loss(table, frame, answers).mean() == pytest.approx(expected)


def test_answers_are_in_the_unit_of_the_target() -> None:
    frame, answers = told("multiclass", 50, 1)
    found = metrics.as_target(TABLES["multiclass"], frame, answers)
    assert found.tolist() == answers.argmax(axis=1).tolist()
    for kind in ("binary", "regression"):
        frame, answers = told(kind, 50, 1)
        assert np.array_equal(metrics.as_target(TABLES[kind], frame, answers), answers)


def test_the_baseline_is_the_best_constant_answer() -> None:
    for kind, primary in (("binary", "log_loss"), ("regression", "mae"), ("regression", "rmse")):
        frame, _ = told(kind, 301, 3)
        table = replace(TABLES[kind], metric=primary)
        best = metrics.score(table, frame, metrics.baseline(table, frame))[primary]
        for other in np.quantile(frame["target"], [0.2, 0.45, 0.55, 0.8]) * 0.98 + 0.01:
            assert best <= metrics.score(table, frame, np.full(301, other))[primary]
    frame, _ = told("multiclass", 300, 3)
    shares = metrics.baseline(TABLES["multiclass"], frame)
    assert shares.shape == (300, 3) and shares.sum(axis=1) == pytest.approx(1)
    assert shares[0] == pytest.approx(frame["target"].value_counts(normalize=True).sort_index())


def test_the_reliability_curve_counts_rows_or_groups() -> None:
    frame, answers = told("binary", 3000, 2)
    table = TABLES["binary"]
    alone = metrics.calibration(table, frame, answers)
    grouped = metrics.calibration(replace(table, group="household"), frame, answers)
    assert len(alone["rows"]) == probabilities.BINS and sum(alone["rows"]) == 3000
    for low, observed, high, wider in zip(
        alone["low"], alone["observed"], alone["high"], grouped["high"], strict=True
    ):
        assert low <= observed <= high <= wider


def test_the_reliability_of_classes_is_that_of_the_likeliest_one() -> None:
    frame, answers = told("multiclass", 3000, 2)
    curve = metrics.calibration(TABLES["multiclass"], frame, answers)
    right = (answers.argmax(axis=1) == frame["target"]).mean()
    assert np.average(curve["observed"], weights=curve["rows"]) == pytest.approx(right, abs=1e-5)
    assert min(curve["predicted"]) > 1 / 3


@pytest.mark.parametrize("kind", ["regression", "log"])
def test_intervals_cover_what_they_say(kind: str) -> None:
    """On average; split conformal prediction promises at least 90 %, and at most 1 / n more."""
    table, covered = TABLES[kind], []
    for seed in range(300):
        past, answers = told(kind, 60, 1000 + seed)
        interval = metrics.calibration(table, past, answers)["interval"]
        frame, later = told(kind, 60, seed)
        low, high = regression.bounds(interval, later)
        covered.append(((low <= frame["target"]) & (frame["target"] <= high)).mean())
        assert interval["relative"] == table.log and (kind == "regression" or (low > 0).all())
    assert np.mean(covered) == pytest.approx(0.9 + 1 / 120, abs=0.01)


def test_the_interval_of_few_rows_covers_all() -> None:
    frame = pd.DataFrame({"target": [1.0, 5.0, 2.0], "group": [0, 1, 2]})
    found = metrics.calibration(TABLES["regression"], frame, np.zeros(3))["interval"]
    assert found == {"low": -5.0, "high": 5.0, "coverage": 0.9, "relative": False}


@pytest.mark.parametrize("kind", ["regression", "log"])
def test_intervals_are_narrower_than_those_of_the_past(kind: str) -> None:
    table = TABLES[kind]
    past, told_past = told(kind, 2000, 4)
    frame, answers = told(kind, 2000, 5)
    fitted = metrics.calibration(table, past, told_past)
    model, trivial = metrics.calibration_metrics(table, frame, answers, fitted, past)
    assert list(model) == list(trivial) == ["interval_coverage", "interval_width"]
    assert len(model) == len(trivial) == frame["group"].nunique()
    assert model["interval_coverage"].mean() == pytest.approx(0.9, abs=0.03)
    assert trivial["interval_coverage"].mean() == pytest.approx(0.9, abs=0.03)
    assert model["interval_width"].mean() < trivial["interval_width"].mean()


def test_of_few_rows_a_threshold_is_that_of_true_probabilities() -> None:
    frame, answers = told("binary", 300, 6)
    found = metrics.decide(
        TABLES["binary"], frame, answers, {"contact_cost": 1.0, "missed_cost": 9.0}
    )
    assert found["threshold"] == 0.1
    acted, one = answers >= 0.1, frame["target"] == 1
    assert found["expected_cost"] == pytest.approx(
        (acted & ~one).mean() + 9 * (~acted & one).mean()
    )


def test_a_threshold_is_the_cheapest() -> None:
    frame, answers = told("binary", 1500, 6)
    costs = {"contact_cost": 1.0, "missed_cost": 4.0}
    found = metrics.decide(TABLES["binary"], frame, answers, costs)
    bought = frame["target"] == 1
    for threshold in np.linspace(0, 1, 41):
        acted = answers >= threshold
        cost = (acted & ~bought).mean() + 4 * (~acted & bought).mean()
        assert found["expected_cost"] <= cost + 1e-12


WRONG: list[tuple[str, Any, str]] = [
    ("binary", np.full(30, 1.5), "between 0 and 1"),
    ("binary", np.full(30, np.nan), "not finite"),
    ("multiclass", np.full((30, 3), -0.1), "between 0 and 1"),
    ("regression", np.full(30, np.inf), "not finite"),
    ("regression", np.zeros(29), "29 predictions for 30 rows"),
]


@pytest.mark.parametrize(("kind", "answers", "why"), WRONG)
def test_what_is_no_answer_is_refused(kind: str, answers: Array, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        metrics.score(TABLES[kind], told(kind, 30, 1)[0], answers)


def test_a_constant_target_has_scores() -> None:
    frame = pd.DataFrame({"target": np.full(20, 3e6 + 0.1), "group": range(20)})
    found = metrics.score(Table("t", "regression"), frame, np.full(20, 3e6))
    assert found["r2"] == 0 and found["bias"] == pytest.approx(-0.1)
