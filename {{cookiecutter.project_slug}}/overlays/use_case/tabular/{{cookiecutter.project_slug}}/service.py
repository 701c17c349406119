"""Requests and answers. Needs only numpy: the model server runs it.

A request is `{"rows": [{"age": 41, "city": "Berlin"}, ...]}`, with the columns as fields.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smallboat.errors import RequestError
from smallboat.table import answers as told
from smallboat.table import requests

from .inputs import NAMES, Array, derive
from .table import TABLE

__all__ = [
    "KNOWN", "NAMES", "SCHEMA", "check", "columns", "example", "explain", "features", "from_csv",
    "invariants", "keys", "known", "page", "predictions", "questions",
]  # fmt: skip

Json = dict[str, Any]
SCHEMA: Json = requests.schema(TABLE)
KNOWN: Json = {}
"""No request can be completed: all that the model sees is in it."""


def check(request: Json, online: Json) -> None:
    """RequestError for what SCHEMA can't refuse."""
    requests.check(TABLE, request)


def features(request: Json, online: Json) -> tuple[Array, list[str]]:
    """The model's inputs, float32 of shape [rows, inputs], and what is unusual about the rows."""
    return requests.features(TABLE, derive, request, online)


def keys(request: Json) -> list[str]:
    """The id of each row, by which monitoring finds what happened."""
    return requests.keys(TABLE, request)


def predictions(
    request: Json, answers: Array, features: Array, evaluation: Mapping[str, Any]
) -> list[Json]:
    """The answer to each row, for people."""
    return told.predictions(TABLE, answers, evaluation)


def columns(answers: Array, evaluation: Mapping[str, Any]) -> dict[str, Array]:
    """The same as columns, shape [n] each, which `make score` writes."""
    return told.columns(TABLE, answers, evaluation)


def explain(
    answers: Array, features: Array, ask: Callable[[Array], Array], online: Json
) -> list[list[Json]]:
    """The columns that moved each answer most."""
    return told.explain(TABLE, answers, features, ask, derive, online)


def example(online: Json) -> Json:
    """A valid request: the newest row of the table."""
    return told.example(online)


def known(online: Json, asked: Mapping[str, Any]) -> Json:
    """No request is known."""
    raise RequestError("rows", "can't be looked up: POST them")


def from_csv(rows: Sequence[Mapping[str, str]]) -> list[Json]:
    """Requests of the rows of a CSV file."""
    return requests.from_csv(TABLE, rows)


def page(online: Json) -> Json:
    """What the page's form offers."""
    return told.page(TABLE, online)


def questions(online: Json) -> list[Json]:
    """Requests that every release must answer."""
    return told.questions(TABLE, online)


def invariants(
    ask: Callable[[list[Json]], list[Json]], online: Json
) -> list[tuple[str, bool, str]]:
    """What any good model must show: name, whether it holds, and what was found."""
    return told.invariants(TABLE, ask, online)
