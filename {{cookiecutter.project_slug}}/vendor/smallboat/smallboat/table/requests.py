"""Requests of a tabular problem: rows of the table, and the model's inputs that they make.

Needs numpy alone, because the model server imports it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from .. import spellings
from ..errors import RequestError
from ..spellings import NO, NULLS, YES
from . import encoding
from .encoding import Array, Derive
from .schema import Column, Table

Json = dict[str, Any]

MOST_ROWS = 1_000
"""Of a request."""
LARGEST = float(np.finfo(np.float32).max)
MOST_TEXT = 1_000
"""Characters of a category."""
TYPES: dict[str, Json] = {
    "number": {"type": ["number", "null"]},
    "flag": {"type": ["boolean", "null"]},
    "category": {"type": ["string", "null"], "maxLength": MOST_TEXT},
    "date": {"type": ["string", "null"], "maxLength": MOST_TEXT},
}
ID: Json = {
    "type": ["string", "integer", "null"],
    "maxLength": MOST_TEXT,
    "description": "names the row for monitoring; may be left out",
}
DATES = "2024-03-02 or 2024-03-02T10:30:00"
FLAGS = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)


def schema(table: Table) -> Json:
    """The JSON schema of a request: an object with `rows`, each with the columns as fields."""
    name = {table.id: ID} if table.id else {}
    row = {
        "type": "object",
        "additionalProperties": False,
        "required": [column.name for column in table.columns if column.required],
        "properties": {
            column.name: TYPES[column.type] | {"description": _description(column)}
            for column in table.columns
        }
        | name,
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Rows to predict",
        "type": "object",
        "additionalProperties": False,
        "required": ["rows"],
        "properties": {
            "rows": {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": row}
        },
    }


def _description(column: Column) -> str:
    """Unit, usual range and what a missing value means, for people."""
    told = [
        column.unit,
        "usually {:g} to {:g}".format(*column.range) if column.range else "",
        f"as {DATES}" if column.type == "date" else "",
        "null if not known" if column.required else "null or left out if not known",
    ]
    return "; ".join(filter(None, told))


def check(table: Table, request: Json) -> None:
    """RequestError for a number or a date that SCHEMA can't refuse."""
    for place, row in enumerate(request["rows"]):
        for column in table.columns:
            value = row.get(column.name)
            if value is not None and (wrong := _wrong(column, value)):
                raise RequestError(f"rows[{place}].{column.name}", wrong)


def _wrong(column: Column, value: Any) -> str:
    """What is wrong with a value; empty if nothing is."""
    try:
        if column.type == "number" and not abs(value) <= LARGEST:
            return "is larger than float32 can hold"
        if column.type == "date":
            _time(value)
    except (ValueError, OverflowError):
        return f"is no date: send it as {DATES}"
    return ""


def features(table: Table, derive: Derive, request: Json, online: Json) -> tuple[Array, list[str]]:
    """The model's inputs, float32 of shape [rows, inputs], and what is unusual about the rows."""
    values: dict[str, Any] = {}
    warnings = []
    for column in table.columns:
        given = [row.get(column.name) for row in request["rows"]]
        known = online["columns"][column.name]
        warnings += [
            f"rows[{place}].{column.name}: {told}"
            for place, value in enumerate(given)
            if value is not None and (told := _unusual(column, value, known))
        ]
        if column.type == "category":
            values[column.name] = encoding.codes(given)
        elif column.type == "date":
            times = [None if each is None else _time(each) for each in given]
            values[column.name] = np.array(times, dtype="datetime64[s]")
        else:
            values[column.name] = given
    return np.column_stack([*encoding.inputs(table.columns, values, derive).values()]), warnings


def keys(table: Table, request: Json) -> list[str]:
    """What names each row, "" where the request does not say; none if the table has no id."""
    ids = [row.get(table.id) for row in request["rows"]] if table.id else []
    whole = [int(each) if isinstance(each, float) else each for each in ids]  # JSON's 12.0 is 12
    return ["" if each is None else str(each) for each in whole]


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


def from_csv(table: Table, rows: Sequence[Mapping[str, str]]) -> list[Json]:
    """Requests of rows of text; other columns are ignored, and wrong values left to SCHEMA."""
    made = [
        {
            column.name: _cell(table, column, row[column.name].strip())
            for column in table.columns
            if column.name in row
        }
        | ({table.id: row[table.id].strip()} if table.id and table.id in row else {})
        for row in rows
    ]
    return [{"rows": made[at : at + MOST_ROWS]} for at in range(0, len(made), MOST_ROWS)]


def _cell(table: Table, column: Column, text: str) -> Any:
    """A cell's value, as training reads it; what is not of its column's type stays text."""
    if not text or (column.type != "category" and text.lower() in NULLS):
        return None
    try:
        if column.type == "number":
            return spellings.number(text, table.decimal)
        if column.type == "date" and column.format:
            return datetime.strptime(text, column.format).isoformat()
    except ValueError:
        return text
    return FLAGS.get(text.lower(), text) if column.type == "flag" else text
