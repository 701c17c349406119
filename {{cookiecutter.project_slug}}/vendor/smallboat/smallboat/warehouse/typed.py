"""Columns of a user's table, each in its type: number, flag, date, category or text.

Training and scoring read each value with the same SQL.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from ..errors import UserError, nearest
from ..spellings import NO, NULLS, YES, thousands
from .source import Source, identifier
from .tables import text as quoted

CHUNK = 100_000
LARGEST = float(np.finfo(np.float32).max)

EARLIEST, LATEST = "TIMESTAMP '1000-01-01'", "TIMESTAMP '9999-12-31 23:59:59'"
"""Of dates; years of two digits and `infinity` are outside."""

ODD = """
SELECT count(*), arg_min(text, row), min(row) FROM (
    SELECT row_number() OVER () AS row, {text} AS text, {wrong} AS wrong, {value} AS value
    FROM {table}
) WHERE wrong AND value IS NULL
"""


class Column(Protocol):
    """What is read of a table."""

    @property
    def name(self) -> str:
        """As the table spells it."""

    @property
    def type(self) -> str:
        """Number, flag, date, category or text."""

    @property
    def format(self) -> str:
        """Of dates in text, as in strptime; ISO 8601 if empty."""


@dataclass(frozen=True)
class Wrong:
    """Values of a column that are not of its type, so that they count as missing.

    Attributes:
        count: how many.
        example: the first.
        row: its row, counted from 1 without the header line.
    """

    count: int
    example: str
    row: int


def read(
    source: Source, columns: Sequence[Column], decimal: str, advice: str
) -> tuple[pd.DataFrame, dict[str, Wrong]]:
    """All rows in their order, and the values that are not of their column's type, by column.

    Args:
        source: the table.
        columns: what is read of it.
        decimal: what numbers in text have between whole part and fraction; the other of comma and
            point may stand between thousands.
        advice: what to do if a column is missing, for the UserError that says so.

    Returns:
        Numbers and flags as float64 with NaN, dates as datetime64[us] in UTC, categories as
        `Categorical` without blanks around them, text as it is.
    """
    selected = _selected(source, columns, decimal, advice)
    chunks = [_frame(chunk, columns) for chunk in source.chunks(selected, CHUNK)]
    frame = pd.DataFrame({name: _joined([each[name] for each in chunks]) for name in selected})
    names = [each.name for each in columns if each.type in ("number", "flag", "date")]
    _, *held = source.totals("count(*)", *(f"count({identifier(name)})" for name in names))
    wrong = {}
    for name, count in zip(names, held, strict=True):
        if count > frame[name].count():  # only then the column is read again
            query = ODD.format(
                text=stripped(name), wrong=given(name), value=selected[name], table=source.sql
            )
            number, example, row = source.connection.execute(query).fetchall()[0]
            if number:
                wrong[name] = Wrong(number, example, row)
    return frame, wrong


def pieces(
    source: Source, columns: Sequence[Column], decimal: str, advice: str, rows: int
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The same, about `rows` rows at a time, 2,048 at least.

    Yields:
        All columns of the table as text, null where there is nothing; and `columns` as `read` has
        them, where what is not of its type is NaN or null, too.
    """
    selected = _selected(source, columns, decimal, advice)
    raw = {("raw", name): f"{identifier(name)}::VARCHAR" for name in source.types}
    for chunk in source.chunks({**raw, **selected}, rows):
        text = {name: chunk["raw", name] for name in source.types}
        yield pd.DataFrame(text, copy=False), _frame(chunk, columns)


def value(column: Column, held: str, decimal: str) -> str:
    """SQL of a column's values in its type; null where they are of another.

    Args:
        column: name, type and format.
        held: DuckDB's type of it.
        decimal: as in `read`.
    """
    name, text = identifier(column.name), stripped(column.name)
    timed = held.startswith(("DATE", "TIMESTAMP"))
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


def _selected(
    source: Source, columns: Sequence[Column], decimal: str, advice: str
) -> dict[str, str]:
    """SQL of each column's values in its type; UserError if the table lacks one."""
    for column in columns:
        if column.name not in source.types:
            known = nearest(column.name, list(source.types))
            raise UserError(f"{source.origin} lacks the column {column.name!r}: {known}; {advice}.")
    return {each.name: value(each, source.types[each.name], decimal) for each in columns}


def _frame(chunk: "Mapping[Any, pd.Series[Any]]", columns: Sequence[Column]) -> pd.DataFrame:
    kinds = {column.name: column.type for column in columns}
    return pd.DataFrame(
        {
            name: _category(chunk[name]) if kind == "category" else chunk[name]
            for name, kind in kinds.items()
        }
    )


def _category(values: "pd.Series[Any]") -> pd.Categorical:
    """Text as categories, without blanks around it; null where nothing else is there."""
    codes, levels = pd.factorize(values)
    bare = [str(level).strip() for level in levels]
    known = {level: code for code, level in enumerate(sorted({*bare} - {""}))}
    moved = np.array([*(known.get(level, -1) for level in bare), -1])
    return pd.Categorical.from_codes(moved[codes], pd.Index(list(known), dtype="str"))


def _joined(parts: "list[pd.Series[Any]]") -> Any:
    if isinstance(parts[0].dtype, pd.CategoricalDtype):
        return union_categoricals(parts, sort_categories=True)
    return pd.concat(parts, ignore_index=True)
