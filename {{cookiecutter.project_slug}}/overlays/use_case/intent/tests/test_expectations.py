"""What is expected of a snapshot as a whole, and of the feature table: each is broken once."""

from pathlib import Path
from typing import Any

import coveo_tables
import numpy as np
import pandas as pd
import pytest
from smallboat.validation import validation

from {{ cookiecutter.project_slug }} import data, expectations
from {{ cookiecutter.project_slug }}.features import NAMES
from {{ cookiecutter.project_slug }}.inputs import FEATURES

DAYS = pd.DataFrame(
    {
        "sessions": 500, "events": 3500, "longest": 60, "misplaced": 0, "events_a_session": 7.0,
        "product_share": 0.3, "unknown_share": 0.0, "carts": 20, "purchases": 4,
        "since_previous": 1, "cart_share": 0.04,
    },
    index=[f"2019-01-{day}" for day in range(15, 25)],
)  # fmt: skip
TOTALS = pd.DataFrame(
    [
        {
            "browsing": 35_000, "search": 900, "catalog": 400, "carts": 200, "purchases": 40,
            "purchase_share": 0.2, "catalogued_share": 0.5,
        }
    ]
)  # fmt: skip
VIEWS = {"days": DAYS, "totals": TOTALS}
PREVIOUS = {"browsing": 34_000, "search": 900, "catalog": 400}


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """The hand-made tables as a snapshot."""
    folder = tmp_path / "snapshot"
    folder.mkdir()
    data.collect(coveo_tables.config(coveo_tables.write(tmp_path / "raw")), folder)
    return folder


def broken(views: dict[str, pd.DataFrame], rows: dict[str, int] | None = None) -> dict[str, str]:
    """What the failed expectations say, and how bad each is."""
    results = validation.run(expectations.raw(rows), views).results
    return {each["description"]: each["severity"] for each in results if not each["passed"]}


def test_days_and_totals_are_added_up_from_the_files(snapshot: Path) -> None:
    views = expectations.views(data.read(snapshot))
    days, (totals,) = views["days"], views["totals"].to_dict("records")
    assert days["sessions"].to_dict() == {"2019-01-15": 1, "2019-01-16": 2, "2019-01-18": 1}
    assert days["carts"].to_list() == [1, 1, 0]
    assert days["cart_share"].to_list() == [1, 0.5, 0]
    assert days["since_previous"].to_list()[1:] == [1, 2]
    assert days["misplaced"].sum() == 0
    assert (totals["carts"], totals["purchases"]) == (2, 1)
    assert (totals["browsing"], totals["search"], totals["catalog"]) == (6, 2, 2)
    assert totals["catalogued_share"] == 1


def test_sound_data_break_nothing() -> None:
    assert broken(VIEWS, PREVIOUS) == {}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("misplaced", 1), ("events_a_session", 51), ("longest", 5001), ("product_share", 0.01),
        ("unknown_share", 0.02), ("cart_share", 0.7), ("since_previous", 2),
    ],
)  # fmt: skip
def test_a_day_that_is_odd_is_found(column: str, value: float) -> None:
    (limits,) = (each for each in expectations.OF_A_DAY if each[0] == column)
    days = DAYS.astype({column: float})
    days.loc["2019-01-20", column] = value
    assert broken(VIEWS | {"days": days}) == {limits[4]: limits[3]}


@pytest.mark.parametrize(
    ("column", "value"),
    [("carts", 99), ("purchases", 19), ("purchase_share", 0.001), ("catalogued_share", 0.1)],
)
def test_a_total_that_is_odd_is_found(column: str, value: float) -> None:
    (limits,) = (each for each in expectations.OF_ALL if each[0] == column)
    assert broken(VIEWS | {"totals": TOTALS.assign(**{column: value})}) == {limits[4]: limits[3]}


@pytest.mark.parametrize("table", list(PREVIOUS))
@pytest.mark.parametrize("change", [0.9, 2.0])
def test_a_table_that_lost_rows_or_doubled_is_a_warning(table: str, change: float) -> None:
    totals = TOTALS.assign(**{table: int(PREVIOUS[table] * change)})
    (found,) = broken(VIEWS | {"totals": totals}, PREVIOUS).items()
    assert found[0].startswith(f"{table} has the ") and found[1] == "warning"


def table(rows: int = 60) -> pd.DataFrame:
    """A feature table that holds."""
    rng = np.random.default_rng(3)
    ends = {"h": (0, 24), "day": (0, 7), "tenth": (1, 11)}
    values = {
        each.name: rng.integers(*ends.get(each.unit, (0, 2)), rows).astype(np.float32)
        for each in FEATURES
    }
    values["after"] = (np.arange(rows) // 2 % 2).astype(np.float32)  # two neighbours have the same
    day = np.arange(rows) % 5
    labels: dict[str, Any] = {
        "period": 201903,
        "group": [f"2019-01-{15 + each}" for each in day],
        "date": pd.to_datetime("2019-01-15") + pd.to_timedelta(day, "D"),
        "entity": [f"s{number}" for number in range(rows)],
        "weekday": "Tue",
        "target": np.arange(rows) // 5 % 2,
    }
    return pd.DataFrame(labels | values)


def broken_table(frame: pd.DataFrame) -> list[str]:
    report = validation.run(expectations.feature(), expectations.feature_views(frame))
    return [each["description"] for each in report.results if not each["passed"]]


def test_a_sound_feature_table_breaks_nothing() -> None:
    assert broken_table(table()) == []


@pytest.mark.parametrize(
    ("column", "value", "description"),
    [
        (NAMES[3], np.nan, "every feature has a value in every row"),
        ("hour", 24, "every feature's values are plausible"),
        ("price", 11, "every feature's values are plausible"),
        ("target", 2, "target is between 0 and 1"),
        ("entity", "s1", "one row for each entity and after"),
        ("date", pd.NaT, "date has no nulls"),
    ],
)
def test_a_wrong_row_is_found(column: str, value: Any, description: str) -> None:
    frame = table()
    frame.loc[0, column] = value
    assert broken_table(frame) == [description]


def test_a_feature_that_says_nothing_is_a_warning() -> None:
    assert broken_table(table().assign(removes=0.0)) == ["no feature has one value only"]
