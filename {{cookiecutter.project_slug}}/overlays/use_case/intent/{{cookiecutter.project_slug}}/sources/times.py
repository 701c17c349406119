"""Checks the times of events: each a whole number of milliseconds since 1970."""

from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST_MS, END_MS = 946_684_800_000, 4_102_444_800_000
"""The years 2000 to 2099."""

USUAL = f"time BETWEEN {FIRST_MS} AND {END_MS - 1}"

UNITS = {"seconds": 1000, "microseconds": 1 / 1000, "nanoseconds": 1 / 1_000_000}
"""What a number of such a unit is multiplied with to be milliseconds."""

SEARCHES = f"""
SELECT count(*), count(*) FILTER (session <> ''), count(time), count(*) FILTER ({USUAL}),
    min(time), max(time)
FROM searches
"""

GROUPS = """
SELECT sum(rows), sum(rows) FILTER (session <> ''), sum(timed), sum(usual), min(first), max(last)
FROM groups WHERE of_session
"""


def check(connection: "DuckDBPyConnection", query: str, origin: str, others: int = 0) -> int:
    """The number of rows of a table of events.

    Args:
        connection: Has the table.
        query: `SEARCHES` or `GROUPS`.
        origin: Where the table is from, for messages.
        others: Rows of another table that are among them, and right.

    Raises:
        UserError: A row has no session or time, or a time is not in milliseconds.
    """
    rows, sessions, times, usual, first, last = connection.execute(query).fetchall()[0]
    of_all = f"of {(rows or 0) - others:,}"
    for name, known in (("session", sessions), ("time", times)):
        if rows and rows != known:
            raise UserError(
                f"{rows - (known or 0):,} {of_all} rows of {origin} have no {name}; each needs one."
            )
    if rows and usual != rows:
        example = first if first < FIRST_MS else last
        raise UserError(
            f"{rows - usual:,} {of_all} times of {origin} are not milliseconds since 1970, "
            f"such as {example}{_unit(example)}; all must be, and of the years 2000 to 2099."
        )
    return int(rows or 0) - others


def _unit(time: int) -> str:
    for name, factor in UNITS.items():
        if FIRST_MS <= time * factor < END_MS:
            return f", which may be {name}"
    return ""
