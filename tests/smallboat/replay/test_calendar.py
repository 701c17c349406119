"""Which moments a replay has, and what it refuses."""

from typing import Any

import pandas as pd
import pytest
from smallboat.config import config
from smallboat.errors import UserError
from smallboat.evaluation import bootstrap
from smallboat.replay import calendar, policies


def test_a_moment_is_a_date_and_has_its_rows(frame: pd.DataFrame) -> None:
    live, moments = calendar.of(frame, "2023", "2024-12-31")
    assert len(live) == sum(moment.rows.stop - moment.rows.start for moment in moments) == 2 * 192
    assert [moment.rows.start for moment in moments[1:]] == [
        moment.rows.stop for moment in moments[:-1]
    ]
    for moment in moments:
        assert set(live.iloc[moment.rows]["date"]) == {moment.day}


def test_rows_of_one_day_are_one_moment_whatever_their_hour(frame: pd.DataFrame) -> None:
    hours = pd.to_timedelta(range(len(frame)), unit="min") % pd.Timedelta("20h")
    live, moments = calendar.of(frame.assign(date=frame["date"] + hours), "2023", "2023")
    assert len(moments) == 24
    assert live["date"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2024", "2023", "FROM=2024 is after TO=2023: exchange them"),
        ("2023-05-02", "2023-05-01", "is after TO=2023-05-01"),
        ("23", "2024", "FROM=23 is no date: write a year as 2023, or a day as 2023-05-28"),
        ("2023", "2024-02-30", "TO=2024-02-30 is no date"),
        ("2023", "2023/05/01", "TO=2023/05/01 is no date"),
        ("2019", "2023", "FROM=2019 is outside of the data, which has 2020-01-01 to 2024-12-31"),
        ("2023", "2025", "TO=2025 is outside of the data"),
        ("2019-12-31", "2023", "FROM=2019-12-31 is outside of the data"),
        ("2023", "2025-01-01", "TO=2025-01-01 is outside of the data"),
        ("2023-01-02", "2023-01-04", "no rows from 2023-01-02 to 2023-01-04: it has 2020-01-01"),
    ],
)
def test_a_wrong_range_is_told_in_a_sentence(
    frame: pd.DataFrame, first: str, last: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        calendar.of(frame, first, last)


def test_a_problem_without_dates_is_told(frame: pd.DataFrame) -> None:
    with pytest.raises(UserError, match="has no column date"):
        calendar.of(frame.drop(columns="date"), "2023", "2024")


def test_more_groups_than_intervals_can_be_made_of_are_told(
    frame: pd.DataFrame, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bootstrap, "MOST_GROUPS", 40)
    with pytest.raises(UserError, match=r"has 48 groups, more than the 40 .* a shorter range"):
        calendar.of(frame, "2023", "2024")


def test_too_little_past_is_told_with_the_day_from_which_it_works(
    frame: pd.DataFrame, settings: config.Settings
) -> None:
    options = settings.training.model_dump()
    found = "FROM=2021 leaves too little data before it to train: .*; FROM=(?P<day>.*) is the first"
    with pytest.raises(UserError, match=found) as error:
        calendar.check_past(frame, "2021", calendar.of(frame, "2021", "2024")[1], options)
    (day,) = [part for part in str(error.value).split() if part.startswith("FROM=2022")]
    first = day.removeprefix("FROM=")
    calendar.check_past(frame, first, calendar.of(frame, first, "2024")[1], options)
    with pytest.raises(UserError, match="there are no rows before it"):
        calendar.check_past(frame, "2020", calendar.of(frame, "2020", "2024")[1], options)


DAYS = list(pd.date_range("2021-12-20", "2023-01-20", freq="3D"))


def test_yearly_is_the_first_moment_of_a_year_and_weekly_at_most_once_in_seven_days() -> None:
    rules = policies.of(pd.Timedelta(days=3 * 365))
    planned = {name: policies.planned(due, DAYS) for name, due in rules.items()}
    assert planned["never"] == planned["on drift"] == []
    assert [f"{day:%Y-%m-%d}" for day in planned["yearly"]] == ["2022-01-01", "2023-01-02"]
    gaps = pd.Series([DAYS[0], *planned["weekly"]]).diff().dropna()
    assert set(gaps.dt.days) == {9}  # the first third day after seven


def test_short_data_is_retrained_monthly() -> None:
    rules = policies.of(pd.Timedelta(days=400))
    assert "yearly" not in rules
    months = policies.planned(rules["monthly"], DAYS)
    assert len(months) == 13
    assert all(day.day <= 3 for day in months)
