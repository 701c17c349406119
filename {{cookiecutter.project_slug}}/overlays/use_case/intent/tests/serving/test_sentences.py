"""API and model server tell what is wrong with a request in the same words."""

from typing import Any

import fastjsonschema
import pytest
from smallboat.serving.api import incoming
from smallboat.serving.model import asking

from {{ cookiecutter.project_slug }} import service

EVENT = {"action": "add", "time": 1_555_250_400_000}
VISIT = {"events": [EVENT]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (VISIT | {"": 1}, "'' is not known; known are events"),
        (VISIT | {"x" * 200: 1}, f"{'x' * 80} is not known; known are events"),
        ({}, "events is missing"),
        ({"events": [{}]}, "events[0].action is missing"),
        ({"events": [EVENT | {"url": 1}]}, "events[0].url is not known; known are action, time"),
        ({"events": []}, "events must contain at least 1 items"),
        ({"events": [EVENT | {"time": "1"}]}, "events[0].time must be integer"),
        ({"events": [EVENT | {"time": -1}]}, "events[0].time must be bigger than or equal to 0"),
        ({"events": [EVENT | {"action": "buy"}]}, "events[0].action must be one of ['view', "),
        ({"events": [EVENT | {"sku": 7}]}, "events[0].sku must be string or null"),
    ],
)
def test_both_say_the_same(wrong: Any, says: str) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as broken:
        fastjsonschema.compile(service.SCHEMA, use_default=False)(wrong)
    told = incoming._told(broken.value)
    assert told == asking._told(broken.value)
    assert " ".join(told).startswith(says)
