"""Periods are recognised by their dates, and named for people."""

import pandas as pd
import pytest
from smallboat import periods

UNITS = {
    "year": (2024, "2024"),
    "quarter": (20243, "2024 Q3"),
    "month": (202408, "August 2024"),
    "week": (202432, "week 32 of 2024"),
    "day": (20240808, "2024-08-08"),
}


def frame(unit: str) -> pd.DataFrame:
    """Rows of 2023 and 2024 by that unit."""
    dates = pd.Series(pd.date_range("2023-01-01", "2024-12-31"))
    return pd.DataFrame({"period": periods.numbered(dates)[unit], "date": dates})


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_recognised_and_its_periods_have_a_name(unit: str) -> None:
    rows = frame(unit)
    number, name = UNITS[unit]
    assert rows.loc[rows["date"] == "2024-08-08", "period"].tolist() == [number]
    assert periods.unit(rows) == unit
    assert periods.named(number, unit) == name


def test_folds_and_a_problems_own_periods_keep_their_numbers() -> None:
    rows = frame("year")
    assert periods.unit(rows.drop(columns="date")) is None
    assert periods.unit(rows.assign(period=rows["period"] - 2000)) is None
    assert periods.spanned(8, 9, None) == "8 to 9"


@pytest.mark.parametrize(
    ("first", "last", "unit", "name"),
    [
        (201912, 201913, "week", "weeks 12 to 13 of 2019"),
        (201951, 202002, "week", "week 51 of 2019 to week 2 of 2020"),
        (201912, 201912, "week", "week 12 of 2019"),
        (202411, 202502, "month", "November 2024 to February 2025"),
        (2022, 2024, "year", "2022 to 2024"),
    ],
)
def test_a_span_names_what_it_must(first: int, last: int, unit: str, name: str) -> None:
    assert periods.spanned(first, last, unit) == name
