"""What must hold in the raw tables and in the feature table before anything is trained on them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from smallboat.problem import Feature
from smallboat.validation import checks
from smallboat.validation.checks import Check, Severity

from . import validation_views
from .features import FEATURES
from .validation_views import COLUMNS, views

__all__ = ["Check", "feature", "feature_views", "raw", "views"]

NEVER_EMPTY = ("races", "results", "drivers", "constructors", "circuits", "status")

KEYS: list[tuple[str, list[str], Severity]] = [
    ("races", ["race_id"], "error"),
    ("races", ["year", "round"], "error"),
    ("results", ["race_id", "driver_id"], "error"),
    ("results", ["race_id", "position_order"], "error"),
    # Who set a time and was then put last stands twice in the qualifying of real seasons.
    ("qualifying", ["race_id", "driver_id"], "warning"),
    ("qualifying", ["race_id", "position"], "error"),
    ("sprint_results", ["race_id", "driver_id"], "error"),
    ("driver_standings", ["race_id", "driver_id"], "error"),
    ("constructor_standings", ["race_id", "constructor_id"], "error"),
    ("drivers", ["driver_id"], "error"),
    ("constructors", ["constructor_id"], "error"),
    ("circuits", ["circuit_id"], "error"),
    ("status", ["status_id"], "error"),
]

NEVER_NULL = [
    ("races", "circuit_id"),
    ("races", "date"),
    ("results", "constructor_id"),
    ("results", "points"),
    ("results", "status_id"),
    ("driver_standings", "points"),
    ("constructor_standings", "points"),
]

SELDOM_NULL = [
    ("results", "position", 0.5),
    ("qualifying", "q1", 0.05),
    ("drivers", "dob", 0.05),
    ("drivers", "nationality", 0.05),
    ("circuits", "country", 0.05),
]
"""Table, column, and the largest share of nulls that a sound source has."""

GRIDS_OF_A_RACE: list[tuple[str, float, float, Severity, str]] = [
    ("unknown_grid", 0, 0, "warning", "every starter of a race has a known start place"),
    ("pit_lane", 0, 0.5, "error", "at most 50% of a race's starters start from the pit lane"),
]
GRIDS: list[tuple[str, float, float, Severity, str]] = [
    ("unknown_grid", 0, 0.1, "error", "at most 10% of all start places are unknown"),
    ("pit_lane", 0, 0.1, "error", "at most 10% of all starts are from the pit lane"),
]
"""Since 1950 at most 40% of a race's cars came from the pit lane, and 1.4% of all."""

RANGES: list[tuple[str, str, Any, Any]] = [
    ("races", "year", 1950, 2100),
    ("races", "round", 1, 40),
    ("races", "date", datetime(1950, 1, 1), datetime(2100, 12, 31)),
    ("results", "grid", 0, 34),
    ("results", "position", 1, 60),
    ("results", "position_order", 1, 60),
    ("results", "points", 0, 60),
    ("results", "laps", 0, 250),
    ("qualifying", "position", 1, 60),
    ("qualifying", "q1", 30, 1800),
    ("qualifying", "q2", 30, 1800),
    ("qualifying", "q3", 30, 1800),
    ("sprint_results", "grid", 0, 34),
    ("sprint_results", "position_order", 1, 60),
    ("sprint_results", "points", 0, 20),
    ("driver_standings", "points", 0, 1000),
    ("driver_standings", "wins", 0, 40),
    ("constructor_standings", "points", 0, 2000),
    ("constructor_standings", "wins", 0, 40),
    ("drivers", "dob", datetime(1880, 1, 1), datetime(2100, 12, 31)),
]

RANGE_OF_UNIT = {
    "place": (0, 300),
    "0 or 1": (0, 1),
    "share": (-1, 1),
    "cars": (1, 60),
    "races": (0, 1000),
    "year": (1950, 2100),
    "years": (10, 90),
}
RANGE_OF_ANY = (-1000, 1000)
"""Plausible values of a feature; a wrong unit or a division by nearly 0 exceeds them."""


def raw(previous_rows: Mapping[str, int] | None = None) -> list[Check]:
    """The expectations about `views`.

    Args:
        previous_rows: The number of rows of each table in the last snapshot, if there is one.
    """
    keys = [(table, column) for table, columns, _ in KEYS for column in columns]
    previous = {t: n for t, n in (previous_rows or {}).items() if t in COLUMNS}
    return [
        *(checks.columns(table, columns) for table, columns in COLUMNS.items()),
        *(checks.filled(table) for table in NEVER_EMPTY),
        *(checks.not_null(*column) for column in dict.fromkeys([*keys, *NEVER_NULL])),
        *(checks.unique(*key) for key in KEYS),
        *(checks.between(*limits) for limits in RANGES),
        *_relations(),
        *(checks.seldom_null(*limit) for limit in SELDOM_NULL),
        *(checks.grown(table, n) for table, n in previous.items()),
    ]


def feature() -> list[Check]:
    """The expectations about `feature_views`."""
    labels = ("period", "group", "date", "entity", "target")
    return [
        *(checks.not_null("features", label) for label in labels),
        checks.unique("features", ["group", "entity"], "error"),
        checks.always(
            "feature_races", "misplaced", 0, "the targets of n starters are the ranks 1 to n"
        ),
        checks.always("feature_columns", "null", 0, "every feature has a value in every row"),
        checks.always("feature_columns", "implausible", 0, "values are plausible for their unit"),
    ]


def feature_views(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the expectations about the feature table look at."""
    return validation_views.feature_views(frame, {item.name: _plausible(item) for item in FEATURES})


def _plausible(item: Feature) -> tuple[float, float]:
    unit = "share" if item.unit.startswith("share") else item.unit
    return RANGE_OF_UNIT.get(unit, RANGE_OF_ANY)


def _relations() -> list[Check]:
    """What must hold between tables, or between the rows of a race."""
    points = "the points of a season's races and sprints add up to its final standing"
    sprints = (
        "the points of a season's races add up to its final standing; no sprint of the season is "
        "known, so sprint_results.csv is likely to be missing or incomplete"
    )
    held = "a race before the newest has results; one without is left out as cancelled"
    starters = "a race with results has 5 to 60 starters"
    position = "position is the number in positionText, and null where that is none"
    results = "at most 3 who qualified for a race have no result of it"
    qualifying = "at most 30% of a race's starters lack qualifying"
    return [
        checks.null(
            "references", "unknown", "every id that a table uses is known to the table it names"
        ),
        checks.equal(
            "race_summary", "year", "year_of_date", "the date of a race lies in its season"
        ),
        checks.between("race_summary", "with_results", 1, 1, "warning", held),
        checks.between("race_summary", "starters", 5, 60, "error", starters),
        checks.equal(
            "race_summary",
            "starters",
            "last_place",
            "the last place of a race is the number of its starters",
        ),
        checks.always("race_summary", "contradictory", 0, position),
        checks.always("race_summary", "winners", 1, "a race has exactly one winner"),
        checks.between("race_summary", "without_result", 0, 3, "error", results),
        checks.between("race_summary", "without_qualifying", 0, 0.3, "warning", qualifying),
        *(checks.between("race_summary", *limit) for limit in GRIDS_OF_A_RACE),
        *(checks.between("grids", *limit) for limit in GRIDS),
        checks.between("driver_points", "difference", -0.01, 0.01, "error", points),
        checks.between(
            "driver_points_without_sprints", "difference", -0.01, 0.01, "error", sprints
        ),
        checks.between("driver_points_before_1991", "difference", -0.01, 0.01, "warning", points),
        checks.between("constructor_points", "difference", -0.01, 0.01, "warning", points),
    ]
