"""Probabilities against those of every order, temperatures and ranges against known ones."""

import time
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallboat import ranking

Array = np.ndarray[Any, np.dtype[Any]]


def _drawn(groups: int, size: int, temperatures: list[float]) -> tuple[Array, Array, Array]:
    """Scores, places and groups of a staged Plackett-Luce model; the last temperature goes on."""
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 2, (groups, size))
    places = np.zeros((groups, size), dtype=int)
    for group in range(groups):
        left = list(range(size))
        for place in range(1, size + 1):
            temperature = temperatures[min(place, len(temperatures)) - 1]
            weight = np.exp(-scores[group, left] / temperature)
            first = rng.choice(left, p=weight / weight.sum())
            places[group, first] = place
            left.remove(first)
    return scores.ravel(), places.ravel(), np.repeat(np.arange(groups), size)


def test_temperatures_are_found_again() -> None:
    found = ranking.fit_temperatures(*_drawn(2000, 8, [0.5, 1.0, 2.0]), stages=3)
    assert found == pytest.approx([0.5, 1.0, 2.0], rel=0.1)


def test_the_order_of_the_rows_and_the_names_of_groups_do_not_matter() -> None:
    scores, places, groups = _drawn(50, 5, [1.0])
    turned = np.random.default_rng(2).permutation(len(scores))
    names = np.array([f"race {group}" for group in groups])
    found = ranking.fit_temperatures(scores[turned], places[turned], names[turned], stages=2)
    assert found == pytest.approx(ranking.fit_temperatures(scores, places, groups, stages=2))


def test_the_unit_of_the_scores_does_not_matter() -> None:
    scores, places, groups = _drawn(50, 5, [1.0])
    (small,) = ranking.fit_temperatures(scores, places, groups, stages=1)
    (large,) = ranking.fit_temperatures(1000 * scores, places, groups, stages=1)
    assert large == pytest.approx(1000 * small, rel=1e-4)


@pytest.mark.parametrize("scores", [[0, 0, 0, 0], [1, 2, 1, 2], [2, 1, 2, 1]])
def test_scores_that_tell_nothing_or_all_have_a_finite_temperature(scores: list[float]) -> None:
    places, groups = np.array([1, 2, 1, 2]), np.array([0, 0, 1, 1])
    found = ranking.fit_temperatures(np.array(scores, float), places, groups, stages=3)
    assert np.isfinite(found).all() and min(found) > 0


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=6),
    st.lists(st.floats(0.2, 5), min_size=1, max_size=3),
)
def test_probabilities_are_those_of_all_orders(scores: list[float], temps: list[float]) -> None:
    size, stages = len(scores), len(temps)
    expected = np.zeros((stages, size))
    for order in permutations(range(size), min(stages, size)):
        probability, left = 1.0, list(range(size))
        for temperature, row in zip(temps, order, strict=False):
            probability *= 1 / sum(np.exp((scores[row] - scores[o]) / temperature) for o in left)
            left.remove(row)
        for stage in range(stages):
            expected[stage, list(order[: stage + 1])] += probability
    found = ranking.among_first(np.array(scores), temps)
    assert found == pytest.approx(np.minimum(expected, 1), abs=1e-9)


def test_scores_far_apart_have_probabilities_that_add_up() -> None:
    scores = np.array([-1e6, 0.0, 1.0, 1e6, 2e6])
    found = ranking.among_first(scores, [1e-3, 1e-3, 1e-3])
    assert found.sum(axis=1) == pytest.approx([1, 2, 3])
    assert list(found[2]) == [1, 1, 1, 0, 0]


def test_60_rows_take_a_few_milliseconds() -> None:
    scores = np.random.default_rng(0).normal(size=60)
    ranking.among_first(scores, [1.0, 1.0, 1.0])
    started = time.process_time()
    ranking.among_first(scores, [1.0, 1.0, 1.0])
    assert time.process_time() - started < 0.1


def _ended(noise: float, groups: int = 3000, size: int = 20) -> tuple[Array, Array]:
    """Predicted and actual places, as shares of the group."""
    rng = np.random.default_rng(3)
    strength = rng.normal(0, 4, (groups, size))
    ended = (strength + rng.normal(0, noise, strength.shape)).argsort(axis=1).argsort(axis=1)
    return strength.argsort(axis=1).argsort(axis=1).ravel() / (size - 1), ended.ravel() / (size - 1)


def _inside(predicted: Array, ended: Array, bands: dict[str, list[float]]) -> float:
    low, high = (
        np.rint(19 * np.interp(predicted, bands["share"], bands[end])) for end in ("low", "high")
    )
    place = np.rint(19 * ended)
    return float(((low <= place) & (place <= high)).mean())


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_bands_hold_their_share_of_rows_that_they_were_not_fitted_on(coverage: float) -> None:
    predicted, ended = _ended(4.0)
    few = 60 * 20
    bands = ranking.fit_bands(predicted[:few], ended[:few], 20, coverage)
    assert coverage - 0.03 < _inside(predicted[few:], ended[few:], bands) < coverage + 0.07


def test_a_band_is_the_shortest_range_and_not_the_one_between_quantiles() -> None:
    # Nearly all end where they are predicted; the others end last, as who retires does.
    predicted = np.tile(np.arange(10) / 9, 100)
    ended = np.where(np.arange(1000) < 850, predicted, 1.0)
    bands = ranking.fit_bands(predicted, ended, 10, bandwidth=0.1)
    assert bands["low"] == bands["high"] == pytest.approx(np.arange(10) / 9, abs=1e-6)


def test_a_better_place_never_has_a_worse_band() -> None:
    predicted, ended = _ended(6.0, groups=5)
    bands = ranking.fit_bands(predicted, ended, 20, bandwidth=0.5)
    for end in ("low", "high"):
        assert (np.diff(bands[end]) >= 0).all()
    assert all(low <= high for low, high in zip(bands["low"], bands["high"], strict=True))


def test_one_place_is_a_band() -> None:
    bands = ranking.fit_bands(np.zeros(3), np.zeros(3), 1)
    assert bands["low"] == bands["high"] == [0.0, 0.0]
