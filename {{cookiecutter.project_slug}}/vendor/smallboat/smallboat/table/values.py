"""A column's values in a type, as SQL: training and scoring read each with the same words."""

from ..warehouse.source import identifier
from ..warehouse.tables import text as quoted
from .schema import Type

YES = ("1", "1.0", "true", "t", "yes", "y")
NO = ("0", "0.0", "false", "f", "no", "n")
NULLS = ("", "na", "n/a", "nan", "nat", "null", "none", "?", "-", ".")
"""What stands for a missing number, flag or date, in any case; as a category it is a category."""

NO_CLASSES = {*NULLS} - {"none"}
"""What stands for a missing target; none may be a class, such as of damages."""

LONGEST = max(map(len, NULLS))

LARGEST = 3.4e38
"""The largest number that float32 holds, about."""

EARLIEST, LATEST = "TIMESTAMP '1000-01-01'", "TIMESTAMP '9999-12-31 23:59:59'"
"""Of dates; years of two digits and `infinity` are outside."""


def value(name: str, held: str, kind: Type, form: str, decimal: str) -> str:
    """SQL of a column's values in a type; null where they are of another.

    Args:
        name: the column.
        held: DuckDB's type of it.
        kind: number, flag, date, or another, which is text.
        form: of dates, as in strptime; ISO 8601 if empty.
        decimal: what numbers have between whole part and fraction; the other of comma and point
            may stand between thousands.
    """
    column = identifier(name)
    text = stripped(name)
    if kind == "number":
        number = f"{column}::DOUBLE" if held != "VARCHAR" else _number(name, decimal)
        if held.startswith(("DATE", "TIME")):
            number = "NULL::DOUBLE"
        return f"CASE WHEN {number} BETWEEN -{LARGEST} AND {LARGEST} THEN {number} END"
    if kind == "flag":
        return f"CASE WHEN lower({text}) IN {YES} THEN 1.0 WHEN lower({text}) IN {NO} THEN 0.0 END"
    if kind == "date":
        time = f"TRY_CAST({text} AS TIMESTAMPTZ)"
        if held.startswith(("DATE", "TIMESTAMP")):
            time = column
        elif form:
            time = f"try_strptime({text}, {quoted(form)})"
        return f"CASE WHEN {time} BETWEEN {EARLIEST} AND {LATEST} THEN {time}::TIMESTAMP END"
    whole = f"nullif({column}::VARCHAR, 'nan')" if held in ("DOUBLE", "FLOAT") else column
    return f"{whole}::VARCHAR"


def stripped(name: str) -> str:
    """SQL of a column's text without blanks around it."""
    return f"trim({identifier(name)}::VARCHAR)"


def given(name: str) -> str:
    """SQL that is true where a number, flag or date is not missing."""
    text = stripped(name)
    return f"coalesce(length({text}) > {LONGEST} OR lower({text}) NOT IN {NULLS}, false)"


def _number(name: str, decimal: str) -> str:
    """SQL of the numbers in text; the usual spelling is tried first, because it is fast."""
    text, other = stripped(name), "," if decimal == "." else "."
    grouped = rf"[+-]?\d{{1,3}}([{other}]\d{{3}})+([{decimal}]\d*)?"
    usual = identifier(name)
    if decimal == ",":
        usual = f"CASE WHEN NOT contains({usual}, '.') THEN replace({usual}, ',', '.') END"
    many = f"replace(replace({text}, '{other}', ''), '{decimal}', '.')"
    return (
        f"coalesce(TRY_CAST({usual} AS DOUBLE), CASE WHEN contains({identifier(name)}, '{other}') "
        f"AND regexp_full_match({text}, '{grouped}') THEN TRY_CAST({many} AS DOUBLE) END)"
    )
