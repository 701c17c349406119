"""The kinds of check that a problem's `expectations` are made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Severity = Literal["error", "warning"]

MOST_GROWTH = 1.5


@dataclass(frozen=True)
class Check:
    """One expectation about one view.

    Attributes:
        view: the name of a table, or of a frame that is computed from tables.
        expectation: an expectation object of Great Expectations.
        severity: an error stops the run; a warning is only reported.
        description: what should hold, as a sentence.
    """

    view: str
    expectation: Any
    severity: Severity
    description: str


def columns(view: str, names: list[str]) -> Check:
    """All these columns exist; others may exist, too."""
    description = f"it has the columns {', '.join(names)}"
    arguments = {"column_set": names, "exact_match": False}
    return _check("TableColumnsToMatchSet", view, "error", description, **arguments)


def filled(view: str) -> Check:
    """The table has at least one row."""
    return _check("TableRowCountToBeBetween", view, "error", "it has rows", min_value=1)


def grown(view: str, previous: int) -> Check:
    """No row was lost and not too many came; an empty table may grow to any size."""
    description = (
        f"it has at least the {previous:,} rows of the last snapshot and at most half more"
    )
    limits = {"min_value": previous, "max_value": int(MOST_GROWTH * previous) or None}
    return _check("TableRowCountToBeBetween", view, "warning", description, **limits)


def not_null(view: str, column: str) -> Check:
    """No value is missing."""
    description = f"{column} has no nulls"
    return _check("ColumnValuesToNotBeNull", view, "error", description, column=column)


def seldom_null(view: str, column: str, share: float) -> Check:
    """At most this share of the values is missing."""
    description = f"at most {share:.0%} of {column} are null"
    arguments = {"column": column, "mostly": 1 - share}
    return _check("ColumnValuesToNotBeNull", view, "warning", description, **arguments)


def null(view: str, column: str, description: str) -> Check:
    """Every value is missing."""
    return _check("ColumnValuesToBeNull", view, "error", description, column=column)


def unique(view: str, names: list[str], severity: Severity) -> Check:
    """No two rows agree in all these columns; rows with a null are left out."""
    description = f"one row for each {' and '.join(names)}"
    if len(names) == 1:
        return _check("ColumnValuesToBeUnique", view, severity, description, column=names[0])
    return _check("CompoundColumnsToBeUnique", view, severity, description, column_list=names)


def between(
    view: str, column: str, low: Any, high: Any, severity: Severity = "error", description: str = ""
) -> Check:
    """Every value that isn't null lies between the limits, or is one of them."""
    limits = (f"{v:%Y-%m-%d}" if isinstance(v, datetime) else f"{v:g}" for v in (low, high))
    description = description or f"{column} is between {' and '.join(limits)}"
    arguments = {"column": column, "min_value": low, "max_value": high}
    return _check("ColumnValuesToBeBetween", view, severity, description, **arguments)


def equal(view: str, one: str, other: str, description: str) -> Check:
    """Two columns have the same value wherever neither is null."""
    arguments = {"column_A": one, "column_B": other, "ignore_row_if": "either_value_is_missing"}
    return _check("ColumnPairValuesToBeEqual", view, "error", description, **arguments)


def always(view: str, column: str, value: int, description: str) -> Check:
    """Every value that isn't null is this one."""
    arguments = {"column": column, "value_set": [value]}
    return _check("ColumnValuesToBeInSet", view, "error", description, **arguments)


def _check(kind: str, view: str, severity: Severity, description: str, **arguments: Any) -> Check:
    import great_expectations.expectations as gxe

    return Check(view, getattr(gxe, f"Expect{kind}")(**arguments), severity, description)
