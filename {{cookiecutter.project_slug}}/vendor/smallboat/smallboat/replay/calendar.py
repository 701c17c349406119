"""The moments of a replay: the dates of the feature table from FROM to TO."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..evaluation import bootstrap
from ..training import splits

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Moment:
    """A date on which rows are predicted.

    Attributes:
        day: the date, at midnight.
        rows: where its rows are among those of the replay.
    """

    day: "pd.Timestamp"
    rows: slice


def span(first: str, last: str) -> tuple[date, date]:
    """The first and the last day of FROM and TO, each a year or yyyy-mm-dd; UserError if wrong."""
    begin, end = _day("FROM", first, "-01-01"), _day("TO", last, "-12-31")
    if begin > end:
        raise UserError(f"FROM={first} is after TO={last}: exchange them")
    return begin, end


def _day(name: str, value: str, rest: str) -> date:
    whole = value + rest if re.fullmatch(r"\d{4}", value) else value
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", whole):
            return date.fromisoformat(whole)
    except ValueError:  # as 2023-02-30
        pass
    raise UserError(f"{name}={value} is no date: write a year as 2023, or a day as 2023-05-28")


def of(frame: "pd.DataFrame", first: str, last: str) -> tuple["pd.DataFrame", list[Moment]]:
    """The rows of a feature table from FROM to TO, the oldest first, and their moments.

    UserError if the table has no dates, does not reach from FROM to TO, or has more groups there
    than the bootstrap can draw.
    """
    if "date" not in frame:
        raise UserError(
            "a replay needs dates: the feature table of this problem has no column date"
        )
    begin, end = span(first, last)
    days = frame["date"].dt.normalize()
    for name, value, day in (("FROM", first, begin), ("TO", last, end)):
        if not (day.year in set(days.dt.year) if len(value) == 4 else _between(day, days)):
            raise UserError(f"{name}={value} is outside of the data, which has {reach(days)}")
    inside = days.between(str(begin), str(end))
    if not inside.any():
        raise UserError(f"the data has no rows from {first} to {last}: it has {reach(days)}")
    live = frame[inside].sort_values("date", kind="stable", ignore_index=True)
    if (groups := live["group"].nunique()) > bootstrap.MOST_GROUPS:
        raise UserError(
            f"{first} to {last} has {groups:,} groups, more than the {bootstrap.MOST_GROUPS:,} "
            "that intervals can be made of: choose a shorter range"
        )
    sizes = live.groupby(live["date"].dt.normalize()).size()
    ends = sizes.cumsum()
    return live, [
        Moment(day, slice(int(ends[day] - size), int(ends[day]))) for day, size in sizes.items()
    ]


def _between(day: date, days: "pd.Series[Any]") -> bool:
    return bool(days.min().date() <= day <= days.max().date())


def reach(days: "pd.Series[Any]") -> str:
    """The first and the last day of dates, for people."""
    return f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}"


def check_past(
    frame: "pd.DataFrame", first: str, moments: list[Moment], options: Mapping[str, Any]
) -> None:
    """UserError if the rows before the first moment are too few to train; says when they are not.

    Args:
        frame: the whole feature table.
        first: FROM, as it was typed.
        moments: of the replay.
        options: the table [training].
    """
    wrong = _too_short(frame, moments[0].day, options)
    if wrong is None:
        return
    later = frame["date"].dt.normalize()
    days = later[later > moments[0].day].drop_duplicates().sort_values()
    works = next((day for day in days if not _too_short(frame, day, options)), None)
    remedy = f"FROM={works:%Y-%m-%d} is the first that works" if works else "bring more data"
    raise UserError(f"FROM={first} leaves too little data before it to train: {wrong}; {remedy}")


def _too_short(
    frame: "pd.DataFrame", day: "pd.Timestamp", options: Mapping[str, Any]
) -> str | None:
    """Why the rows before a day can't be split, if they can't."""
    known = frame[frame["date"] < day]
    if known.empty:
        return "there are no rows before it"
    try:
        splits.split(splits.recent(known, options["periods"]), options)
    except UserError as error:
        return str(error).partition("; ")[0]
    return None
