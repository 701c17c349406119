"""A column's values in a type, as SQL: training and scoring read each with the same words."""

from ..warehouse.source import identifier
from ..warehouse.tables import text as quoted
from .encoding import LARGEST, NO, NULLS, YES, thousands
from .schema import Column

EARLIEST, LATEST = "TIMESTAMP '1000-01-01'", "TIMESTAMP '9999-12-31 23:59:59'"
"""Of dates; years of two digits and `infinity` are outside."""


def value(column: Column, held: str, decimal: str) -> str:
    """SQL of a column's values in its type; null where they are of another.

    Args:
        column: name, type, and the format of dates.
        held: DuckDB's type of it.
        decimal: what numbers have between whole part and fraction; the other of comma and point
            may stand between thousands.
    """
    name, text, timed = identifier(column.name), stripped(column.name), held.startswith("DATE")
    timed = timed or held.startswith("TIMESTAMP")
    if column.type == "number":
        number = _number(column.name, decimal) if held == "VARCHAR" else f"{name}::DOUBLE"
        number = "NULL::DOUBLE" if timed else number
        return f"CASE WHEN {number} BETWEEN -{LARGEST} AND {LARGEST} THEN {number} END"
    if column.type == "flag":
        return f"CASE WHEN lower({text}) IN {YES} THEN 1.0 WHEN lower({text}) IN {NO} THEN 0.0 END"
    if column.type == "date":
        time = f"TRY_CAST({text} AS TIMESTAMPTZ)"
        if timed:
            time = name
        elif column.format:
            time = f"try_strptime({text}, {quoted(column.format)})"
        return f"CASE WHEN {time} BETWEEN {EARLIEST} AND {LATEST} THEN {time}::TIMESTAMP END"
    return f"nullif({name}::VARCHAR, 'nan')" if held in ("DOUBLE", "FLOAT") else f"{name}::VARCHAR"


def stripped(name: str) -> str:
    """SQL of a column's text without blanks around it."""
    return f"trim({identifier(name)}::VARCHAR)"


def given(name: str) -> str:
    """SQL that is true where a number, flag or date is not missing."""
    text = stripped(name)
    longest = max(map(len, NULLS))
    return f"coalesce(length({text}) > {longest} OR lower({text}) NOT IN {NULLS}, false)"


def _number(name: str, decimal: str) -> str:
    """SQL of the numbers in text; the usual spelling is tried first, because it is fast."""
    text, usual = stripped(name), identifier(name)
    mark, grouped = thousands(decimal)
    if decimal == ",":
        usual = f"CASE WHEN NOT contains({usual}, '.') THEN replace({usual}, ',', '.') END"
    bare = f"replace(replace({text}, '{mark}', ''), '{decimal}', '.')"
    return (
        f"coalesce(TRY_CAST({usual} AS DOUBLE), CASE WHEN contains({identifier(name)}, '{mark}') "
        f"AND regexp_full_match({text}, '{grouped}') THEN TRY_CAST({bare} AS DOUBLE) END)"
    )
