"""The periods by which rows are split: their numbers, and their names for people."""

import calendar
from typing import Any


def numbered(dates: Any) -> dict[str, Any]:
    """The number of each date's period, by unit: 2024, 20243, 202408, 202432, 20240815.

    Args:
        dates: a Series of datetime64.
    """
    date, week = dates.dt, dates.dt.isocalendar()
    return {
        "year": date.year,
        "quarter": date.year * 10 + date.quarter,
        "month": date.year * 100 + date.month,
        "week": week["year"] * 100 + week["week"],
        "day": date.year * 10_000 + date.month * 100 + date.day,
    }


def unit(frame: Any) -> str | None:
    """The unit of a feature table's periods; None if they are folds or the problem's own."""
    if "date" not in frame:
        return None
    days = frame[["period", "date"]].drop_duplicates()
    units = numbered(days["date"]).items()
    return next((name for name, numbers in units if (numbers == days["period"]).all()), None)


def named(period: object, unit: str | None) -> str:
    """A period for people, such as "2024 Q3", "August 2024" or "week 32 of 2024".

    Args:
        period: its number.
        unit: what `unit` returned; without one it is the number.
    """
    text = str(period)
    year, rest = text[:4], text[4:]
    match unit:
        case "quarter":
            return f"{year} Q{rest}"
        case "month":
            return f"{calendar.month_name[int(rest)]} {year}"
        case "week":
            return f"week {int(rest)} of {year}"
        case "day":
            return f"{year}-{rest[:2]}-{rest[2:]}"
    return text


def spanned(first: int, last: int, unit: str | None) -> str:
    """The first and the last period, such as "weeks 12 to 13 of 2019"."""
    begin, end = named(first, unit), named(last, unit)
    if first == last:
        return end
    if unit == "week" and str(first)[:4] == str(last)[:4]:
        return f"weeks {int(str(first)[4:])} to {end.removeprefix('week ')}"
    return f"{begin} to {end}"
