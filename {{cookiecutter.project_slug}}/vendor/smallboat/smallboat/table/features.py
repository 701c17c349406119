"""From typed columns to the feature table, and to what a release knows of the columns."""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import periods
from ..errors import UserError
from ..evaluation import truth as outcomes
from ..spellings import NULLS
from ..words import counted
from . import data, encoding, schema
from .data import Rows
from .encoding import Array, Derive
from .schema import Column, Table

BUCKETS = 200
"""Groups that the bootstrap draws: more change an interval little, and cost memory."""
CHOICES = 1_000
"""Levels of a category that a release knows, the most frequent ones."""
EXAMPLES = 5
HASH_KEY = "smallboat-table0"  # 16 characters; another key moves rows to other folds


def build(table: Table, rows: Rows, derive: Derive) -> pd.DataFrame:
    """The feature table, see `contract`; rows without a target or a time are left out."""
    frame = _known_rows(table, rows)
    return pd.DataFrame(_ended(table, frame) | _inputs(table, frame, derive))


def truth(table: Table, rows: Rows, keys: Collection[str]) -> pd.DataFrame:
    """The targets of the rows whose id is among the keys, see `contract.Features`.

    Of rows with one id the newest counts. Without a time it is not known since when.
    """
    frame = _known_rows(table, rows)
    ended = pd.DataFrame(_ended(table, frame))
    ended["known_at"] = frame[table.time] if table.time else pd.Series(pd.NaT, frame.index)
    return outcomes.named(ended, [frame[table.id].astype("str")], keys)


def _known_rows(table: Table, rows: Rows) -> pd.DataFrame:
    """The rows that have a target and a time, the oldest first."""
    frame = rows.frame.dropna(subset=[table.target, *filter(None, [table.time])])
    if table.time:
        frame = frame.sort_values(table.time, kind="stable")
    return frame.reset_index(drop=True)


def pieces(
    table: Table, file: Path, rows: int, derive: Derive
) -> Iterator[tuple[pd.DataFrame, Array]]:
    """A file of any size in pieces of so many rows: its text, and float32 of shape [n, inputs].

    What is not of its column's type counts as missing, and is told at the end.
    """
    lost: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for raw, frame in data.pieces(table, file, rows):
        for column in table.columns:
            if wrong := _wrong(raw[column.name], frame[column.name]):
                lost[column.name] += len(wrong)
                examples.setdefault(column.name, wrong[0])
        yield raw, np.column_stack(list(_inputs(table, frame, derive).values()))
    for name, count in lost.items():
        told = f"{counted(count, 'value')} of {name} counted as missing, as {examples[name]!r}"
        print(f"warning: {told}: not of the column's type", flush=True)


def _wrong(text: "pd.Series[Any]", typed: "pd.Series[Any]") -> list[str]:
    """The values that were lost because they are not of their column's type."""
    lost = text[text.notna() & typed.isna()]
    return [each for each in lost if each.strip().lower() not in NULLS]


def _inputs(table: Table, frame: pd.DataFrame, derive: Derive) -> dict[str, Array]:
    """The model's inputs by name, float32 of shape [n], of typed columns."""
    values = {column.name: _numbers(column, frame[column.name]) for column in table.columns}
    return encoding.inputs(table.columns, values, derive)


def _numbers(column: Column, values: "pd.Series[Any]") -> Array:
    """What `encoding.inputs` takes; UserError if two categories have the same number."""
    if column.type == "date":
        return values.to_numpy("datetime64[s]")
    if column.type != "category":
        return values.to_numpy()
    for one, other in encoding.collisions(values.cat.categories):
        raise UserError(
            f"column {column.name}: {one!r} and {other!r} have the same number in the model; "
            "spell one of them another way, or drop the column"
        )
    codes = encoding.codes([*values.cat.categories, None])  # the last one is that of -1
    return codes[values.cat.codes.to_numpy()]


def _ended(table: Table, frame: pd.DataFrame) -> dict[str, Any]:
    """period, group, target, date if rows have a time, and the slices."""
    key = _key(table, frame)
    target = frame[table.target]
    if table.classes:
        target = pd.Series(pd.Categorical(target, categories=table.classes).codes)
    own: dict[str, Any] = {
        "period": (key % np.uint64(table.folds)).astype(np.int64),
        "group": (key // np.uint64(table.folds) % np.uint64(BUCKETS)).astype(np.int64),
        "target": target.to_numpy(dtype=np.float64),
    }
    if table.time:
        own["date"] = frame[table.time]
        own["period"] = _periods(table, frame[table.time])
    return own | {
        schema.slice_column(name): frame[name].astype("str").fillna("missing")
        for name in table.slices
    }


def _key(table: Table, frame: pd.DataFrame) -> Array:
    """A number of each row, uint64 of shape [n], that it keeps forever.

    Rows of a group share it; else it is made of the id, or of what the row says.
    """
    named = table.group or table.id
    names = [named] if named else sorted(column.name for column in table.columns)
    hashed = pd.util.hash_pandas_object(frame[names], index=False, hash_key=HASH_KEY)
    return hashed.to_numpy()


def _periods(table: Table, times: "pd.Series[Any]") -> "pd.Series[Any]":
    """Times as numbers of the table's periods."""
    numbers: pd.Series[Any] = periods.numbered(times)[table.period]
    return numbers.astype("int64")


def online_features(table: Table, rows: Rows) -> dict[str, Any]:
    """What a release knows of the columns; plain JSON.

    Returns:
        `columns`: of each column a `typical` value (median, most frequent), of a number the
        `range` seen, of a category how often its `levels` are; `examples`: requests of the newest
        rows; `as_of`, if rows have a time.
    """
    frame, as_of = rows.frame, {}
    if table.time:
        frame = frame.sort_values(table.time, kind="stable", na_position="first")
        as_of = {"as_of": str(frame[table.time].max().date())}
    return {
        "columns": {each.name: _known(each, frame[each.name]) for each in table.columns},
        "examples": _examples(table, frame.tail(EXAMPLES)),
        **as_of,
    }


def _known(column: Column, values: "pd.Series[Any]") -> dict[str, Any]:
    present = values.dropna()
    if present.empty:
        return {"typical": None}
    if column.type == "category":
        levels = present.value_counts().head(CHOICES)
        known = {str(level): int(rows) for level, rows in levels.items() if rows}
        return {"typical": next(iter(known)), "levels": known}
    if column.type == "date":
        return {"typical": _text(present.sort_values().iloc[len(present) // 2])}
    if column.type == "flag":
        return {"typical": bool(present.mean() >= 0.5)}
    ends = [float(present.min()), float(present.max())]
    return {"typical": float(present.median()), "range": ends}


def _examples(table: Table, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as requests have them."""
    plain: dict[str, Any] = {"number": float, "flag": bool, "category": str, "date": _text}
    return [
        {
            column.name: None if pd.isna(value) else plain[column.type](value)
            for column, value in ((each, row[each.name]) for each in table.columns)
            if column.required or not pd.isna(value)
        }
        for row in frame.to_dict("records")
    ]


def _text(time: pd.Timestamp) -> str:
    """A time in ISO 8601, without the hour if it is midnight."""
    return str(time.date() if time == time.normalize() else time.isoformat())
