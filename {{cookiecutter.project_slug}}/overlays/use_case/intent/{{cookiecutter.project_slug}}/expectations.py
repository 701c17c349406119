"""What must hold of a snapshot as a whole, and of the feature table, before anything is trained.

Row by row dbt's tests look, in the warehouse: keys, nulls, known actions, order. What is asked here
is what a single row can't tell: sizes, shares, and how they change from day to day.
"""

from collections.abc import Mapping

import pandas as pd
from smallboat.validation import checks
from smallboat.validation.checks import Check, Severity

from . import validation_views
from .events import PAGE_COUNTS
from .features import FEATURES
from .validation_views import views

__all__ = ["Check", "feature", "feature_views", "raw", "views"]

FEWEST_CARTS, FEWEST_PURCHASES = 100, 20

OF_A_DAY: list[tuple[str, float, float, Severity, str]] = [
    ("misplaced", 0, 0, "error", "no event lies before its session's day or two days after it"),
    ("events_a_session", 1, 50, "warning", "sessions have 1 to 50 events on average"),
    ("longest", 1, 5000, "warning", "no session has more than 5,000 events: a machine would"),
    ("product_share", 0.02, 1, "warning", "2 % of the events or more are of products"),
    ("unknown_share", 0, 0.01, "warning", "at most 1 % of the events have an unknown action"),
    ("cart_share", 0.001, 0.6, "warning", ".1 to 60 % of the sessions fill a cart"),
    ("since_previous", 1, 1, "warning", "no day is missing"),
]
"""Column of the days, its limits, how bad it is to pass them, and what should hold."""

OF_ALL: list[tuple[str, float, float, Severity, str]] = [
    ("carts", FEWEST_CARTS, 1e12, "error", f"at least {FEWEST_CARTS} sessions fill a cart"),
    ("purchases", FEWEST_PURCHASES, 1e12, "error", f"at least {FEWEST_PURCHASES} carts are bought"),
    ("purchase_share", 0.005, 0.9, "warning", "half a percent to 90 % of the carts are bought"),
    ("catalogued_share", 0.2, 1, "warning", "the catalogue has a fifth or more of the products"),
]

RANGE_OF_UNIT = {
    "0 or 1": (0, 1),
    "1": (-1, 1),
    "share of events": (0, 1),
    "h": (0, 23),
    "day": (0, 6),
    "s": (0, 2 * 86_400),
    "tenth": (1, 10),
    "tenths": (-9, 9),
}
RANGE_OF_ANY = (-5000, 5000)
"""Plausible values of a feature; a wrong unit or a division by nearly 0 exceeds them."""


def raw(previous_rows: Mapping[str, int] | None = None) -> list[Check]:
    """The expectations about `views`.

    Args:
        previous_rows: The number of rows of each table in the last snapshot, if there is one.
    """
    return [
        checks.filled("days"),
        *(checks.between("days", *limits) for limits in OF_A_DAY),
        *(checks.between("totals", *limits) for limits in OF_ALL),
        *(_grown(table, rows) for table, rows in (previous_rows or {}).items()),
    ]


def feature() -> list[Check]:
    """The expectations about `feature_views`."""
    labels = ("period", "group", "date", "entity", "target")
    return [
        *(checks.not_null("features", label) for label in labels),
        checks.unique("features", ["entity", "after"], "error"),
        checks.between("features", "target", 0, 1),
        checks.between(
            "feature_days", "bought", 0.005, 0.95, "warning", "each day some buy and some do not"
        ),
        checks.always("feature_columns", "null", 0, "every feature has a value in every row"),
        checks.always("feature_columns", "implausible", 0, "every feature's values are plausible"),
        checks.between(
            "feature_columns", "constant", 0, 0, "warning", "no feature has one value only"
        ),
    ]


def feature_views(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The feature table as `features`, `feature_days` by day, `feature_columns` by feature."""
    # Not every shop tells the types of its pages, or has all of them.
    ranges = {each.name: RANGE_OF_UNIT.get(each.unit, RANGE_OF_ANY) for each in FEATURES}
    found = validation_views.feature_views(frame, ranges)
    found["feature_columns"].loc[list(PAGE_COUNTS), "constant"] = 0
    return found


def _grown(table: str, previous: int) -> Check:
    limits = float(previous), checks.MOST_GROWTH * previous or 1e12
    description = f"{table} has the {previous:,} rows of the last snapshot and at most half more"
    return checks.between("totals", table, *limits, "warning", description)
