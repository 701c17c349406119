"""Checks the times of events: each a whole number of milliseconds since 1970."""

FIRST_MS, END_MS = 946_684_800_000, 4_102_444_800_000
"""The years 2000 to 2099."""

USUAL = f"time BETWEEN {FIRST_MS} AND {END_MS - 1}"
"""SQL that says whether a time is as it should be."""

UNITS = {"seconds": 1000, "microseconds": 1 / 1000, "nanoseconds": 1 / 1_000_000}
"""What a number of such a unit is multiplied with to be milliseconds."""


def wrong(rows: int, known: int, usual: int, first: int, last: int) -> str | None:
    """What is wrong with the times of a table, if anything is.

    Args:
        rows: How many rows it has.
        known: How many of them have a time.
        usual: Of how many it is as it should be.
        first: The least time.
        last: The greatest.
    """
    if known < rows:
        return f"{rows - known:,} of {rows:,} rows have no time; each needs one."
    if usual < rows:
        example = first if first < FIRST_MS else last
        return (
            f"{rows - usual:,} of {rows:,} times are not milliseconds since 1970, such as "
            f"{example}{_unit(example)}; all must be, and of the years 2000 to 2099."
        )
    return None


def _unit(time: int) -> str:
    for name, factor in UNITS.items():
        if FIRST_MS <= time * factor < END_MS:
            return f", which may be {name}"
    return ""
