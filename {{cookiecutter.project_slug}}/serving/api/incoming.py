"""From the bytes of a request to what the model may be asked."""

import json
import math
from typing import Any

from fastjsonschema import JsonSchemaValueException
from flask import Request, abort

from endpoint import Endpoint
from errors import ApiError

Json = dict[str, Any]
LIMIT = 4 * 2**20  # bytes; a SageMaker endpoint takes no more
DRAINED = 32 * 2**20  # bytes
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
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except UnicodeDecodeError:
        raise _no_json("the body is not UTF-8") from None
    except RecursionError:
        raise _no_json("the body is nested too deeply") from None
    except ValueError as error:
        raise _no_json(f"the body is not valid JSON: {error}") from None


def drain(request: Request) -> None:
    """Take in what is left of a body: a client that is still sending can't read its answer."""
    if request.environ.get("wsgi.input_terminated"):  # else a read may wait for ever
        left = DRAINED
        while left > 0 and (chunk := request.environ["wsgi.input"].read(2**16)):
            left -= len(chunk)


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
    name = error.name or ""
    field = name.removeprefix("data").removeprefix(".")
    missing = _odd_one(error)
    if missing:
        field = f"{field}.{missing}" if field else missing
        says = f"{field} is missing" if error.rule == "required" else f"{field} is not known"
    else:
        says = error.message.removeprefix(name).strip()
        says = f"{field or 'the request'} {says}"
    return ApiError(422, "invalid", says[:500], field[:200] or None)


def _odd_one(error: JsonSchemaValueException) -> str:
    """The property that is missing, or that the schema does not know."""
    if error.rule == "required":
        return next(str(name) for name in error.definition["required"] if name not in error.value)
    if error.rule == "additionalProperties" and isinstance(error.value, dict):
        return next(str(name) for name in error.value if name not in error.definition["properties"])
    return ""


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value
