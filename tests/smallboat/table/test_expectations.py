"""What must hold of a table and of its features: each expectation is broken once."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from smallboat.table import expectations, features
from smallboat.table.data import Rows
from smallboat.validation import validation
from smallboat.warehouse.typed import Wrong
from typed_tables import BINARY, REGRESSION, nothing, rows

LOW_AGE = replace(BINARY.columns[0], range=(30, 120))


def checked(made: Rows, table: Any = BINARY, previous: Any = None) -> validation.Report:
    """The report on a raw table."""
    views = expectations.views(table, made)
    return validation.run(expectations.raw(table, previous), views)


def test_a_sound_table_keeps_them() -> None:
    report = checked(rows(BINARY), previous={"table": 390})
    assert (report.errors, report.warnings) == ([], [])


def no_targets(made: Rows) -> Rows:
    made.frame["left"] = None
    return made


def wrong(count: int, column: str = "age") -> Any:
    return lambda made: Rows(made.frame, {column: Wrong(count, "old", 17)})


def empty_column(made: Rows) -> Rows:
    made.frame["age"] = np.nan
    return made


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_targets, "it has rows with a target"),
        (wrong(1, "left"), "each left is one of no, yes"),
        (wrong(5), "at most 1 % of the values are of another type"),
    ],
)
def test_what_can_not_be_trained_on_is_an_error(damage: Any, message: str) -> None:
    errors = checked(damage(rows(BINARY))).errors
    assert [message in error["description"] for error in errors] == [True]


def test_an_error_shows_an_example() -> None:
    (error,) = checked(wrong(5)(rows(BINARY))).errors
    assert "age ('old' in row 17)" in error["unexpected"][0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (wrong(3), "each value is of the type of its column"),
        (empty_column, "no column is missing in more than 95 % of the rows"),
    ],
)
def test_what_only_looks_wrong_is_a_warning(damage: Any, message: str) -> None:
    report = checked(damage(rows(BINARY)))
    assert report.passed
    assert [warning["description"] for warning in report.warnings] == [message]


def test_numbers_out_of_range_and_lost_rows_are_warnings() -> None:
    table = replace(BINARY, columns=(LOW_AGE, *BINARY.columns[1:]))
    report = checked(rows(BINARY), table, previous={"table": 500})
    told = " ".join(warning["description"] for warning in report.warnings)
    assert "within the range" in told and "500 rows of the last snapshot" in told


def featured(table: Any, made: Rows) -> validation.Report:
    """The report on the features of a table."""
    frame = features.build(table, made, nothing)
    return validation.run(expectations.feature(table), expectations.feature_views(table, frame))


@pytest.mark.parametrize("table", [BINARY, REGRESSION])
def test_a_column_that_decides_alone_is_an_error_until_it_is_known(table: Any) -> None:
    made = rows(table)
    assert featured(table, made).passed
    target = made.frame[table.target]
    made.frame["MS SubClass"] = 5 - 2 * (target == "yes") if table is BINARY else 3 * target + 1
    (error,) = featured(table, made).errors
    assert "no column decides" in error["description"] and 'leak = "known"' in error["description"]
    assert "MS SubClass" in error["unexpected"][0]
    known = replace(table.columns[1], leak="known")
    columns = (table.columns[0], known, *table.columns[2:])
    assert featured(replace(table, columns=columns), made).passed


def test_a_constant_column_is_a_warning() -> None:
    made = rows(BINARY)
    made.frame["MS SubClass"] = 4.0
    (warning,) = featured(BINARY, made).warnings
    assert "MS SubClass" in warning["unexpected"][0]
