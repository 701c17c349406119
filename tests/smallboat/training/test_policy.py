"""The configuration decides what a step may take."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from smallboat.config import config, sections
from smallboat.training import policy
from smallboat.workflows import notices
from toy.problem import PROBLEM

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


@pytest.mark.parametrize(
    ("production", "attempt", "decorated", "told"),
    [
        (True, 0, [], 1),
        (False, 0, [], 0),
        (True, 0, [SimpleNamespace(name="retry", attributes={"times": 1})], 0),
        (True, 1, [SimpleNamespace(name="retry", attributes={"times": 1})], 1),
        (True, 0, [SimpleNamespace(name="catch", attributes={})], 0),
    ],
)
def test_the_last_attempt_of_a_production_run_tells_why_it_failed(
    monkeypatch: pytest.MonkeyPatch,
    production: bool,
    attempt: int,
    decorated: list[SimpleNamespace],
    told: int,
) -> None:
    running = SimpleNamespace(is_production=production, retry_count=attempt, run_id="sfn-1")
    monkeypatch.setattr("metaflow.current", running)
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(notices, "tell", lambda _, name, message: heard.append((name, message)))
    settings = config.parse(PROBLEM, Path("config/staging.toml").read_text())
    flow = SimpleNamespace(
        config=SimpleNamespace(to_dict=lambda: settings), end=SimpleNamespace(decorators=decorated)
    )
    policy._notify("end", flow, "the release is late")
    assert heard == [("failed", "run sfn-1 failed in end: the release is late")] * told
