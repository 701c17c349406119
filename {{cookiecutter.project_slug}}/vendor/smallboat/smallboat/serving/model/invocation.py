"""From the body of a request to a valid invocation of the model server."""

import csv
import io
from collections.abc import Callable
from functools import cache
from typing import Any

import fastjsonschema

from ...problem import Problem
from ..request_parsing import ApiError, parse_json, schema_error

MAX_REQUESTS = 1000  # in one body

Json = dict[str, Any]


def parse(problem: Problem, mimetype: str, body: bytes) -> Json:
    """The invocation in a body: `describe`, `card`, `known` or `requests`.

    Raises:
        ApiError: 415 or 400 if it is neither JSON nor CSV, 422 if it breaks the schema.
        RequestError: a row of the CSV is wrong.
    """
    if mimetype == "application/json":
        content = parse_json(body)
    elif mimetype == "text/csv":
        content = _parse_csv(problem, body)
    else:
        raise ApiError(415, "send application/json or text/csv", "Content-Type")
    validators = _validators(problem)
    kinds = [kind for kind in validators if isinstance(content, dict) and kind in content]
    try:
        validators[kinds[0] if kinds else "requests"](content)
    except fastjsonschema.JsonSchemaValueException as error:
        invalid = schema_error(error)
        invalid.field = invalid.field or "body"
        raise invalid from None
    return dict(content)


def _parse_csv(problem: Problem, body: bytes) -> Json:
    try:
        text = io.StringIO(body.decode(), newline="")
        rows = list(csv.DictReader(text, restval="", strict=True))
        if any(None in row for row in rows):
            raise ValueError("a row has more cells than the header")
        return {"requests": problem.service.from_csv(rows)}
    except (ValueError, csv.Error) as error:
        raise ApiError(400, f"the body is not valid CSV: {error}", "body") from None


@cache
def _validators(problem: Problem) -> dict[str, Callable[[Any], Any]]:
    """Functions that raise fastjsonschema's exception for an invalid body, by its first key."""
    schema = problem.service.SCHEMA
    requests = {"type": "array", "minItems": 1, "maxItems": MAX_REQUESTS, "items": schema}
    captured = {
        "type": "object",
        "additionalProperties": False,
        "required": ["redact"],
        "properties": {"redact": {"type": "array", "items": {"type": "string"}}},
    }
    return {
        "describe": _validator("describe", describe={"const": True}),
        "card": _validator("card", card={"const": True}),
        "known": _validator("known", known={"type": "object"}),
        "requests": _validator(
            "requests", requests=requests, explain={"type": "boolean"}, captured=captured
        ),
    }


def _validator(required: str, **properties: Json) -> Callable[[Any], Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": [required],
        "properties": properties,
    }
    validator: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)
    return validator
