"""The metrics against counting by hand and against the correlation of ranks."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.project_slug }} import metrics


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


def test_who_is_predicted_further_in_front_has_better_bands_and_shares() -> None:
    rng = np.random.default_rng(8)
    frame = _races(*[[int(place) for place in rng.permutation(20) + 1] for _ in range(30)])
    noise = rng.normal(0, 6, len(frame))
    table = metrics.calibration(frame, frame["target"].to_numpy() + noise)
    for name, sign in (("low", 1), ("high", 1), ("podium", -1), ("win", -1)):
        assert (sign * np.diff(table[name]) >= 0).all(), name
    assert min(table["win"]) > 0 and max(table["podium"]) < 1


def test_bands_hold_80_percent_of_races_that_they_were_not_made_of() -> None:
    rng = np.random.default_rng(8)
    frame = _races(*[[int(place) for place in rng.permutation(20) + 1] for _ in range(400)])
    predicted = frame["target"].to_numpy() + rng.normal(0, 6, len(frame))
    seen = frame["group"].isin([f"r{n}" for n in range(64)]).to_numpy()
    table = metrics.calibration(frame[seen], predicted[seen])
    share = (metrics.as_target(frame[~seen], predicted[~seen]) - 1) / 19
    ended = (frame["target"][~seen].to_numpy() - 1) / 19
    low, high = (np.interp(share, table["share"], table[end]) for end in ("low", "high"))
    inside = (np.rint(19 * low) <= 19 * ended) & (19 * ended <= np.rint(19 * high))
    assert 0.8 <= inside.mean() < 0.9


def test_300_races_are_scored_in_no_time() -> None:
    frame = _races(*[list(range(1, 21))] * 300)
    predicted = np.random.default_rng(0).normal(size=len(frame))
    metrics.score(frame, predicted)
    started = time.process_time()
    metrics.score(frame, predicted)
    assert time.process_time() - started < 0.1
