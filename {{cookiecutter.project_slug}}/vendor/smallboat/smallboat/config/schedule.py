"""Checks a cron expression as GitHub takes it, and converts it for EventBridge.

Cron libraries accept more than GitHub (`L`, `#`, 7 for Sunday, seconds), and EventBridge numbers
the days of the week from 1. So the fields are parsed here. A wrong cron raises a ValueError.
"""

import re
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

EPOCH, YEARS = date(2024, 1, 1), 9
"""Dates that have every weekday on every day of the year: a 29th of February, too."""
MINUTES_APART = 5
"""GitHub starts a workflow no more often."""
PART = re.compile(r"(\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d+))?")


class Field(NamedTuple):
    """A field of a cron expression; `names` stand for its values in order."""

    title: str
    values: range
    names: tuple[str, ...] = ()


MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    Field("minute", range(60)),
    Field("hour", range(24)),
    Field("day of the month", range(1, 32)),
    Field("month", range(1, 13), MONTHS),
    Field("day of the week", range(7), DAYS),
)


def check(cron: str) -> None:
    """Refuse a cron that GitHub refuses, or that starts more often than GitHub does."""
    minutes, hours, *_ = _parse(cron)
    starts = [60 * hour + minute for hour in hours for minute in minutes]
    gaps = [later - start for start, later in pairwise([*starts, starts[0] + 24 * 60])]
    if min(gaps) < MINUTES_APART:
        raise ValueError(f"it starts twice within {MINUTES_APART} minutes, which GitHub does not")
    longest_gap(cron)


def for_aws(cron: str) -> str:
    """The same times for EventBridge: with a year, `?` for one day field, and Sunday as 1."""
    parsed = _parse(cron)
    minute, hour, day, month, weekday = (
        "*" if values == list(field.values) else ",".join(map(str, values))
        for values, field in zip(parsed, FIELDS, strict=True)
    )
    if "*" not in (day, weekday):
        raise ValueError("Step Functions takes a day of the month or of the week, not both")
    if weekday == "*":
        return f"{minute} {hour} {day} {month} ? *"
    weekday = ",".join(str(value + 1) for value in parsed[-1])
    return f"{minute} {hour} ? {month} {weekday} *"


def longest_gap(cron: str) -> int:
    """The most days between two starts; a day of the month or of the week is enough, as for cron.

    ValueError: it never starts.
    """
    _, _, days, months, weekdays = _parse(cron)
    _, _, day, _, weekday = ("*" in text.split("/")[0] for text in cron.split())
    matches = all if day or weekday else any
    dates = (EPOCH + timedelta(number) for number in range(YEARS * 366))
    starts = [
        each.toordinal()
        for each in dates
        if each.month in months and matches((each.day in days, each.isoweekday() % 7 in weekdays))
    ]
    if len(starts) < 2:
        raise ValueError("it never starts: no month has this day")
    return max(later - start for start, later in pairwise(starts))


def _parse(cron: str) -> list[list[int]]:
    """The values of each field, sorted."""
    texts = cron.split()
    if len(texts) != len(FIELDS):
        titles = ", ".join(field.title for field in FIELDS)
        raise ValueError(f"it must have five fields, as '17 4 * * 1': {titles}")
    return [
        sorted({value for part in text.split(",") for value in _values(part, field)})
        for text, field in zip(texts, FIELDS, strict=True)
    ]


def _values(part: str, field: Field) -> range:
    """The values of `*`, a value or a range, each with or without a step."""
    match = PART.fullmatch(part)
    if not match:
        raise ValueError(f"{part!r} is no {field.title}: it takes *, a number, 1-3, 1,3 or */2")
    step = int(match["step"] or 1)
    if step == 0:
        raise ValueError(f"{part!r} has a step of 0")
    if match["first"] is None:
        return field.values[::step]
    first = last = _value(match["first"], field)
    if match["last"]:
        last = _value(match["last"], field)
    elif match["step"]:
        last = field.values[-1]
    if last < first:
        raise ValueError(f"{part!r} ends before it begins")
    return range(first, last + 1, step)


def _value(text: str, field: Field) -> int:
    if text.upper() in field.names:
        return field.values[field.names.index(text.upper())]
    if text.isdecimal() and int(text) in field.values:
        return int(text)
    limits = f"{field.values[0]} to {field.values[-1]}"
    or_name = f", or a name as {field.names[0]}" if field.names else ""
    raise ValueError(f"the {field.title} is {limits}{or_name}, found {text!r}")
