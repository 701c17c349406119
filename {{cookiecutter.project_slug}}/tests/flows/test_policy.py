"""The configuration decides what a step may take."""

import pytest

from {{ cookiecutter.project_slug }}.mlops import policy, sections

SECRET = {"type": "aws-secrets-manager", "id": "a/b"}
NONE = sections.StepPolicy().model_dump()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, []),
        ({"retries": 2}, [("retry", {"times": 2, "minutes_between_retries": 0})]),
        ({"timeout_seconds": 5}, [("timeout", {"seconds": 5})]),
        ({"cpu": 2, "memory": 512}, [("resources", {"cpu": 2, "memory": 512})]),
        ({"remote": True}, [("batch", {})]),
        ({"remote": True, "gpu": 1}, [("batch", {"gpu": 1, "queue": "gpus"})]),
        (
            {"secrets": ["a/b"]},
            [("secrets", {"sources": [SECRET], "allow_override": True})],
        ),
    ],
)
def test_options_become_decorators(options: dict[str, int], wanted: list[object]) -> None:
    assert policy.decorators(NONE | options, "gpus") == wanted
