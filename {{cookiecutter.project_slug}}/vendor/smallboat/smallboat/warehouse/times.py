"""The times of events, in SQL: each a whole number of milliseconds since 1970, UTC."""

import re
from functools import partial

from .tables import Rule, Table

FIRST_MS, END_MS = 946_684_800_000, 4_102_444_800_000
"""The years 2000 to 2099."""

USUAL = f"BETWEEN {FIRST_MS} AND {END_MS - 1}"
"""What follows a time in SQL that says whether it is as it should be."""

UNITS = {"seconds": 1000, "microseconds": 1 / 1000, "nanoseconds": 1 / 1_000_000}
"""What a number of such a unit is multiplied with to be milliseconds."""


INSTANT = (
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d([.]\d+)?)?"
    r"( ?(Z|UTC|GMT)|[+-](0\d|1[0-4])(:?[0-5]\d)?| [A-Za-z_]+(/[A-Za-z0-9_+-]+)+)?"
)
"""A date with a time of day and a zone that has one meaning: BST and CST have several."""

ZONED = "a date with a time of day (UTC, +03:00 or a zone such as Europe/Oslo)"


def milliseconds(table: Table, column: str) -> str:
    """SQL of the times in a column of milliseconds since 1970; what is none becomes null."""
    if table.types[column].endswith("INT"):
        return f"TRY_CAST({column} AS BIGINT)"
    return exact(table.text(column))


def exact(text: str) -> str:
    """SQL of the whole number that a text has; null if it has none.

    One with an exponent was rounded: Excel shows 1,547,596,805,000 as 1.5476E+12, and saves that.
    """
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9]+([.]0*)?') THEN TRY_CAST({text} AS BIGINT) END"
    )


def instants(table: Table, column: str) -> str:
    """SQL of the times in a column of dates with a time of day; what is none becomes null.

    A UTC offset and the name of a time zone are applied; without one the time is in UTC. A zone's
    abbreviation is refused, as `INSTANT` says, and so is a date without a time of day.
    """
    kind = table.types[column]
    if kind.startswith("TIMESTAMP"):
        return f"epoch_ms({column}::{'TIMESTAMPTZ' if 'ZONE' in kind else 'TIMESTAMP'})"
    text = table.text(column)
    return f"""coalesce(
        epoch_ms(try_strptime({text}, '%Y-%m-%d %H:%M:%S UTC')),
        CASE WHEN regexp_full_match({text}, '{INSTANT}')
            THEN epoch_ms(TRY_CAST({text} AS TIMESTAMPTZ)) END
    )"""


def rule(table: Table, column: str, time: str, form: str = "milliseconds since 1970") -> Rule:
    """That each row has a time as it should be.

    Args:
        table: The table.
        column: The one that has the times.
        time: SQL of its times, as `milliseconds` or `instants` made it.
        form: What a time should look like, for people.
    """
    return Rule(table, column, f"coalesce(({time}) NOT {USUAL}, true)", partial(why, form=form))


def why(value: str | None, form: str = "milliseconds since 1970") -> str:
    """What is wrong with a value that should be a time."""
    if not value:
        return " is empty; each row needs a time."
    if re.fullmatch(r"\d\.\d+E\+\d+", value, re.IGNORECASE):
        return f": {value} is a rounded number, as Excel saves it; save all digits."
    return f": {value!r} is not {form}{_unit(value)}, of the years 2000 to 2099; correct it."


def _unit(value: str) -> str:
    """The unit that a number of another one may have."""
    if re.fullmatch(r"\d{1,20}", value):
        for name, factor in UNITS.items():
            if FIRST_MS <= int(value) * factor < END_MS:
                return f" (it may be {name})"
    return ""
