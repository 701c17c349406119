"""From the bytes of a request to a question that may be answered."""

import csv
import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import fastjsonschema

from ...errors import RequestError
from ...problem import Problem

MOST = 1000  # requests in one body
DIGITS = 400  # of a whole number; the largest float has 309
LONGEST = 80  # characters of a stranger's field name that are repeated

Json = dict[str, Any]


class RefusedError(Exception):
    """A request that gets a status and a reason instead of an answer."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.field = status, message, field


def question(problem: Problem, mimetype: str, body: bytes) -> Json:
    """What a body asks: one of `describe`, `known`, and `requests` with or without `explain`.

    Raises:
        RefusedError: it is neither JSON nor CSV.
        RequestError: it breaks the schema.
    """
    if mimetype not in READERS:
        raise RefusedError(415, f"send {' or '.join(READERS)}", "Content-Type")
    try:
        asked = READERS[mimetype](problem, body.decode())
    except (ValueError, RecursionError, csv.Error) as error:
        raise RefusedError(400, f"the body can't be read as {mimetype}: {error}", "body") from None
    checks = _checks(problem)
    named = [name for name in checks if isinstance(asked, dict) and name in asked]
    checks[named[0] if named else "requests"](asked)
    return dict(asked)


def _json(_: Problem, text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant, parse_int=_whole)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"{text[:20]} is the beginning of too large a number")
    return int(text)


def _csv(problem: Problem, text: str) -> Json:
    rows = list(csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True))
    if any(None in row for row in rows):
        raise ValueError("a row has more cells than the header")
    return {"requests": problem.service.from_csv(rows)}


READERS: dict[str, Callable[[Problem, str], Any]] = {"application/json": _json, "text/csv": _csv}


def _checker(required: str, **properties: Json) -> Callable[[Any], None]:
    """A function that raises RequestError for a body without the properties."""
    check = fastjsonschema.compile(
        {
            "type": "object",
            "additionalProperties": False,
            "required": [required],
            "properties": properties,
        },
        use_default=False,
    )

    def checked(body: Any) -> None:
        try:
            check(body)
        except fastjsonschema.JsonSchemaValueException as error:
            raise RequestError(*_told(error)) from None

    return checked


def _told(error: fastjsonschema.JsonSchemaValueException) -> tuple[str, str]:
    """The field that is wrong, missing or too much, and what is wrong with it."""
    name = error.name or ""
    field = name.removeprefix("data").removeprefix(".")
    if error.rule == "required":
        missing = next(name for name in error.rule_definition if name not in error.value)
        return _joined(field, missing), "is missing"
    if error.rule == "additionalProperties":
        known = error.definition["properties"]
        extra = next(name for name in error.value if name not in known)
        message = f"is not known; known are {', '.join(known)}"
        return _joined(field, extra[:LONGEST] or "''"), message
    return field or "body", error.message.removeprefix(name).strip()


def _joined(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


@cache
def _checks(problem: Problem) -> dict[str, Callable[[Any], None]]:
    return {
        "describe": _checker("describe", describe={"const": True}),
        "known": _checker("known", known={"type": "object"}),
        "requests": _checker(
            "requests",
            requests={
                "type": "array",
                "minItems": 1,
                "maxItems": MOST,
                "items": problem.service.SCHEMA,
            },
            explain={"type": "boolean"},
        ),
    }
