"""`make describe`: a user's table as `config/problem.toml`, which a person corrects."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import disk
from ..errors import UserError, nearest
from ..problem import Problem
from ..table import data, schema
from ..table.schema import Table
from ..warehouse.source import Source, opened
from ..words import counted
from . import guesses, problem_toml
from .profiles import profile

FILE = Path("config/problem.toml")
SAMPLE = "# The sample table."
"""How the file begins that a project ships with; it is replaced, and kept beside."""
KEPT = FILE.with_name("problem.sample.toml")


def describe(
    problem: Problem, environment: str, csv: str | None, target: str | None, sql: str | None
) -> int:
    """Write `config/problem.toml` about a table; of one that is there, say what has changed."""
    if csv and sql:
        raise UserError("CSV and SQL are two tables: give one of them.")
    text = FILE.read_text(encoding="utf-8", errors="replace") if FILE.exists() else ""
    sample = text.startswith(SAMPLE)
    if text and not (sample and (csv or sql)):
        return _again(text, csv, target, sql)
    if not csv and not sql:
        raise UserError("name the table: make describe CSV=path TARGET=column.")
    asked = Table(target or "", "regression", file=_written(csv), sql=sql or "")
    with _collected(asked) as source:
        if not target:
            raise UserError(f"which column is predicted? {_choice(source)}")
        if target not in source.types:
            raise UserError(f"no column {target!r}: {nearest(target, list(source.types))}.")
        found = guesses.described(asked, source)
    if sample:
        os.replace(FILE, KEPT)
    _write(problem_toml.file(found))
    print(problem_toml.summary(found))
    return 0


@contextmanager
def _collected(table: Table) -> Iterator[Source]:
    """The table, read once into a Parquet file of the block's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        data.copy(table, Path(), path)
        with opened(path) as source:
            yield source


def _written(csv: str | None) -> str:
    """A path as the file has it: relative to the project if it is inside."""
    if not csv:
        return ""
    path = Path(os.path.abspath(csv))
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _choice(source: Source) -> str:
    names = list(source.types)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"The table has {', '.join(names[:20])}{more}: say `make describe CSV=… TARGET=column`."


def _again(text: str, csv: str | None, target: str | None, sql: str | None) -> int:
    """What has changed in a table that is described already; new columns are added at the end."""
    table = schema.load(FILE)
    given = {"file": _written(csv), "sql": sql or "", "target": target or ""}
    for key, asked in given.items():
        if asked and asked != (had := getattr(table, key)):
            raise UserError(
                f"{FILE} is about {key} = {had!r}, not {asked!r}, and it may hold your edits: "
                f"change it there, or delete {FILE} and run make describe again"
            )
    with _collected(table) as source:
        told, added = _changes(table, source)
    if added:
        _write(f"{text.rstrip()}\n\n{added}")
    print("\n".join(told) or f"nothing has changed: {FILE} still describes the table")
    return 0


def _changes(table: Table, source: Source) -> tuple[list[str], str]:
    """Sentences about what has changed, and the TOML of new columns."""
    inputs = {each.name for each in table.columns}
    named = {*inputs, *table.drop, table.target, table.id, table.group, table.time} - {""}
    told = [
        f"{name!r} is gone: remove it from {FILE}, or correct its name"
        for name in sorted(named - source.types.keys())
    ]
    if table.target not in source.types:
        return told, ""
    (rows,) = source.totals("count(*)")
    added = []
    for name in (each for each in source.types if each not in named):
        new = profile(source, name, table.decimal, rows)
        if reason := new.dropped():
            told.append(f"{name!r} is new, but {reason}: name it in problem.drop")
        else:
            told.append(f"{name!r} is new: added to {FILE} as {new.type}")
            added.append(problem_toml.column(new.column, new.remarks()))
    return [*told, *_misfits(table, source)], "\n".join(added)


def _misfits(table: Table, source: Source) -> Iterator[str]:
    """Values that are not as the description says, in sentences."""
    columns = tuple(each for each in table.columns if each.name in source.types)
    gone: dict[str, Any] = {
        key: "" for key in ("id", "group", "time") if getattr(table, key) not in source.types
    }
    rows = data.typed(replace(table, columns=columns, **gone), Path(source.origin))
    target = "class" if table.classes else "number"
    types = {each.name: each.type for each in columns} | {table.time: "date", table.target: target}
    for name, each in rows.wrong.items():
        are = "is" if each.count == 1 else "are"
        yield (
            f"{name!r}: {counted(each.count, 'value')} {are} no {types[name]}, "
            f"such as {each.example!r} in row {each.row:,}: correct the type, or the table"
        )
    for column in columns:
        if outside := rows.outside(column):
            values = rows.frame[column.name]
            yield (
                f"{column.name!r}: {counted(outside, 'value')} outside of its range, "
                f"now {values.min():g} to {values.max():g}"
            )


def _write(text: str) -> None:
    FILE.parent.mkdir(exist_ok=True)
    disk.replace(FILE, text)
