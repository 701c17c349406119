"""The cron of a retraining: five fields, UTC, as GitHub takes it; and the same for EventBridge."""

import re
from itertools import pairwise

from ..errors import UserError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    ("minute", range(60), ()),
    ("hour", range(24), ()),
    ("day of the month", range(1, 32), ()),
    ("month", range(1, 13), MONTHS),
    ("day of the week", range(7), DAYS),
)
PART = re.compile(r"(?P<from>\*|\w+)(-(?P<to>\w+))?(/(?P<step>\d+))?")
APART = 5
"""Minutes between two starts, at least: GitHub starts nothing more often."""


def check(cron: str) -> None:
    """Refuse, with a UserError that says what is right, a cron that GitHub refuses."""
    minutes, hours, *_ = _fields(cron)
    starts = [60 * hour + minute for hour in hours for minute in minutes]
    between = [later - start for start, later in pairwise(starts)]
    if min([*between, starts[0] + 24 * 60 - starts[-1]]) < APART:
        raise _wrong(cron, f"it starts twice within {APART} minutes, which GitHub does not")


def for_aws(cron: str) -> str:
    """The same as EventBridge takes it: with a year, `?` for one day field, Sunday as 1.

    Raises:
        UserError: the cron is wrong, or both day fields say something, which EventBridge can't.
    """
    *rest, day, month, weekday = (
        "*" if values == list(known) else ",".join(str(value) for value in values)
        for values, (_, known, _) in zip(_fields(cron), FIELDS, strict=True)
    )
    if "*" not in (day, weekday):
        raise _wrong(cron, "Step Functions takes a day of the month or of the week, not both")
    if weekday == "*":
        return " ".join([*rest, day, month, "?", "*"])
    numbers = ",".join(str(int(number) + 1) for number in weekday.split(","))
    return " ".join([*rest, "?", month, numbers, "*"])


def _fields(cron: str) -> list[list[int]]:
    """What each field names, sorted."""
    found = cron.split()
    if len(found) != len(FIELDS):
        names = ", ".join(name for name, _, _ in FIELDS)
        raise _wrong(cron, f"it must have five fields: {names}")
    return [
        sorted({value for part in text.split(",") for value in _part(cron, part, *field)})
        for text, field in zip(found, FIELDS, strict=True)
    ]


def _part(cron: str, text: str, name: str, known: range, names: tuple[str, ...]) -> range:
    """What a part of a field names: `*`, a value or a range, each with a step or without."""
    found = PART.fullmatch(text)
    if not found or (found["from"] == "*" and found["to"]):
        raise _wrong(cron, f"{text!r} is no {name}: it takes *, a number, 1-3, 1,3 or */2")
    step = int(found["step"] or 1)
    if step == 0:
        raise _wrong(cron, f"{text!r} has a step of 0")
    if found["from"] == "*":
        return known[::step]
    first = _value(cron, found["from"], name, known, names)
    if found["to"]:
        last = _value(cron, found["to"], name, known, names)
    else:
        last = known[-1] if found["step"] else first
    if last < first:
        raise _wrong(cron, f"{text!r} ends before it begins")
    return range(first, last + 1, step)


def _value(cron: str, text: str, name: str, known: range, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return known[names.index(text.upper())]
    if text.isdecimal() and int(text) in known:
        return int(text)
    or_name = f", or a name as {names[0]}" if names else ""
    raise _wrong(cron, f"the {name} is {known[0]} to {known[-1]}{or_name}, found {text!r}")


def _wrong(cron: str, why: str) -> UserError:
    return UserError(f"schedule.cron = {cron!r} is wrong: {why}; for example '17 4 * * 1'")
