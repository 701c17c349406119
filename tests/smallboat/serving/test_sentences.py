"""API and model server tell what is wrong with a request in the same words."""

from typing import Any

import fastjsonschema
import pytest
from smallboat.serving.api import incoming
from smallboat.serving.model import asking

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
        (VAN | {"": 1}, "'' is not known; known are parcels"),
        (VAN | {"x" * 200: 1}, f"{'x' * 80} is not known; known are parcels"),
        ({}, "parcels is missing"),
        ({"parcels": [{}]}, "parcels[0].depot is missing"),
        ({"parcels": [PARCEL | {"tyre": 1}]}, "parcels[0].tyre is not known; known are depot"),
        ({"parcels": []}, "parcels must contain at least 1 items"),
        ({"parcels": [PARCEL | {"floor": "2"}]}, "parcels[0].floor must be integer"),
        ({"parcels": [PARCEL | {"floor": -1}]}, "parcels[0].floor must be bigger than or equal"),
        ({"parcels": [PARCEL | {"size": "huge"}]}, "parcels[0].size must be one of ['small', "),
        ({"parcels": [PARCEL | {"note": 7}]}, "parcels[0].note must be string or null"),
    ],
)
def test_both_say_the_same(wrong: Any, message: str) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as broken:
        fastjsonschema.compile(SCHEMA, use_default=False)(wrong)
    told = incoming._told(broken.value)
    assert told == asking._told(broken.value)
    assert " ".join(told).startswith(message)
