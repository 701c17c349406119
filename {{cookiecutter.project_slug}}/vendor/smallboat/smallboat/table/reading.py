"""A user's table: copied into a snapshot, and read as columns of their types."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from .. import disk
from ..errors import UserError, nearest
from ..warehouse.source import Source, identifier, opened
from ..warehouse.tables import text as quoted
from .schema import Table, Type
from .values import NO_CLASSES, given, stripped, value

CHUNK = 100_000

ODD = """
SELECT count(*), arg_min(text, row), min(row) FROM (
    SELECT row_number() OVER () AS row, {text} AS text, {wrong} AS wrong, {value} AS value
    FROM {table}
) WHERE wrong AND value IS NULL
"""


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


def collect(table: Table, root: Path, out: Path) -> int:
    """Copy the table into a Parquet file: the same bytes for the same table.

    Args:
        table: says where the rows are. Columns of CSV files are text, null where they are empty;
            those of Parquet files and queries keep their types, and lists and structs become text.
        root: the folder of the project.
        out: the file that is written.

    Returns:
        The number of rows.

    Raises:
        UserError: the file or the query is no table, or it has no rows.
    """
    with opened(root / table.file if table.file else None, table.sql, root) as source:
        with disk.full_disk_errors(out.parent):
            source.connection.execute(
                f"COPY (FROM {source.sql}) TO {quoted(str(out))} "
                "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)"
            )
        counted = f"SELECT count(*) FROM read_parquet({quoted(str(out))})"
        rows = int(source.connection.execute(counted).fetchall()[0][0])
        if not rows:
            raise UserError(f"{source.origin} has no rows; it needs some.")
        return rows


def typed(table: Table, path: Path) -> tuple[pd.DataFrame, dict[str, Wrong]]:
    """The inputs, the target, and the columns id, group and time of a table, each in its type.

    Args:
        table: the description.
        path: the file that `collect` wrote.

    Returns:
        All rows in their order, those without a target as well. Numbers and flags are float64 with
        NaN, dates datetime64[us] in UTC, categories `Categorical` without blanks around them. The
        target is float64, or text that is one of the classes or null. Then the values that are not
        of their column's type, by column.

    Raises:
        UserError: the file lacks a column that the description names.
    """
    with opened(path) as source:
        plan = _plan(table, source.types)
        _need(plan, source, "correct config/problem.toml, or make the data again")
        selected = _selected(source, plan, table.decimal)
        frame = _joined([_frame(chunk, plan) for chunk in source.chunks(selected, CHUNK)])
        wrong = _wrong(source, plan, selected, frame)
        if table.kind != "regression":
            labels = frame[table.target]
            frame[table.target] = labels.cat.set_categories(list(table.classes)).astype("str")
            if (odd := _odd_labels(labels, table.classes)).any():
                row = int(odd.to_numpy().argmax())
                wrong[table.target] = Wrong(int(odd.sum()), str(labels[row]), row + 1)
        return frame, wrong


def pieces(table: Table, file: Path, rows: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """A file of any size, about so many rows at a time, as they stand in it and typed.

    Args:
        table: the description; the target and id, group and time may be missing in the file.
        file: CSV or Parquet.
        rows: how many are in memory at a time; 2,048 at least.

    Yields:
        All columns of the file as text, null where there is nothing; and the inputs as `typed`
        has them, where what is not of its type is NaN or null, too.

    Raises:
        UserError: the file is no table, or lacks an input.
    """
    with opened(file) as source:
        plan = {column.name: (column.type, column.format) for column in table.columns}
        _need(plan, source, "a model needs each of its inputs: add it, empty where it is not known")
        raw = {("raw", name): f"{identifier(name)}::VARCHAR" for name in source.types}
        for chunk in source.chunks(raw | _selected(source, plan, table.decimal), rows):
            text = {name: chunk["raw", name] for name in source.types}
            yield pd.DataFrame(text, copy=False), _frame(chunk, plan)


def _plan(table: Table, types: Mapping[str, str]) -> dict[str, tuple[Type, str]]:
    """Type and format of each column that training reads."""
    plan = {column.name: (column.type, column.format) for column in table.columns}
    others: dict[str, tuple[Type, str]] = {
        table.target: ("number" if table.kind == "regression" else "category", ""),
        table.time: ("date", ""),
        table.group: ("text", ""),
        table.id: ("text", ""),
    }
    return plan | {name: each for name, each in others.items() if name and name not in plan}


def _need(plan: Iterable[str], source: Source, advice: str) -> None:
    for name in plan:
        if name not in source.types:
            known = nearest(name, list(source.types))
            raise UserError(f"{source.origin} lacks the column {name!r}: {known}; {advice}.")


def _selected(
    source: Source, plan: Mapping[str, tuple[Type, str]], decimal: str
) -> dict[tuple[str, str], str]:
    return {
        ("value", name): value(name, source.types[name], kind, form, decimal)
        for name, (kind, form) in plan.items()
    }


def _frame(
    chunk: "Mapping[Any, pd.Series[Any]]", plan: Mapping[str, tuple[Type, str]]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: _category(chunk["value", name]) if kind == "category" else chunk["value", name]
            for name, (kind, _) in plan.items()
        }
    )


def _category(values: "pd.Series[Any]") -> pd.Categorical:
    """Text as categories, without blanks around it; null where nothing else is there."""
    codes, levels = pd.factorize(values)
    bare = [str(level).strip() for level in levels]
    known = {level: code for code, level in enumerate(sorted({*bare} - {""}))}
    moved = np.array([*(known.get(level, -1) for level in bare), -1])
    return pd.Categorical.from_codes(moved[codes], pd.Index(list(known), dtype="str"))


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    def column(name: str) -> Any:
        parts = [frame[name] for frame in frames]
        if isinstance(parts[0].dtype, pd.CategoricalDtype):
            return union_categoricals(parts, sort_categories=True)
        return pd.concat(parts, ignore_index=True)

    return pd.DataFrame({name: column(str(name)) for name in frames[0]})


def _odd_labels(labels: "pd.Series[Any]", classes: Sequence[str]) -> "pd.Series[bool]":
    """Where a target has a value that is neither a class nor stands for a missing one."""
    levels = labels.cat.categories
    odd = [each for each in levels if each not in classes and each.lower() not in NO_CLASSES]
    return labels.isin(odd)


def _wrong(
    source: Source,
    plan: Mapping[str, tuple[Type, str]],
    selected: Mapping[tuple[str, str], str],
    frame: pd.DataFrame,
) -> dict[str, Wrong]:
    """Values that are not of their type; only columns that may have some are read again."""
    checked = [name for name, (kind, _) in plan.items() if kind in ("number", "flag", "date")]
    counts = ", ".join(f"count({identifier(name)})" for name in checked) or "0"
    held = source.connection.execute(f"SELECT {counts} FROM {source.sql}").fetchall()[0]
    found = {}
    for name, count in zip(checked, held, strict=False):
        if count > frame[name].count():
            query = ODD.format(
                text=stripped(name), wrong=given(name), table=source.sql,
                value=selected["value", name],
            )  # fmt: skip
            number, example, row = source.connection.execute(query).fetchall()[0]
            if number:
                found[name] = Wrong(number, example, row)
    return found
