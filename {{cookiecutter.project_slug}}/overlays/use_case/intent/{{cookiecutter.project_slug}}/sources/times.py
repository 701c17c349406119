"""Checks the times of events: each a whole number of milliseconds since 1970."""

from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST_MS, END_MS = 946_684_800_000, 4_102_444_800_000
"""The years 2000 to 2099."""

UNITS = {"seconds": 1000, "microseconds": 1 / 1000, "nanoseconds": 1 / 1_000_000}
"""What a number of such a unit is multiplied with to be milliseconds."""


def check(connection: "DuckDBPyConnection", table: str, origin: str) -> int:
    """The number of rows of a table with `session` and `time`.

    Args:
        connection: Has the table.
        table: Its name.
        origin: Where it is from, for messages.

    Raises:
        UserError: A row has no session or time, or a time is not in milliseconds.
    """
    usual = f"time BETWEEN {FIRST_MS} AND {END_MS - 1}"
    rows, sessions, times, unusual = connection.execute(
        f"SELECT count(*), count(nullif(session, '')), count(time), "
        f"count(*) FILTER (NOT ({usual})) FROM {table}"
    ).fetchall()[0]
    for name, known in (("session", sessions), ("time", times)):
        if known < rows:
            raise UserError(
                f"{rows - known:,} of {rows:,} rows of {origin} have no {name}; each needs one."
            )
    if unusual:
        (example,) = connection.execute(
            f"SELECT min(time) FROM {table} WHERE NOT ({usual})"
        ).fetchall()[0]
        raise UserError(
            f"{unusual:,} of {rows:,} times of {origin} are not milliseconds since 1970, "
            f"such as {example}{_unit(example)}; all must be, and of the years 2000 to 2099."
        )
    return int(rows)


def _unit(time: int) -> str:
    for name, factor in UNITS.items():
        if FIRST_MS <= time * factor < END_MS:
            return f", which may be {name}"
    return ""
