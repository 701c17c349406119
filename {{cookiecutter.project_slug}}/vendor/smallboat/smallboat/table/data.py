"""The raw table: copied into a snapshot, read as columns of their types, or scored in pieces."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict

from .. import datafiles, disk
from ..errors import UserError
from ..spellings import NULLS
from ..warehouse import typed as reading
from ..warehouse.source import opened
from ..warehouse.tables import text as quoted
from ..warehouse.typed import Wrong
from .schema import Column, Table

FILE = "table.parquet"

NO_CLASSES = {*NULLS} - {"none"}
"""What stands for a missing target; none may be a class, such as of damages."""


class Config(BaseModel):
    """The table `[data]` of the configuration; config/problem.toml names the table itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: Literal["table", "files"] = "table"  # from where problem.toml says, or `directory`
    directory: str | None = None


class Rows(NamedTuple):
    """All rows in their order, those without a target as well.

    Attributes:
        frame: the inputs, the target, and the columns time, group and id, see `typed.read`. The
            target is float64, or text that is one of the classes or null.
        wrong: the values that are not of their column's type, by column.
    """

    frame: pd.DataFrame
    wrong: Mapping[str, Wrong]

    def outside(self, column: Column) -> int:
        """How many numbers lie outside of the range of their column."""
        if column.range is None or column.type != "number":
            return 0
        values = self.frame[column.name]
        return int((values.notna() & ~values.between(*column.range)).sum())


def collect(table: Table, config: Mapping[str, Any], root: Path, folder: Path) -> dict[str, Any]:
    """Copy the table into an empty folder, see `contract.Data.collect`.

    Relative paths of the description start from `root`; `config` has the values of `Config`.

    Raises:
        UserError: the file or the query is no table, or it has no rows, or none of a known time.
    """
    if config["source"] == "files":
        datafiles.given(config["directory"])
    if config["directory"]:
        table = replace(table, file=str(Path(config["directory"], Path(table.file).name)))
    rows = copy(table, root, folder / FILE)
    found: dict[str, Any] = {
        "source": table.file  # a query may hold a password
        or f"the query {sha256(table.sql.encode()).hexdigest()[:16]}",
        "licence": "not stated",
        "rows": {"table": rows},
    }
    if table.time:
        timed = tuple(column for column in table.columns if column.name == table.time)
        times = read(replace(table, columns=timed), folder).frame[table.time]
        if times.isna().all():
            raise UserError(
                f"{table.time} has no date that can be read, such as 2024-03-02: write the format "
                f"of its dates into [columns.{table.time}], or remove problem.time"
            )
        found["data_until"] = str(times.max().date())
    return found


def copy(table: Table, root: Path, out: Path) -> int:
    """Copy the table into a Parquet file, the same bytes for the same table; returns its rows.

    Columns of CSV files are text, null where they are empty; those of Parquet files and queries
    keep their types, and lists and structs become text.
    """
    with opened(root / table.file if table.file else None, table.sql, root) as source:
        with disk.full_disk_errors(out.parent):
            copied = source.connection.execute(
                f"COPY (FROM {source.sql}) TO {quoted(str(out))} "
                "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)"
            )
        ((rows,),) = copied.fetchall()
        if not rows:
            raise UserError(f"{source.origin} has no rows; it needs some.")
        return int(rows)


def read(table: Table, folder: Path) -> Rows:
    """The rows of a snapshot."""
    return typed(table, folder / FILE)


def typed(table: Table, path: Path) -> Rows:
    """The rows of a file; UserError if it lacks a column that the description names."""
    advice = "run `make data` if config/problem.toml is about another table now, or correct it"
    with opened(path) as source:
        frame, wrong = reading.read(source, _all_columns(table), table.decimal, advice)
    if table.kind != "regression":
        labels = frame[table.target]
        frame[table.target] = labels.cat.set_categories(list(table.classes)).astype("str")
        nulls = [each for each in labels.cat.categories if each.lower() in NO_CLASSES]
        odd = (labels.notna() & ~labels.isin([*table.classes, *nulls])).to_numpy()
        if odd.any():
            row = int(odd.argmax())
            wrong[table.target] = Wrong(int(odd.sum()), str(labels[row]), row + 1)
    return Rows(frame, wrong)


def _all_columns(table: Table) -> list[Column]:
    """The columns that training reads: the inputs, the target, time, group and id."""
    found = {column.name: column for column in table.columns}
    for column in (
        Column(table.target, "number" if table.kind == "regression" else "category"),
        Column(table.time, "date"),
        Column(table.group, "text"),
        Column(table.id, "text"),
    ):
        found.setdefault(column.name, column)
    return [column for name, column in found.items() if name]


def pieces(table: Table, file: Path, rows: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """A file of any size, about `rows` rows at a time: as text, and its inputs as in `Rows`.

    Raises:
        UserError: the file is no table, or lacks an input. It may lack all other columns.
    """
    advice = "a model needs each of its inputs: add it, empty where it is not known"
    with opened(file) as source:
        yield from reading.pieces(source, table.columns, table.decimal, advice, rows)
