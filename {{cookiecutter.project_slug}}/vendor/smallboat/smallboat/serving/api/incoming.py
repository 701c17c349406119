"""From the bytes of a request to what the model may be asked."""

import json
import math
import socket
from contextlib import suppress
from typing import Any

from fastjsonschema import JsonSchemaValueException
from flask import Request, Response, abort

from .endpoint import Endpoint
from .errors import ApiError

Json = dict[str, Any]
LIMIT = 4 * 2**20  # bytes; a SageMaker endpoint takes no more
DRAINED = 32 * 2**20  # bytes
LONGEST = 80  # characters of a stranger's field name that are repeated
DIGITS = 400  # of a whole number; the largest float has 309
FRESH = 5.0  # seconds within which a description is not asked again


def body(request: Request) -> Any:
    """The JSON of a request; ApiError for another type, encoding or syntax."""
    if request.mimetype != "application/json":
        raise _no_json_type("send JSON, with Content-Type: application/json", "Content-Type")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _no_json_type("send the JSON without Content-Encoding", "Content-Encoding")
    data = request.get_data(cache=False)
    if len(data) > LIMIT:
        abort(413)
    try:
        return json.loads(
            data.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError:
        raise _no_json("the body is not UTF-8") from None
    except RecursionError:
        raise _no_json("the body is nested too deeply") from None
    except ValueError as error:
        raise _no_json(f"the body is not valid JSON: {error}") from None


def drain(request: Request, response: Response) -> None:
    """Take in what is left of a body: a client that is still sending can't read its answer.

    If that can't be read, nobody knows where a next request begins: the answer is the last one.
    """
    if request.environ.get("wsgi.input_terminated"):  # else a read may wait for ever
        left = DRAINED
        try:
            while left > 0 and (chunk := request.environ["wsgi.input"].read(2**16)):
                left -= len(chunk)
        except Exception:  # gunicorn's errors have no narrower base
            connection = request.environ.get("gunicorn.socket")
            response.call_on_close(lambda: _hang_up(connection))


def _hang_up(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def check(request: Any, endpoint: Endpoint) -> None:
    """Hold a request against the schema of the model that is served now; ApiError names the field.

    A request that breaks the schema is held against a fresh one before it is refused: the model
    may have been switched since.
    """
    try:
        endpoint.description().check(request)
    except JsonSchemaValueException:
        try:
            endpoint.description(max_age=FRESH).check(request)
        except JsonSchemaValueException as error:
            raise _wrong(error) from None


def _no_json(message: str) -> ApiError:
    return ApiError(400, "bad_request", message, "body")


def _no_json_type(message: str, header: str) -> ApiError:
    return ApiError(415, "unsupported_media_type", message, header)


def _wrong(error: JsonSchemaValueException) -> ApiError:
    field, message = _told(error)
    return ApiError(
        422, "invalid", f"{field or 'the request'} {message}"[:500], field[:200] or None
    )


def _told(error: JsonSchemaValueException) -> tuple[str, str]:
    """The field that is wrong, missing or too much, and what is wrong with it.

    The model server's sentences are the same, but neither can import the other.
    """
    name = error.name or ""
    field = name.removeprefix("data").removeprefix(".")
    if error.rule == "required":
        missing = next(each for each in error.definition["required"] if each not in error.value)
        return _joined(field, missing), "is missing"
    if error.rule == "additionalProperties":
        known = error.definition["properties"]
        extra = next(each for each in error.value if each not in known)
        message = f"is not known; known are {', '.join(known)}"
        return _joined(field, extra[:LONGEST] or "''"), message
    return field, error.message.removeprefix(name).strip()


def _joined(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"{text[:20]} is the beginning of too large a number")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value
