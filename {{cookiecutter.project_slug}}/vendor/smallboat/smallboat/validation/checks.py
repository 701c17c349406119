"""The kinds of expectation that `expectations` states, each with the sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Severity = Literal["error", "warning"]

MOST_GROWTH = 1.5


@dataclass(frozen=True)
class Check:
    """One expectation about one view.

    Attributes:
        view: the name of a table or of a frame derived from tables.
        expectation: an expectation object of Great Expectations.
        severity: an error stops the run, a warning is reported.
        says: what should hold, for people.
    """

    view: str
    expectation: Any
    severity: Severity
    description: str


def columns(view: str, names: list[str]) -> Check:
    """All these columns exist; others may."""
    description = f"it has the columns {', '.join(names)}"
    arguments = {"column_set": names, "exact_match": False}
    return _check("ExpectTableColumnsToMatchSet", arguments, view, "error", description)


def filled(view: str) -> Check:
    """There is a row."""
    return _check("ExpectTableRowCountToBeBetween", {"min_value": 1}, view, "error", "it has rows")


def grown(view: str, previous: int) -> Check:
    """No row was lost and not too many came; an empty table may grow to any size."""
    limits = {"min_value": previous, "max_value": int(MOST_GROWTH * previous) or None}
    description = (
        f"it has at least the {previous:,} rows of the last snapshot and at most half more"
    )
    return _check("ExpectTableRowCountToBeBetween", limits, view, "warning", description)


def not_null(view: str, column: str) -> Check:
    """No value is missing."""
    description = f"{column} has no nulls"
    return _check("ExpectColumnValuesToNotBeNull", {"column": column}, view, "error", description)


def seldom_null(view: str, column: str, share: float) -> Check:
    """At most this share of the values is missing."""
    description = f"at most {share:.0%} of {column} are null"
    arguments = {"column": column, "mostly": 1 - share}
    return _check("ExpectColumnValuesToNotBeNull", arguments, view, "warning", description)


def null(view: str, column: str, description: str) -> Check:
    """Every value is missing."""
    return _check("ExpectColumnValuesToBeNull", {"column": column}, view, "error", description)


def unique(view: str, names: list[str], severity: Severity) -> Check:
    """No two rows agree in all these columns; rows with a null are left out."""
    description = f"one row for each {' and '.join(names)}"
    if len(names) == 1:
        arguments = {"column": names[0]}
        return _check("ExpectColumnValuesToBeUnique", arguments, view, severity, description)
    several = {"column_list": names}
    return _check("ExpectCompoundColumnsToBeUnique", several, view, severity, description)


def between(
    view: str, column: str, low: Any, high: Any, severity: Severity = "error", description: str = ""
) -> Check:
    """Every value that isn't null lies between the limits, or is one of them."""
    limits = (f"{v:%Y-%m-%d}" if isinstance(v, datetime) else f"{v:g}" for v in (low, high))
    description = description or f"{column} is between {' and '.join(limits)}"
    arguments = {"column": column, "min_value": low, "max_value": high}
    return _check("ExpectColumnValuesToBeBetween", arguments, view, severity, description)


def equal(view: str, one: str, other: str, description: str) -> Check:
    """Two columns have the same value wherever neither is null."""
    arguments = {"column_A": one, "column_B": other, "ignore_row_if": "either_value_is_missing"}
    return _check("ExpectColumnPairValuesToBeEqual", arguments, view, "error", description)


def always(view: str, column: str, value: int, description: str) -> Check:
    """Every value that isn't null is this one."""
    arguments = {"column": column, "value_set": [value]}
    return _check("ExpectColumnValuesToBeInSet", arguments, view, "error", description)


def _check(
    expectation: str, arguments: Mapping[str, Any], view: str, severity: Severity, description: str
) -> Check:
    import great_expectations.expectations as gxe

    return Check(view, getattr(gxe, expectation)(**arguments), severity, description)
