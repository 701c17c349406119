"""Intervals, slices and importance on tables whose right answer is known."""

import time

import numpy as np
import pandas as pd
import pytest

from {{ cookiecutter.project_slug }} import metrics
from {{ cookiecutter.project_slug }}.mlops import bootstrap, evaluation, training


def test_an_interval_holds_the_metric_and_narrows_with_more_groups(parts: training.Split) -> None:
    baseline = metrics.baseline(parts.validation)
    told = metrics.score(parts.validation, baseline)
    shown = evaluation.intervals(evaluation.resample(parts.validation, baseline))
    one = parts.validation[parts.validation["period"] == parts.validation["period"].min()]
    fewer = evaluation.intervals(evaluation.resample(one, metrics.baseline(one)))
    for name, (low, high) in shown.items():
        assert low < told[name] < high
        assert high - low < fewer[name][1] - fewer[name][0]


def test_resamples_are_of_whole_groups() -> None:
    """A metric of one group each can only take values that sums of those groups allow."""
    frame = pd.DataFrame({"group": ["a"] * 3 + ["b"] * 3, "target": [1.0, 2, 3, 1, 2, 3]})
    perfect_then_reversed = np.array([1.0, 2, 3, 3, 2, 1])
    found = evaluation.resample(frame, perfect_then_reversed)[metrics.PRIMARY]
    assert set(np.round(found, 6)) == {0.0, round(2 / 3, 6), round(4 / 3, 6)}
    assert (found == 0).mean() == pytest.approx(0.25, abs=0.02)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """In 400 samples of 40 groups from a known distribution."""
    rng = np.random.default_rng(1)
    counts = bootstrap.counts(40)
    values = rng.exponential(size=(400, 40))
    ends = [bootstrap.interval(counts @ sample / 40) for sample in values]
    covered = np.mean([low <= 1 <= high for low, high in ends])
    assert 0.88 <= covered <= 0.97


def test_every_metric_of_three_seasons_within_a_second(parts: training.Split) -> None:
    bootstrap.counts.cache_clear()
    started = time.perf_counter()
    resampled = evaluation.resample(parts.validation, metrics.baseline(parts.validation))
    evaluation.intervals(resampled)
    assert time.perf_counter() - started < 1
    assert {len(values) for values in resampled.values()} == {10_000}


def test_a_difference_is_paired(parts: training.Split) -> None:
    frame = parts.test
    baseline = metrics.baseline(frame)
    same = evaluation.difference(frame, baseline, baseline)
    assert all(part == {"value": 0, "low": 0, "high": 0} for part in same.values())
    truth = frame["target"].to_numpy()
    better = evaluation.difference(frame, truth, baseline)[metrics.PRIMARY]
    assert better["low"] <= better["value"] <= better["high"] < 0


def test_small_slices_are_left_out_and_errors_are_means_of_their_rows(
    parts: training.Split,
) -> None:
    frame = parts.validation
    worst = -frame["target"].to_numpy()
    shown = evaluation.slices(frame, worst, least=70)
    assert shown
    for part in shown:
        chosen = frame[part["by"]].astype(str) == part["value"]
        assert part["rows"] == chosen.sum() >= 70
        assert part["error"] == pytest.approx(metrics.loss(frame, worst)[chosen].mean())
        assert part["error"] > part["baseline"]


def test_the_column_that_a_model_reads_is_the_important_one(parts: training.Split) -> None:
    """A ridge that saw the grid alone does not care about any other column."""
    from sklearn.linear_model import LinearRegression

    grid = training.COLUMNS.index("grid")
    rows = np.zeros((40, len(training.COLUMNS)), dtype=np.float32)
    rows[:, grid] = np.arange(40)
    fitted = LinearRegression().fit(rows, rows[:, grid])
    onnx = training.bundle.to_onnx(fitted, len(training.COLUMNS))
    shown = evaluation.importance(onnx, parts.test, training.COLUMNS, seed=1)
    assert len(shown) == len(training.COLUMNS)
    assert shown[0]["feature"] == "grid" and shown[0]["rise"] > 1
    assert all(abs(part["rise"]) < 1e-9 for part in shown[1:])
