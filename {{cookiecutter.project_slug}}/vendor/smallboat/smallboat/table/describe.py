"""`make describe`: a user's table as `config/problem.toml`, which a person corrects."""

import os
import re
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError, nearest
from ..problem import Problem
from ..words import counted
from . import describe_text, reading, schema, suspicions
from .reading import YES, stripped, value
from .schema import Column, Kind, Table
from .source import Source, identifier, opened
from .suspicions import Profile

FILE = Path("config/problem.toml")
SAMPLE = "# The sample table."
"""How the file begins that a project ships with; it is replaced, and kept beside."""
KEPT = FILE.with_name("problem.sample.toml")

DECIDES = "decides the target alone: known only afterwards? then drop it"
POSITIVE = {*YES, "positive"}
MOST_CLASSES = 100
PERIODS: tuple[schema.Period, ...] = ("year", "quarter", "month", "week", "day")
EVENT = re.compile(r"(?i)date|time|day|created|ordered|sold|when|(^|[_\W])(at|on)$")
NO_EVENT = re.compile(r"(?i)birth|dob|built|founded|expir|due|until|end")


@dataclass(frozen=True)
class Description:
    """A table as it seems to be: its parts, why columns are dropped, and what to look at."""

    table: Table
    rows: int
    unlabelled: int
    repeated: int
    dropped: dict[str, str]
    remarks: dict[str, list[str]]


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
        found = described(asked, source)
    if sample:
        os.replace(FILE, KEPT)
    _write(describe_text.file(found))
    print(describe_text.summary(found))
    return 0


def described(asked: Table, source: Source) -> Description:
    """A table whose file or query and target are known, with all else guessed."""
    rows = _count(source, "*")
    decimal = "," if _decimal_commas(source) else "."
    profiles = {
        name: suspicions.profile(source, name, decimal, rows) for name in source.types
    }
    goal = profiles[asked.target]
    kind, classes, smallest = _kind(source, goal)
    dropped = {name: reason for name in profiles if (reason := _why(name, profiles, asked.target))}
    kept = [each for name, each in profiles.items() if name not in {*dropped, asked.target}]
    if not kept:
        raise UserError(f"{asked.file or 'the answer'} has no column that a model could learn from.")
    named = [name for name in dropped if profiles[name].identifies()]
    time, period = _time(source, kept)
    part = rows // 60 if kind == "regression" else smallest // 36
    table = replace(
        asked, kind=kind, classes=classes, decimal=decimal, id=named[0] if named else "",
        log=kind == "regression" and _skewed(source, goal, decimal), time=time, period=period,
        folds=min(10, max(3, part)), drop=tuple(name for name in dropped if name not in named[:1]),
        slices=_slices(source, kept), metric=schema.METRICS[kind][0],
        columns=tuple(_column(each) for each in kept),
    )  # fmt: skip
    remarks = {each.name: each.remarks() for each in kept} | {asked.target: goal.remarks()}
    for name in _deciding(table, source, rows):
        remarks[name].append(DECIDES)
    unlabelled = rows - (goal.given if kind == "regression" else _count(source, _label(goal)))
    items = ", ".join(map(identifier, source.types))
    distinct = f"SELECT count(DISTINCT hash({items})) FROM {source.sql}"
    repeated = rows - int(source.connection.execute(distinct).fetchall()[0][0])
    return Description(table, rows, unlabelled, repeated, dropped, remarks)


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
    return (
        f"The table has {', '.join(names[:20])}{more}: say "
        "`make describe CSV=… TARGET=column`."
    )


def _count(source: Source, what: str) -> int:
    query = f"SELECT count({what}) FROM {source.sql}"
    return int(source.connection.execute(query).fetchall()[0][0])


def _label(goal: Profile) -> str:
    return f"nullif({stripped(goal.name)}, '')"


def _decimal_commas(source: Source) -> bool:
    """Whether more numbers have a decimal comma than a point; of three digits it says nothing."""
    text = [stripped(name) for name, held in source.types.items() if held == "VARCHAR"]
    if not text:
        return False
    counts = [
        " + ".join(f"count(*) FILTER (WHERE regexp_full_match({each}, "
                   f"'[+-]?\\d+{mark}(\\d\\d?|\\d{{4,}})'))" for each in text)
        for mark in (",", "[.]")
    ]  # fmt: skip
    query = f"SELECT {', '.join(counts)} FROM (FROM {source.sql} LIMIT {suspicions.SAMPLE})"
    commas, points = source.connection.execute(query).fetchall()[0]
    return int(commas) > int(points)


def _why(name: str, profiles: dict[str, Profile], target: str) -> str:
    """Why a column is dropped; empty if it is kept."""
    if name == target:
        return ""
    if reason := profiles[name].dropped():
        return reason
    for other, each in profiles.items():
        if other == name:
            return ""
        if each.content == profiles[name].content and other != target:
            return f"duplicate of {other!r}"
    return ""


def _kind(source: Source, goal: Profile) -> tuple[Kind, tuple[str, ...], int]:
    """The kind of problem, its classes, and how many rows the smallest class has."""
    name = f"the target {goal.name!r}"
    levels: Counter[str] = Counter()
    if goal.levels <= 2 * MOST_CLASSES:
        query = f"SELECT {_label(goal)}, count(*) FROM {source.sql} GROUP BY 1"
        for text, count in source.connection.execute(query).fetchall():
            levels[(text or "").strip()] += count
        del levels[""]
        if len(levels) < 2:
            told = f"the one value {next(iter(levels))!r}" if levels else "no value"
            raise UserError(f"{name} has {told}: there is nothing to learn; choose another.")
    if goal.type == "date":
        raise UserError(f"{name} is a date: choose a number, or classes.")
    least = min(levels.values(), default=0)
    if len(levels) == 2:
        return "binary", _ordered(levels), least
    if goal.type == "number":
        few = goal.whole and 5 * goal.levels <= goal.given
        if goal.levels > 10 or not few or goal.numbers < goal.given:
            return "regression", (), 0
        return "multiclass", tuple(sorted(levels, key=float)), least
    if not levels or len(levels) > MOST_CLASSES:
        raise UserError(
            f"{name} has {goal.levels:,} different texts, which are neither numbers nor at most "
            f"{MOST_CLASSES} classes (for example {goal.odd or goal.example!r}); choose another."
        )
    return "multiclass", tuple(sorted(levels)), least


def _ordered(levels: Counter[str]) -> tuple[str, str]:
    """The negative class and the positive one: yes or 1, or else the rarer."""
    first, last = sorted(levels, key=lambda each: (each.lower() in POSITIVE, -levels[each], each))
    return first, last


def _column(profile: Profile) -> Column:
    kind = profile.type
    numbers = (profile.low, profile.high) if kind == "number" else None
    form = profile.format if kind == "date" else ""
    return Column(profile.name, kind, range=numbers and describe_text.widened(*numbers), format=form)


def _time(source: Source, kept: list[Profile]) -> tuple[str, schema.Period]:
    """A column that seems to say when the row's event was, and units of at least ten."""
    for each in kept:
        full = each.type == "date" and each.given >= suspicions.MOST * each.rows
        if full and EVENT.search(each.name) and not NO_EVENT.search(each.name):
            time = value(each.name, source.types[each.name], "date", each.format, ".")
            units = ", ".join(f"count(DISTINCT date_trunc('{unit}', {time}))" for unit in PERIODS)
            counts = source.connection.execute(f"SELECT {units} FROM {source.sql}").fetchall()[0]
            for unit, count in zip(PERIODS, counts, strict=True):
                if count >= 10:
                    return each.name, unit
    return "", "month"


def _skewed(source: Source, goal: Profile, decimal: str) -> bool:
    """Whether a target is positive with a long tail, that its logarithm has less."""
    if goal.low <= 0:
        return False
    number = value(goal.name, source.types[goal.name], "number", "", decimal)
    query = f"SELECT skewness({number}), skewness(ln({number})) FROM {source.sql}"
    skew, after = source.connection.execute(query).fetchall()[0]
    return skew is not None and skew > 1 and abs(after) < skew / 2


def _slices(source: Source, kept: list[Profile]) -> tuple[str, ...]:
    """One category whose few values each have a twentieth of the rows, and 100."""
    for each in kept:
        if each.type == "category" and 2 <= each.levels <= 8:
            text = stripped(each.name)
            query = f"SELECT count(*) FROM {source.sql} WHERE {text} <> '' GROUP BY {text}"
            counts = [row[0] for row in source.connection.execute(query).fetchall()]
            if min(counts) >= max(100, each.rows / 20):
                return (each.name,)
    return ()


def _deciding(table: Table, source: Source, rows: int) -> list[str]:
    """The columns that decide the target alone, judged on a part of the rows."""
    names = [each.name for each in table.columns] + [table.target]
    step = 1 + rows // suspicions.SAMPLE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.parquet"
        source.connection.execute(
            f"COPY (SELECT {', '.join(map(identifier, names))} FROM "
            f'(SELECT *, row_number() OVER () AS "row of the table" FROM {source.sql}) '
            f'WHERE hash("row of the table") % {step} = 0) TO \'{path}\' (FORMAT parquet)'
        )
        columns = replace(table, id="", group="", time="")
        frame, _ = reading.typed(columns, path)
    frame = frame[frame[table.target].notna()]
    target = frame[table.target].to_numpy()
    return [
        each.name
        for each in table.columns
        if suspicions.decides(suspicions.numbers(frame[each.name]), target, table.kind)
    ]


def _again(text: str, csv: str | None, target: str | None, sql: str | None) -> int:
    """What has changed in a table that is described already; new columns are added at the end."""
    try:
        table = schema.of(tomllib.loads(text), str(FILE))
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            f"{FILE} is not valid TOML: {error}; correct it, or delete it and describe the table anew"
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
    rows = _count(source, "*")
    inputs = [each.name for each in table.columns]
    named = {*inputs, *table.drop, table.target, table.id, table.group, table.time} - {""}
    told = [
        f"{name!r} is gone: remove it from {FILE}, or correct its name"
        for name in sorted(named - source.types.keys())
    ]
    if table.target not in source.types:
        return told, ""
    profiles = [
        suspicions.profile(source, name, table.decimal, rows)
        for name in source.types
        if name not in named
    ]
    added = [each for each in profiles if not each.dropped()]
    told += [
        f"{each.name!r} is new, but {each.dropped()}: name it in problem.drop"
        for each in profiles
        if each.dropped()
    ]
    told += [f"{each.name!r} is new: added to {FILE} as {each.type}" for each in added]
    told += _misfits(table, source)
    return told, "\n".join(describe_text.column(_column(each), each.remarks()) for each in added)


def _misfits(table: Table, source: Source) -> list[str]:
    """Values that are not as the description says, in sentences."""
    here = {name: name if name in source.types else "" for name in (table.id, table.group, table.time)}
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
