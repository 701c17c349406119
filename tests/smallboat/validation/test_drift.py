"""The population stability index and the table of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from smallboat.errors import UserError
from smallboat.validation import drift

NUMBERS = st.floats(-1e6, 1e6) | st.just(float("nan")) | st.integers(0, 3).map(float)
COLUMNS = st.integers(1, 60).flatmap(lambda size: arrays(np.float64, size, elements=NUMBERS))


@given(COLUMNS, COLUMNS)
def test_it_is_never_negative_nor_infinite(before: np.ndarray, now: np.ndarray) -> None:
    assert 0 <= drift.psi(before, now) < 40


@given(COLUMNS)
def test_equal_columns_have_none(column: np.ndarray) -> None:
    assert drift.psi(column, column) == 0


@given(COLUMNS, COLUMNS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(before, now, random) -> None:
    mixed = [random.sample(list(column), len(column)) for column in (before, now)]
    assert drift.psi(*mixed) == drift.psi(before, now)


@given(COLUMNS.filter(lambda column: not np.isnan(column).all()))
def test_a_column_shifted_out_of_its_range_has_drifted_far(column: np.ndarray) -> None:
    known = column[~np.isnan(column)]
    for shift in (3e6, -3e6):
        assert drift.psi(known, known + shift) > drift.LARGE


def test_two_samples_of_one_distribution_are_stable_and_a_shift_raises_the_index() -> None:
    random = np.random.default_rng(1)
    before, now = random.normal(size=(2, 5000))
    found = [drift.psi(before, now + shift) for shift in (0, 0.2, 0.4, 0.8)]
    assert found == sorted(found)
    assert [drift.level(index) for index in found] == ["stable", "stable", "moderate", "large"]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([0] * 95 + [1] * 5, [0] * 50 + [1] * 50),
        ([5] * 20, [4] * 20),
        ([5] * 20, [6] * 20),
        ([1, 2, 3] * 9, [np.nan] * 9),
        ([np.nan] * 9, [1] * 9),
    ],
    ids=["rare flag", "constant falls", "constant rises", "values vanish", "values appear"],
)
def test_columns_with_few_values_drift_too(before: list[float], now: list[float]) -> None:
    assert drift.psi(before, now) > drift.LARGE


def test_the_index_is_the_sum_of_its_definition() -> None:
    before, now = [0] * 50 + [1] * 50, [0] * 80 + [1] * 20
    assert drift.psi(before, now) == pytest.approx(0.3 * np.log(8 / 5) - 0.3 * np.log(2 / 5))


def test_no_rows_are_an_error_that_says_so() -> None:
    with pytest.raises(UserError, match="at least one row"):
        drift.psi([], [1])


def test_the_table_starts_with_the_largest_drift() -> None:
    before = pd.DataFrame({"calm": range(100), "wild": range(100), "void": np.nan})
    now = before.assign(wild=before["wild"] + 1000)
    wild, *rest = drift.table(before, now, before.columns)
    assert (wild["feature"], wild["level"]) == ("wild", "large")
    assert (wild["reference_mean"], wild["current_mean"]) == (49.5, 1049.5)
    assert {(row["feature"], row["reference_mean"]) for row in rest} == {
        ("calm", 49.5),
        ("void", None),
    }
    assert all(row["psi"] == 0 and row["level"] == "stable" for row in rest)
