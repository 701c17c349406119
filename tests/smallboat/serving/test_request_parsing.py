"""The errors of API and model server name the wrong field of a request."""

import json
from typing import Any

import fastjsonschema
import pytest
from smallboat.serving.request_parsing import MAX_DEPTH, ApiError, parse_json, schema_error

PARCEL = {"depot": "north", "distance": 1.5, "floor": 2, "size": "small", "note": None}
VAN = {"parcels": [PARCEL]}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["parcels"],
    "properties": {
        "parcels": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["depot", "floor"],
                "properties": {
                    "depot": {"type": "string"},
                    "distance": {"type": "number"},
                    "floor": {"type": "integer", "minimum": 0},
                    "size": {"enum": ["small", "large"]},
                    "note": {"type": ["string", "null"]},
                },
            },
        }
    },
}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (VAN | {"": 1}, "'' is unknown; known fields are parcels"),
        (VAN | {"x" * 200: 1}, f"{'x' * 80} is unknown; known fields are parcels"),
        ({}, "parcels is missing"),
        ({"parcels": [{}]}, "parcels[0].depot is missing"),
        ({"parcels": [PARCEL | {"tyre": 1}]}, "parcels[0].tyre is unknown; known fields are depot"),
        ({"parcels": []}, "parcels must contain at least 1 items"),
        ({"parcels": [PARCEL | {"floor": "2"}]}, "parcels[0].floor must be integer"),
        ({"parcels": [PARCEL | {"floor": -1}]}, "parcels[0].floor must be bigger than or equal"),
        ({"parcels": [PARCEL | {"size": "huge"}]}, "parcels[0].size must be one of ['small', "),
        ({"parcels": [PARCEL | {"note": 7}]}, "parcels[0].note must be string or null"),
    ],
)
def test_an_error_names_the_field_and_what_is_wrong(wrong: Any, message: str) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as broken:
        fastjsonschema.compile(SCHEMA, use_default=False)(wrong)
    error = schema_error(broken.value)
    assert (error.status, error.field) == (422, message.split()[0])
    assert error.message.startswith(message)


def test_an_error_of_the_whole_request_names_no_field() -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as broken:
        fastjsonschema.compile(SCHEMA, use_default=False)([])
    error = schema_error(broken.value)
    assert (error.field, error.message) == (None, "the request must be object")


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "[1e999]", "-1e999", "9" * 401, "1,", "[" * 9000]
)
def test_a_number_that_is_not_finite_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_json(text.encode())
    assert (refused.value.status, refused.value.field) == (400, "body")


def nested(depth: int, start: str, end: str) -> str:
    return start * depth + "1" + end * depth


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_DEPTH, "[", "]"),
        nested(MAX_DEPTH, '{"a": ', "}"),
        nested(MAX_DEPTH // 2, '{"a": [', "]}"),
        json.dumps([PARCEL] * 9000),
        json.dumps(["[" * 9000, '"' + "{" * 9000, "\\" * 9001 + "[" * 9000]),
        json.dumps({"[" * 9000: 1}),
    ],
    ids=["lists", "objects", "both", "many", "in strings", "in a name"],
)
def test_what_is_not_too_deep_is_read(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_DEPTH + 1, "[", "]"),
        nested(MAX_DEPTH + 1, '{"a]": ', "}"),
        json.dumps([PARCEL] * 900)[:-1] + ", " + nested(MAX_DEPTH, "[", "]") + "]",
        "[" * 4_000_000,
        '{"a":' * 800_000,
        nested(2_000_000, "[", "]"),
    ],
    ids=["lists", "objects", "at the end", "open lists", "open objects", "megabytes"],
)
def test_what_is_too_deep_is_refused_before_it_is_parsed(text: str) -> None:
    """At Python's limit a garbage collection in between would fail, and leave things open."""
    with pytest.raises(ApiError, match="the body is nested more than 200 deep") as refused:
        parse_json(text.encode())
    assert refused.value.status == 400


def test_a_string_without_an_end_is_no_json() -> None:
    """And no attack: each of its quotes would be another beginning."""
    with pytest.raises(ApiError, match="is not valid JSON"):
        parse_json(b"[" + b'"' + b'\\"' * 1_000_000 + b"[" * 1_000)
