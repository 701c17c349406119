"""What a user's table seems to be: which kind of problem, with which inputs."""

import re
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from ..errors import UserError
from ..spellings import YES
from ..table import data, schema
from ..table.data import NO_CLASSES
from ..table.schema import Column, Kind, Table
from ..validation import leaks
from ..warehouse.source import Source, identifier
from ..warehouse.typed import stripped, value
from .profiles import MOST, Profile, profile

DECIDES = "decides the target alone: known only afterwards? then drop it"
POSITIVE = {*YES, "positive"}
MOST_CLASSES = 100
PERIODS: tuple[schema.Period, ...] = ("year", "quarter", "month", "week", "day")
EVENT = re.compile(r"(?i)date|time|day|created|ordered|sold|when|(^|[_\W])(at|on)$")
NO_EVENT = re.compile(r"(?i)birth|dob|built|founded|expir|due|until|end")


class Description(NamedTuple):
    """A table as it seems to be: its parts, why columns are dropped, and what to look at."""

    table: Table
    rows: int
    unlabelled: int
    repeated: int
    dropped: dict[str, str]
    remarks: dict[str, list[str]]


def described(asked: Table, source: Source) -> Description:
    """A table whose file or query and target are known, with all else guessed."""
    everything = ", ".join(map(identifier, source.types))
    rows, different = source.totals("count(*)", f"count(DISTINCT hash({everything}))")
    decimal: Literal[".", ","] = "," if _decimal_commas(source) else "."
    profiles = {name: profile(source, name, decimal, rows) for name in source.types}
    goal = profiles.pop(asked.target)
    kind, classes, levels = _kind(source, goal)
    dropped = _dropped(profiles)
    kept = [each for name, each in profiles.items() if name not in dropped]
    if not kept:
        told = "".join(f"; {name!r} {reason}" for name, reason in [*dropped.items()][:5])
        raise UserError(f"the table has no column that a model could learn from{told}.")
    id_column = next((name for name in dropped if profiles[name].identifies()), "")
    time, period = _time(source, kept)
    part = min(levels.values()) // 36 if levels else rows // 60
    table = replace(
        asked, kind=kind, classes=classes, decimal=decimal, id=id_column,
        log=kind == "regression" and _skewed(source, goal, decimal), time=time, period=period,
        folds=min(10, max(3, part)), drop=tuple(name for name in dropped if name != id_column),
        slices=_slices(source, kept), metric=schema.METRICS[kind][0],
        columns=tuple(each.column for each in kept),
    )  # fmt: skip
    remarks = {each.name: each.remarks() for each in [*kept, goal]}
    for name in _deciding(table, source, rows):
        remarks[name].append(DECIDES)
    labelled = sum(levels.values()) or goal.given
    return Description(table, rows, rows - labelled, rows - different, dropped, remarks)


def _decimal_commas(source: Source) -> bool:
    """Whether more numbers have a decimal comma than a point; of three digits it says nothing."""
    text = [stripped(name) for name, held in source.types.items() if held == "VARCHAR"]
    if not text:
        return False
    first = replace(source, sql=f"(FROM {source.sql} LIMIT {leaks.SAMPLE})")
    counted = "count(*) FILTER (WHERE regexp_full_match({}, '[+-]?\\d+{}(\\d\\d?|\\d{{4,}})'))"
    commas, points = first.totals(
        *(" + ".join(counted.format(each, mark) for each in text) for mark in (",", "[.]"))
    )
    return int(commas) > int(points)


def _dropped(profiles: dict[str, Profile]) -> dict[str, str]:
    """Why columns are no inputs."""
    found: dict[str, str] = {}
    first: dict[int, str] = {}
    for name, each in profiles.items():
        same = first.setdefault(each.content, name)
        if reason := each.dropped() or (f"duplicate of {same!r}" if same != name else ""):
            found[name] = reason
    return found


def _kind(source: Source, goal: Profile) -> tuple[Kind, tuple[str, ...], Counter[str]]:
    """The kind of problem, its classes, and how many rows each has."""
    name = f"the target {goal.name!r}"
    levels = _levels(source, goal)
    if goal.levels <= 2 * MOST_CLASSES and len(levels) < 2:
        told = f"the one value {next(iter(levels))!r}" if levels else "no value"
        raise UserError(f"{name} has {told}: there is nothing to learn; choose another.")
    if goal.type == "date":
        raise UserError(f"{name} is a date: choose a number, or classes.")
    if len(levels) == 2:
        return "binary", _ordered(levels), levels
    if goal.type == "number":
        few = goal.whole and 5 * goal.levels <= goal.given
        if goal.levels > 10 or not few or goal.numbers < goal.given:
            return "regression", (), Counter()
        return "multiclass", tuple(sorted(levels, key=float)), levels
    if not levels or len(levels) > MOST_CLASSES:
        raise UserError(
            f"{name} has {goal.levels:,} different texts, which are neither numbers nor at most "
            f"{MOST_CLASSES} classes (for example {goal.odd or goal.example!r}); choose another."
        )
    return "multiclass", tuple(sorted(levels)), levels


def _levels(source: Source, goal: Profile) -> Counter[str]:
    """How often a target has each value; none if there are far too many for classes."""
    levels: Counter[str] = Counter()
    if goal.levels <= 2 * MOST_CLASSES:
        query = f"SELECT {stripped(goal.name)}, count(*) FROM {source.sql} GROUP BY 1"
        for text, count in source.connection.execute(query).fetchall():
            level = (text or "").strip()
            if level.lower() not in NO_CLASSES:
                levels[level] += count
    return levels


def _ordered(levels: Counter[str]) -> tuple[str, str]:
    """The negative class and the positive one: yes or 1, or else the rarer."""
    first, last = sorted(levels, key=lambda each: (each.lower() in POSITIVE, -levels[each], each))
    return first, last


def _time(source: Source, kept: list[Profile]) -> tuple[str, schema.Period]:
    """A column that seems to say when the row's event was, and units of at least ten."""
    for each in kept:
        full = each.type == "date" and each.given >= MOST * each.rows
        if full and EVENT.search(each.name) and not NO_EVENT.search(each.name):
            time = value(each.column, source.types[each.name], ".")
            units = (f"count(DISTINCT date_trunc('{unit}', {time}))" for unit in PERIODS)
            for unit, count in zip(PERIODS, source.totals(*units), strict=True):
                if count >= 10:
                    return each.name, unit
    return "", "month"


def _skewed(source: Source, goal: Profile, decimal: str) -> bool:
    """Whether a target is positive with a long tail, that its logarithm has less."""
    if goal.low <= 0:
        return False
    number = value(Column(goal.name, "number"), source.types[goal.name], decimal)
    skew, after = source.totals(f"skewness({number})", f"skewness(ln({number}))")
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
    step = 1 + rows // leaks.SAMPLE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.parquet"
        source.connection.execute(
            f"COPY (SELECT {', '.join(map(identifier, names))} FROM "
            f'(SELECT *, row_number() OVER () AS "row of the table" FROM {source.sql}) '
            f"WHERE hash(\"row of the table\") % {step} = 0) TO '{path}' (FORMAT parquet)"
        )
        frame, _ = data.typed(replace(table, id="", group="", time=""), path)
    frame = frame[frame[table.target].notna()]
    target = frame[table.target].to_numpy()
    return [
        each.name
        for each in table.columns
        if leaks.decides(_numbers(frame[each.name]), target, table.kind)
    ]


def _numbers(values: "pd.Series[Any]") -> "np.ndarray[Any, np.dtype[Any]]":
    """A typed column as numbers, NaN where it is missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy().astype(float)
    if values.dtype.kind == "M":
        return values.astype("int64").where(values.notna()).to_numpy(dtype=float)
    return values.to_numpy(dtype=float)
