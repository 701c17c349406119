"""`make describe`: a user's table as `config/problem.toml`, which a person corrects."""

import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..errors import UserError, nearest
from ..problem import Problem
from ..warehouse.source import Source, opened
from ..words import counted
from . import describe_text, guesses, reading, schema
from .profiles import profile
from .schema import Table

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
    text = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
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
    _write(describe_text.file(found))
    print(describe_text.summary(found))
    return 0


@contextmanager
def _collected(table: Table) -> Iterator[Source]:
    """The table, read once into a Parquet file of the block's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        reading.collect(table, Path(), path)
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
    try:
        table = schema.of(tomllib.loads(text), str(FILE))
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"{FILE} is not valid TOML: {error}; correct it, or delete it and run again"
        ) from None
    for key, given, had in (
        ("file", _written(csv), table.file), ("sql", sql or "", table.sql),
        ("target", target or "", table.target),
    ):  # fmt: skip
        if given and given != had:
            raise UserError(
                f"{FILE} is about {key} = {had!r}, not {given!r}, and it may hold your edits: "
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
    rows = guesses.count(source, "*")
    inputs = [each.name for each in table.columns]
    named = {*inputs, *table.drop, table.target, table.id, table.group, table.time} - {""}
    told = [
        f"{name!r} is gone: remove it from {FILE}, or correct its name"
        for name in sorted(named - source.types.keys())
    ]
    if table.target not in source.types:
        return told, ""
    profiles = [
        profile(source, name, table.decimal, rows) for name in source.types if name not in named
    ]
    added = [each for each in profiles if not each.dropped()]
    told += [
        f"{each.name!r} is new, but {each.dropped()}: name it in problem.drop"
        for each in profiles
        if each.dropped()
    ]
    told += [f"{each.name!r} is new: added to {FILE} as {each.type}" for each in added]
    told += _misfits(table, source)
    return told, "\n".join(describe_text.column(each.column, each.remarks()) for each in added)


def _misfits(table: Table, source: Source) -> list[str]:
    """Values that are not as the description says, in sentences."""
    here = {
        name: name if name in source.types else "" for name in (table.id, table.group, table.time)
    }
    present = tuple(each for each in table.columns if each.name in source.types)
    frame, wrong = reading.typed(
        replace(table, columns=present, id=here[table.id], group=here[table.group],
                time=here[table.time]),
        Path(source.origin),
    )  # fmt: skip
    types = {each.name: each.type for each in present} | {table.time: "date"}
    told = [
        f"{name!r}: {counted(each.count, 'value')} {'is' if each.count == 1 else 'are'} no "
        f"{types.get(name, 'class')}, such as "
        f"{each.example!r} in row {each.row:,}: correct the type, or the table"
        for name, each in wrong.items()
    ]
    for each in present:
        if each.range:
            outside = frame[each.name].notna() & ~frame[each.name].between(*each.range)
            if outside.any():
                worst = f"{frame[each.name].min():g} to {frame[each.name].max():g}"
                told.append(f"{each.name!r}: {counted(int(outside.sum()), 'value')} outside of its "
                            f"range, now {worst}")  # fmt: skip
    return told


def _write(text: str) -> None:
    FILE.parent.mkdir(exist_ok=True)
    part = FILE.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, FILE)
