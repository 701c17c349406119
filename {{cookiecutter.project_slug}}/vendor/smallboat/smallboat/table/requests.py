"""Requests of a tabular problem: rows of the table, and the model's inputs that they make.

Needs numpy alone, because the model server imports it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..errors import RequestError
from . import encoding
from .schema import Column, Table

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]
Derive = Callable[[Mapping[str, Array]], Mapping[str, Array]]

MOST_ROWS = 1_000
"""Of a request."""
LARGEST = float(np.finfo(np.float32).max)
MOST_TEXT = 1_000
"""Characters of a category."""
TYPES = {"number": "number", "flag": "boolean", "category": "string", "date": "string"}
FLAGS = {
    **dict.fromkeys(("yes", "true", "y", "t", "1", "1.0"), True),
    **dict.fromkeys(("no", "false", "n", "f", "0", "0.0"), False),
}


def schema(table: Table) -> Json:
    """The JSON schema of a request: an object with `rows`, each with the columns as fields."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Rows to predict",
        "type": "object",
        "additionalProperties": False,
        "required": ["rows"],
        "properties": {
            "rows": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_ROWS,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": [column.name for column in table.columns if column.required],
                    "properties": {column.name: _property(column) for column in table.columns},
                },
            }
        },
    }


def _property(column: Column) -> Json:
    kind: Json = {"type": [TYPES[column.type], "null"], "description": _description(column)}
    if column.type in ("category", "date"):
        kind["maxLength"] = MOST_TEXT
    return kind


def _description(column: Column) -> str:
    """Unit, usual range and what a missing value means, for people."""
    told = []
    if column.unit:
        told.append(column.unit)
    if column.range:
        told.append("usually {:g} to {:g}".format(*column.range))
    if column.type == "date":
        told.append("as 2024-03-02 or 2024-03-02T10:30:00")
    told.append("null if not known" if column.required else "null or left out if not known")
    return "; ".join(told)


def check(table: Table, request: Json) -> None:
    """RequestError for a number or a date that SCHEMA can't refuse."""
    for place, row in enumerate(request["rows"]):
        for column in table.columns:
            value = row.get(column.name)
            if value is not None and column.type in CHECKED:
                try:
                    CHECKED[column.type](value)
                except (ValueError, OverflowError):
                    raise RequestError(f"rows[{place}].{column.name}", WRONG[column.type]) from None


def features(table: Table, derive: Derive, request: Json, online: Json) -> tuple[Array, list[str]]:
    """The model's inputs, float32 of shape [rows, inputs], and what is unusual about the rows."""
    rows, warnings = request["rows"], []
    inputs: dict[str, Array] = {}
    for column in table.columns:
        values = [row.get(column.name) for row in rows]
        inputs |= _inputs(column, values)
        known = online["columns"][column.name]
        warnings += [
            f"rows[{place}].{column.name}: {told}"
            for place, value in enumerate(values)
            if value is not None and (told := _unusual(column, value, known))
        ]
    inputs |= {name: np.asarray(each, np.float32) for name, each in derive(inputs).items()}
    return np.column_stack(list(inputs.values())), warnings


def _inputs(column: Column, values: Sequence[Any]) -> dict[str, Array]:
    if column.type == "category":
        return {column.name: encoding.codes(values)}
    if column.type == "date":
        times = [None if value is None else _time(value) for value in values]
        parts = encoding.date_parts(np.array(times, dtype="datetime64[s]"))
        return {f"{column.name}.{part}": each for part, each in parts.items()}
    return {column.name: np.array(values, dtype=np.float32)}


def _unusual(column: Column, value: Any, known: Json) -> str:
    """What is unusual about a value; empty if nothing is."""
    if column.type == "category" and value and value not in known.get("levels", ()):
        return f"{value[:80]!r} is unknown, it counts as any other unknown value"
    if column.type == "number" and (ends := column.range or known.get("range")):
        low, high = ends
        if not low <= value <= high:
            return f"{value:g} is outside of {low:g} to {high:g}"
    return ""


def _time(text: str) -> datetime:
    """A date or time in ISO 8601; one with a zone in UTC. ValueError for another text."""
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _number(value: float) -> None:
    if not abs(float(value)) <= LARGEST:
        raise ValueError


CHECKED: dict[str, Callable[[Any], object]] = {"number": _number, "date": _time}
WRONG = {
    "number": "is larger than float32 can hold",
    "date": "is no date: send it as 2024-03-02 or 2024-03-02T10:30:00",
}


def from_csv(table: Table, rows: Sequence[Mapping[str, str]]) -> list[Json]:
    """Requests of rows of text; other columns are ignored, and wrong values left to SCHEMA."""
    made = [
        {
            column.name: _cell(table, column, text)
            for column in table.columns
            if (text := row.get(column.name, "").strip())
        }
        for row in rows
    ]
    return [{"rows": made[at : at + MOST_ROWS]} for at in range(0, len(made), MOST_ROWS)]


def _cell(table: Table, column: Column, text: str) -> Any:
    """A cell's value; what is not of its column's type stays text."""
    try:
        if column.type == "number":
            return float(text.replace(table.decimal, "."))
        if column.type == "date" and column.format:
            return datetime.strptime(text, column.format).isoformat()
    except ValueError:
        return text
    return FLAGS.get(text.lower(), text) if column.type == "flag" else text
