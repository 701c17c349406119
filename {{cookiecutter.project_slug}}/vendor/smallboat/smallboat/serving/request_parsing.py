"""How the API and the model server read a request, and what they answer if it is wrong.

The Lambda function and the model server's image both contain this module, so it imports only
packages that both have.
"""

import json
import math
import re
import uuid
from array import array
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from fastjsonschema import JsonSchemaValueException

MAX_BODY_BYTES = 4 * 2**20  # a serverless endpoint accepts no more
MAX_DIGITS = 400  # of an integer; the largest float has 309
MAX_DEPTH = 200  # of lists and objects in each other; Python's parser ends at some 1,000
MAX_NAME = 80  # characters of an unknown field's name that an error message repeats
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
BRACKETS = b"[{]}"
STEPS = bytes.maketrans(BRACKETS, b"\x01\x01\xff\xff")
"""The step in depth of each bracket, 1 or -1, as a byte."""
OTHERS = bytes(set(range(256)) - set(BRACKETS))
ID_HEADERS = ("X-Request-Id", "X-Amzn-SageMaker-Custom-Attributes")
ID = re.compile(r"[\w.:/=+-]{1,128}", re.ASCII)  # safe in a header and in a log
MESSAGES = {
    400: "the request can't be read",
    404: "no such path; the API lists its paths in openapi.json",
    405: "this path does not accept this method",
    413: f"the body is larger than {MAX_BODY_BYTES // 2**20} MB",
}
"""What an error says, by HTTP status, where there is no more to say."""
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    503: "unavailable",
}
"""Error codes for programs, by HTTP status."""
MODEL_NOT_READY = "model_not_ready"
"""The code of a 503 while the endpoint starts its model."""


class ApiError(Exception):
    """Ends a request with an HTTP status and an error in JSON.

    Attributes:
        status: the HTTP status.
        message: what is wrong and what to do, for people.
        field: the wrong part of the request, such as `grid[3].driver`; None if it is all of it.
        code: what is wrong, for programs; that of the status if None is given.
    """

    def __init__(
        self, status: int, message: str, field: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.field = status, message, field
        self.code = code or CODES.get(status, "internal" if status >= 500 else "refused")

    def content(self) -> dict[str, Any]:
        """The answer: `error` with `code`, `message` and `field`."""
        return {"error": {"code": self.code, "message": self.message, "field": self.field}}


def too_large() -> ApiError:
    """The 413 for a body of more than `MAX_BODY_BYTES`."""
    return ApiError(413, MESSAGES[413], "body")


def failure(status: int, request_id: str) -> ApiError:
    """The error, with a status of 500 or more, for a request that the server itself failed."""
    message = f"the server failed; its log has the reason, by request id {request_id}"
    return ApiError(status, message)


def request_id(header: Callable[[str], str | None]) -> str:
    """The id that a request brings in one of `ID_HEADERS`, else a new one."""
    ids = (header(name) or "" for name in ID_HEADERS)
    return next(filter(ID.fullmatch, ids), None) or uuid.uuid4().hex


def check_host(host: str, more: Iterable[str] = ()) -> None:
    """Refuse a request, with a 403, unless its Host is this machine or one of `more`.

    Otherwise any web page whose own name resolves to this machine could read the answers.
    """
    name, _, port = host.rpartition(":")
    name = name if port.isdecimal() else host
    if name.lower() not in LOCAL_HOSTS.union(more):
        message = f"host {name[:MAX_NAME]!r} is not allowed: use localhost, or for the API "
        raise ApiError(403, message + "add the host to serve.allowed_hosts", "Host")


def parse_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises:
        ApiError: 400 for invalid JSON, NaN, infinity, too large a number, or too deep nesting.
    """
    if _too_deep(body):
        raise ApiError(400, f"the body is nested more than {MAX_DEPTH} deep", "body")
    try:
        return json.loads(
            body.decode(), parse_constant=_no_constant, parse_float=_float, parse_int=_int
        )
    except UnicodeDecodeError:
        message = "is not UTF-8"
    except ValueError as error:
        message = f"is not valid JSON: {error}"
    raise ApiError(400, f"the body {message}", "body")


def _too_deep(body: bytes) -> bool:
    """Whether a JSON text nests too deeply, without a parser that would reach Python's limit.

    At that limit every other code fails, too: that of a garbage collection in between.
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = b"".join(unescaped.split(b'"')[::2])  # of strings, which may hold brackets, too
    steps = array("b", outside.translate(STEPS, OTHERS))
    return max(accumulate(steps), default=0) > MAX_DEPTH


def redacted(value: Any, names: frozenset[str]) -> Any:
    """A JSON value without the values of fields that have one of the names, at any depth."""
    if isinstance(value, dict):
        return {
            key: "redacted" if key in names else redacted(item, names)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redacted(item, names) for item in value]
    return value


def schema_error(error: JsonSchemaValueException) -> ApiError:
    """The 422 for a request that breaks its schema; names the wrong, missing or unknown field."""
    name = error.name or ""
    field = name.removeprefix("data").removeprefix(".")
    message = error.message.removeprefix(name).strip()
    if error.rule == "required":
        missing = next(name for name in error.rule_definition if name not in error.value)
        field, message = _join(field, missing), "is missing"
    elif error.rule == "additionalProperties":
        known = error.definition["properties"]
        unknown = next(name for name in error.value if name not in known)
        field = _join(field, unknown[:MAX_NAME] or "''")
        message = f"is unknown; known fields are {', '.join(known)}"
    return ApiError(422, f"{field or 'the request'} {message}"[:500], field[:200] or None)


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"the number that starts with {text[:20]} is too large")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value
