"""API and model server tell what is wrong with a request in the same words."""

from typing import Any

import fastjsonschema
import pytest
from smallboat.serving.api import incoming
from smallboat.serving.model import asking

from {{ cookiecutter.project_slug }} import service

CAR = {"driver": "a", "constructor": "b", "grid": 1}
RACE = {"season": 2026, "round": 1, "circuit": "c", "grid": [CAR]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (RACE | {"": 1}, "'' is not known; known are season, round, circuit, grid"),
        (RACE | {"x" * 200: 1}, f"{'x' * 80} is not known; known are season, round"),
        ({"season": 2026}, "round is missing"),
        (RACE | {"grid": [{}]}, "grid[0].driver is missing"),
        (RACE | {"grid": [CAR | {"tyre": 1}]}, "grid[0].tyre is not known; known are driver"),
        (RACE | {"grid": []}, "grid must contain at least 1 items"),
        (RACE | {"season": "2026"}, "season must be integer"),
        (RACE | {"round": 0}, "round must be bigger than or equal to 1"),
    ],
)
def test_both_say_the_same(wrong: Any, says: str) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as broken:
        fastjsonschema.compile(service.SCHEMA, use_default=False)(wrong)
    told = incoming._told(broken.value)
    assert told == asking._told(broken.value)
    assert " ".join(told).startswith(says)
