"""The metrics against counting by hand and against the correlation of ranks."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.project_slug }} import metrics
from {{ cookiecutter.project_slug }}.service.answer import outcomes


def _races(*targets: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": [f"r{n}" for n, target in enumerate(targets) for _ in target],
            "target": [float(place) for target in targets for place in target],
        }
    )


def test_a_race_counted_by_hand() -> None:
    frame = _races([1, 2, 3, 4, 5])
    found = metrics.score(frame, np.array([20.0, 10.0, 30.0, 50.0, 40.0]))
    assert found == pytest.approx({"mae": 0.8, "spearman": 0.8, "winner": 0.0, "podium": 1.0})


def test_mae_weighs_starters_and_the_rest_weighs_races() -> None:
    frame = _races([1, 2], [1, 2, 3, 4])
    found = metrics.score(frame, np.array([2.0, 1.0, 1.0, 2.0, 3.0, 4.0]))
    assert found["mae"] == pytest.approx(2 / 6)
    assert found["spearman"] == pytest.approx((-1 + 1) / 2)
    assert found["winner"] == 0.5


def test_a_resample_scores_as_a_table_of_the_races_that_were_drawn() -> None:
    rng = np.random.default_rng(3)
    sizes = (20, 3, 20, 11)
    frame = _races(*[[int(place) for place in rng.permutation(size) + 1] for size in sizes])
    frame["predicted"] = rng.normal(size=len(frame))
    counts = rng.multinomial(4, [1 / 4] * 4, size=20)
    found = metrics.resampled(frame, frame["predicted"].to_numpy(), counts.astype(float))
    races = [race for _, race in frame.groupby("group", sort=False)]
    for draw, times in enumerate(counts):
        drawn = [race for race, number in zip(races, times, strict=True) for _ in range(number)]
        table = pd.concat([race.assign(group=n) for n, race in enumerate(drawn)])
        expected = metrics.score(table, table["predicted"].to_numpy())
        assert {name: found[name][draw] for name in expected} == pytest.approx(expected)


def test_the_losses_have_the_primary_metric_as_their_mean() -> None:
    frame = _races([1, 2], [4, 2, 3, 1])
    predicted = np.array([2.0, 1.0, 1.0, 2.0, 3.0, 4.0])
    mean = metrics.loss(frame, predicted).mean()
    assert mean == pytest.approx(metrics.score(frame, predicted)[metrics.PRIMARY])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_can_not_be_ranked_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        metrics.score(_races([1, 2]), np.array([1.0, wrong]))


def test_equal_predictions_keep_the_order_of_the_table() -> None:
    frame = _races([2, 1, 3])
    assert list(metrics.as_target(frame, np.array([5.0, 5.0, 1.0]))) == [2, 3, 1]


def test_the_baseline_is_the_grid() -> None:
    frame = _races([2, 1, 3]).assign(grid=np.array([1, 2, 4], dtype=np.float32))
    assert list(metrics.baseline(frame)) == [1, 2, 4]


@given(st.lists(st.permutations(range(1, 9)), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_any_prediction_correlates_as_ranks_do_and_stays_in_range(
    targets: list[list[int]], seed: int
) -> None:
    frame = _races(*targets)
    predicted = np.random.default_rng(seed).normal(size=len(frame))
    races = metrics.per_group(frame, predicted)
    for name, race in frame.assign(predicted=predicted).groupby("group"):
        expected = race["predicted"].rank().corr(race["target"])
        assert races["spearman"][name] == pytest.approx(expected)
    assert races[["winner", "podium"]].isin([0, 1 / 3, 2 / 3, 1]).all(axis=None)
    assert races["mae"].between(0, 4).all()


@given(st.permutations(range(1, 21)))
def test_only_the_order_of_predictions_counts(target: list[int]) -> None:
    frame = _races(target)
    predicted = np.array(target[::-1], dtype=float)
    assert metrics.score(frame, predicted) == metrics.score(frame, np.exp(predicted / 3))


def test_a_perfect_prediction_is_perfect() -> None:
    frame = _races([3, 1, 2], [2, 1, 4, 3])
    found = metrics.score(frame, frame["target"].to_numpy())
    assert found == {"mae": 0.0, "spearman": 1.0, "winner": 1.0, "podium": 1.0}


def _drawn(races: int) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Races of 20 cars on a grid at random that end as Plackett and Luce say, and the scores."""
    rng = np.random.default_rng(8)
    scores = rng.normal(0, 5, (races, 20))
    ended = (scores / 2 - rng.gumbel(size=scores.shape)).argsort(axis=1).argsort(axis=1) + 1
    frame = _races(*ended.tolist()).assign(grid=np.tile(np.arange(1.0, 21.0), races))
    return frame, scores.ravel()


def test_what_is_shown_holds_in_races_that_it_was_not_made_of() -> None:
    frame, predicted = _drawn(400)
    seen = frame["group"].isin([f"r{n}" for n in range(64)]).to_numpy()
    past, future = frame[seen], frame[~seen]
    calibration = metrics.calibration(past, predicted[seen])
    assert (np.diff(calibration["low"]) >= 0).all() and (np.diff(calibration["high"]) >= 0).all()
    model, grid = metrics.calibration_metrics(future, predicted[~seen], calibration, past)
    found, counted = model.mean(), grid.mean()
    assert list(model.index) == list(dict.fromkeys(future["group"]))
    assert 0.77 < found["band_coverage"] < 0.85
    assert found["band_width"] < 0.8 * counted["band_width"]
    # The grid tells nothing here: 1 of 20 wins, 3 of 20 reach the podium.
    assert counted["win_log_loss"] == pytest.approx(np.log(20), abs=0.2)
    assert counted["podium_brier"] == pytest.approx(3 * 17 / 20, abs=0.1)
    assert found["win_log_loss"] < 1.6 and found["podium_brier"] < 1.7


def test_chances_are_as_frequent_as_they_are_said_to_be() -> None:
    frame, predicted = _drawn(400)
    calibration = metrics.calibration(frame, predicted)
    rows = frame.assign(predicted=predicted).sort_values(["group", "predicted"])
    races = [race["predicted"].to_numpy() for _, race in rows.groupby("group")]
    said = [outcomes(race, calibration) for race in races]
    for name, first in (("win", 1), ("podium", 3)):
        chance = np.concatenate([getattr(each, name) for each in said])
        for low, high in ((0, 0.05), (0.05, 0.3), (0.3, 0.6), (0.6, 1)):
            some = (low <= chance) & (chance < high)
            hits = rows["target"].to_numpy()[some] <= first
            assert some.sum() > 50
            assert hits.mean() == pytest.approx(chance[some].mean(), abs=0.06)


def test_losses_of_chances_and_ranges_counted_by_hand() -> None:
    frame = _races([2, 1, 3, 4]).assign(grid=[1.0, 2.0, 3.0, 4.0])
    calibration = {"temperatures": [1.0, 1.0, 1.0], "share": [0, 1], "low": [0, 1], "high": [0, 1]}
    table, _ = metrics.calibration_metrics(frame, np.zeros(4), calibration, frame)
    (model,) = table.to_dict("records")
    assert model == pytest.approx(
        {
            "win_log_loss": np.log(4),
            "podium_brier": 3 * 0.25**2 + 0.75**2,
            "band_coverage": 0.5,  # one place each: the cars on grid 3 and 4 ended there
            "band_width": 1,
        }
    )


def test_300_races_are_scored_in_no_time() -> None:
    frame = _races(*[list(range(1, 21))] * 300)
    predicted = np.random.default_rng(0).normal(size=len(frame))
    metrics.score(frame, predicted)
    started = time.process_time()
    metrics.score(frame, predicted)
    assert time.process_time() - started < 0.1
