"""From typed columns to the feature table, and to what a release knows of the columns."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import UserError
from . import encoding, reading, schema
from .data import Rows
from .schema import Column, Table

Array = np.ndarray[Any, np.dtype[Any]]
Derive = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""The project's own features, shape [n] each, from the inputs by name, float32 of shape [n]."""

BUCKETS = 200
"""Groups that the bootstrap draws: more change an interval little, and cost memory."""
CHOICES = 1_000
"""Levels of a category that a release knows, the most frequent ones."""
EXAMPLES = 5
HASH_KEY = "smallboat-table0"  # 16 characters; another key moves rows to other folds


def build(table: Table, rows: Rows, derive: Derive) -> pd.DataFrame:
    """The feature table, see `contract`; rows without a target or a time are left out."""
    frame = rows.frame.dropna(subset=[table.target, *filter(None, [table.time])])
    if table.time:
        frame = frame.sort_values(table.time, kind="stable")
    frame = frame.reset_index(drop=True)
    slices = {
        schema.slice_column(name): frame[name].astype("str").fillna("missing")
        for name in table.slices
    }
    inputs = matrix(table, frame, derive)
    return pd.DataFrame(_own_columns(table, frame) | slices | inputs)


def matrix(table: Table, frame: pd.DataFrame, derive: Derive) -> dict[str, Array]:
    """The model's inputs by name, float32 of shape [n], of typed columns."""
    inputs: dict[str, Array] = {}
    for column in table.columns:
        inputs |= _inputs(column, frame[column.name])
    own = {name: np.asarray(each, dtype=np.float32) for name, each in derive(inputs).items()}
    return inputs | own


def _inputs(column: Column, values: "pd.Series[Any]") -> dict[str, Array]:
    """A column's inputs by name; UserError if two of its categories have the same number."""
    if column.type == "category":
        categories = values.cat.categories
        if same := encoding.collisions(categories):
            one, other = same[0]
            raise UserError(
                f"column {column.name}: {one!r} and {other!r} have the same number in the model; "
                "spell one of them another way, or drop the column"
            )
        codes = np.append(encoding.codes(categories), np.float32(encoding.MISSING))
        return {column.name: codes[values.cat.codes.to_numpy()]}
    if column.type == "date":
        parts = encoding.date_parts(values.to_numpy("datetime64[s]"))
        return {f"{column.name}.{part}": each for part, each in parts.items()}
    return {column.name: values.to_numpy(dtype=np.float32)}


def _own_columns(table: Table, frame: pd.DataFrame) -> dict[str, Any]:
    """period, group, target, and date if rows have a time."""
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
    return own


def _key(table: Table, frame: pd.DataFrame) -> Array:
    """A number of each row, uint64 of shape [n], that it keeps forever.

    Rows of a group share it; else it is made of the id, or of what the row says.
    """
    names = (
        [table.group or table.id]
        if table.group or table.id
        else sorted(column.name for column in table.columns)
    )
    hashes: Array = pd.util.hash_pandas_object(
        frame[names], index=False, hash_key=HASH_KEY
    ).to_numpy()
    return hashes


def _periods(table: Table, times: "pd.Series[Any]") -> "pd.Series[Any]":
    """Times as numbers that people can read: 2024, 20243, 202408, 202432, 20240815."""
    date = times.dt
    if table.period == "week":
        iso = date.isocalendar()
        weeks: pd.Series[Any] = iso["year"] * 100 + iso["week"]
        return weeks.astype("int64")
    within: dict[str, pd.Series[Any]] = {
        "year": date.year,
        "quarter": date.year * 10 + date.quarter,
        "month": date.year * 100 + date.month,
        "day": (date.year * 100 + date.month) * 100 + date.day,
    }
    return within[table.period].astype("int64")


def pieces(
    table: Table, file: Path, rows: int, derive: Derive
) -> Iterator[tuple[pd.DataFrame, Array]]:
    """A file of any size in pieces of so many rows: its text, and float32 of shape [n, inputs]."""
    for raw, frame in reading.pieces(table, file, rows):
        yield raw, np.column_stack(list(matrix(table, frame, derive).values()))


def online_features(table: Table, rows: Rows) -> dict[str, Any]:
    """What a release knows of the columns; plain JSON.

    Returns:
        `columns`: of each column a `typical` value (median, most frequent), of a number the
        `range` seen, of a category how often its `levels` are; `examples`: requests of rows;
        `as_of`, if rows have a time.
    """
    frame = rows.frame
    found: dict[str, Any] = {
        "columns": {each.name: _known(each, frame[each.name]) for each in table.columns},
        "examples": _examples(table, frame.tail(EXAMPLES)),
    }
    if table.time:
        found["as_of"] = str(frame[table.time].max().date())
    return found


def _known(column: Column, values: "pd.Series[Any]") -> dict[str, Any]:
    present = values.dropna()
    if present.empty:
        return {"typical": None}
    if column.type == "category":
        levels = present.value_counts().head(CHOICES)
        levels = levels[levels > 0]
        known = {str(level): int(rows) for level, rows in levels.items()}
        return {"typical": next(iter(known)), "levels": known}
    if column.type == "date":
        return {"typical": _text(present.sort_values().iloc[len(present) // 2])}
    if column.type == "flag":
        return {"typical": bool(present.mean() >= 0.5)}
    ends = [float(present.min()), float(present.max())]
    return {"typical": float(present.median()), "range": ends}


def _examples(table: Table, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as requests have them."""
    return [
        {
            column.name: None if missing else _plain(column, row[column.name])
            for column in table.columns
            if not (missing := pd.isna(row[column.name])) or column.required
        }
        for row in frame.to_dict("records")
    ]


def _plain(column: Column, value: Any) -> Any:
    if column.type == "date":
        return _text(value)
    return {"number": float, "flag": bool, "category": str}[column.type](value)


def _text(time: pd.Timestamp) -> str:
    """A time in ISO 8601, without the hour if it is midnight."""
    return str(time.date() if time == time.normalize() else time.isoformat())
