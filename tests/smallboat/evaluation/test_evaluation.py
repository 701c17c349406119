"""Intervals, slices and importance on tables whose right answer is known."""

import time

import bundles
import numpy as np
import pandas as pd
import pytest
from smallboat.evaluation import bootstrap, evaluation
from smallboat.store import bundle
from smallboat.training import splits, training
from toy import features, metrics
from toy.problem import PROBLEM

COLUMN = next(iter(bundles.PLAIN.items()))


def test_an_interval_holds_the_metric_and_narrows_with_more_groups(parts: splits.Split) -> None:
    baseline = metrics.baseline(parts.validation)
    told = metrics.score(parts.validation, baseline)[metrics.PRIMARY]
    shown = evaluation.intervals(evaluation.resample(PROBLEM, parts.validation, baseline))
    half = parts.validation.head(len(parts.validation) // 2)
    fewer = evaluation.intervals(evaluation.resample(PROBLEM, half, metrics.baseline(half)))
    (low, high), (lower, higher) = shown[metrics.PRIMARY], fewer[metrics.PRIMARY]
    assert low < told < high
    assert high - low < higher - lower


def test_resamples_are_of_whole_groups(parts: splits.Split) -> None:
    """A metric of two groups has three values: of the one twice, of the other twice, of both."""
    two = parts.validation["group"].unique()[:2]
    frame = parts.validation[parts.validation["group"].isin(two)]
    baseline = metrics.baseline(frame)
    found = evaluation.resample(PROBLEM, frame, baseline)[metrics.PRIMARY]
    alone = [frame["group"] == group for group in two]
    expected = [metrics.score(frame[rows], baseline[rows])[metrics.PRIMARY] for rows in alone]
    expected.insert(1, metrics.score(frame, baseline)[metrics.PRIMARY])
    for value, share in zip(expected, (0.25, 0.5, 0.25), strict=True):
        assert np.isclose(found, value).mean() == pytest.approx(share, abs=0.02)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """In 400 samples of 40 groups from a known distribution."""
    rng = np.random.default_rng(1)
    counts = bootstrap.counts(40)
    values = rng.exponential(size=(400, 40))
    ends = [bootstrap.interval(counts @ sample / 40) for sample in values]
    covered = np.mean([low <= 1 <= high for low, high in ends])
    assert 0.88 <= covered <= 0.97


def test_what_people_are_shown_has_means_over_groups_beside_the_trivial_rule() -> None:
    rng = np.random.default_rng(1)
    model = pd.DataFrame({"loss": rng.exponential(size=40), "width": 3.0})
    trivial = model.assign(loss=model["loss"] + 1, width=2.5)
    found = evaluation.calibration_metrics(model, trivial)
    assert found["metrics"] == pytest.approx({"loss": model["loss"].mean(), "width": 3.0})
    assert found["baseline"] == pytest.approx({"loss": model["loss"].mean() + 1, "width": 2.5})
    low, high = found["intervals"]["loss"]
    assert low < model["loss"].mean() < high
    # Paired: the models differ by the same in each group.
    assert found["difference"]["loss"] == {"value": -1.0, "low": -1.0, "high": -1.0}
    assert found["difference"]["width"] == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_every_metric_of_validation_within_a_second(parts: splits.Split) -> None:
    bootstrap.counts.cache_clear()
    started = time.perf_counter()
    resampled = evaluation.resample(PROBLEM, parts.validation, metrics.baseline(parts.validation))
    evaluation.intervals(resampled)
    assert time.perf_counter() - started < 1
    assert {len(values) for values in resampled.values()} == {10_000}


def test_a_difference_is_paired(parts: splits.Split) -> None:
    frame = parts.test
    baseline = metrics.baseline(frame)
    same = evaluation.difference(PROBLEM, frame, baseline, baseline)
    assert all(part == {"value": 0, "low": 0, "high": 0} for part in same.values())
    truth = frame["target"].to_numpy()
    better = evaluation.difference(PROBLEM, frame, truth, baseline)[metrics.PRIMARY]
    assert better["low"] <= better["value"] <= better["high"] < 0


def test_small_slices_are_left_out_and_errors_are_means_of_their_rows(
    parts: splits.Split,
) -> None:
    frame = parts.validation
    worst = frame["target"].max() - frame["target"].to_numpy()
    shown = evaluation.slices(PROBLEM, frame, worst, least=70)
    assert shown
    for part in shown:
        chosen = frame[part["by"]].astype(str) == part["value"]
        assert part["rows"] == chosen.sum() >= 70
        assert part["error"] == pytest.approx(metrics.loss(frame, worst)[chosen].mean())
        assert part["error"] > part["baseline"]
        assert part["groups"] == frame["group"][chosen].nunique()
        difference = part["difference"]
        assert difference["value"] == pytest.approx(part["error"] - part["baseline"])
        assert 0 < difference["low"] < difference["value"] < difference["high"]


def test_the_interval_of_a_slice_is_of_its_own_groups(parts: splits.Split) -> None:
    """A slice that is all rows has the interval of the whole."""
    frame = parts.validation.assign(period=1)
    worst = frame["target"].max() - frame["target"].to_numpy()
    (whole,) = [
        each for each in evaluation.slices(PROBLEM, frame, worst, 1) if each["value"] == "1"
    ]
    compared = evaluation.difference(PROBLEM, frame, worst, metrics.baseline(frame))
    assert whole["difference"] == pytest.approx(compared[metrics.PRIMARY], abs=1e-6)


def test_an_error_relative_to_the_baselines(parts: splits.Split) -> None:
    frame, baseline = parts.test, metrics.baseline(parts.test)
    half = (baseline + frame["target"].to_numpy()) / 2
    told = evaluation.against_baseline(PROBLEM, frame, half)["relative_error"]
    assert told == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_nothing_is_small_beside_a_perfect_baseline(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "baseline", lambda frame: frame["target"].to_numpy(float))
    told = evaluation.against_baseline(PROBLEM, parts.test, np.zeros(len(parts.test)))
    assert set(told["relative_error"].values()) == {evaluation.UNBOUNDED}


def test_the_column_that_a_model_reads_is_the_important_one(parts: splits.Split) -> None:
    onnx = bundles.linear((COLUMN,))
    shown = evaluation.importance(PROBLEM, onnx, parts.test, training.columns(PROBLEM), seed=1)
    assert len(shown) == len(training.columns(PROBLEM))
    assert shown[0]["features"] == [COLUMN[0]] and shown[0]["importance"] > 0.01
    assert all(abs(part["importance"]) < 1e-9 for part in shown[1:])


def test_columns_that_tell_the_same_are_important_together(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error that a group of two causes is more than the sum of what each of them does."""
    monkeypatch.setattr(features, "GROUPS", {"way": ("distance", "fl*")}, raising=False)
    onnx = bundles.linear(tuple(bundles.BETTER.items()))
    columns = training.columns(PROBLEM)
    shown = evaluation.importance(PROBLEM, onnx, parts.test, columns, seed=1)
    assert [each["group"] for each in shown] == ["way", "depot_minutes"]
    assert shown[0]["features"] == ["distance", "floor"]
    answers = bundle.predict(onnx, parts.test[columns].to_numpy())
    without = bundle.predict(onnx, parts.test[columns].assign(distance=5.0, floor=3.0).to_numpy())
    first, second = (metrics.score(parts.test, each)["mae"] for each in (answers, without))
    assert shown[0]["importance"] > second - first > 0


def test_of_many_rows_some_are_enough_for_the_importance(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, asked = [], bundle.predict
    monkeypatch.setattr(
        bundle, "predict", lambda *given: [sizes.append(len(given[1])), asked(*given)][1]
    )
    monkeypatch.setattr(evaluation, "MOST_ROWS", len(parts.test) - 40)
    shown = evaluation.importance(
        PROBLEM, bundles.linear((COLUMN,)), parts.test, training.columns(PROBLEM), seed=1
    )
    assert max(sizes) == evaluation.SHUFFLES * (len(parts.test) - 40)
    assert shown[0]["features"] == [COLUMN[0]] and shown[0]["importance"] > 0.01
