"""What bootstrap says at its end."""

from typing import Any

import pytest
from releasing import values
from smallboat.aws import aws
from smallboat.cloud import next_steps, quotas
from smallboat.config import config


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's quota suffices."""
    monkeypatch.setattr(quotas, "shortage", lambda env: None)


def environment(**settings: Any) -> aws.Environment:
    """Staging, with other settings in `[aws]`."""
    table = values()
    table.pop("schedule", None)  # what its workflow releases has none
    table["aws"] |= {"alert_email": "a@b.org", "github": "o/r"} | settings
    return aws.Environment(config.check(table))


def test_nothing_is_wrong_with_an_address_and_a_repository() -> None:
    assert next_steps.warnings(environment(released_by="workflow")) == []


def test_a_workflow_that_does_not_exist_can_release_nothing() -> None:
    (said,) = next_steps.warnings(environment(released_by="workflow", github=""))
    assert said.startswith("nobody can release to staging: only its workflow may (released_by)")
    assert next_steps.warnings(environment(github="")) == []


def test_the_secret_of_the_tracker_is_named_if_there_is_one() -> None:
    table = values()
    for tracker, variable in (("comet", "COMET_API_KEY"), ("mlflow", "MLFLOW_TRACKING_URI")):
        table["tracking"] = {"tracker": tracker}
        said = "\n".join(next_steps.steps(aws.Environment(config.check(table))))
        assert f'-staging/{tracker} --secret-string \'{{"{variable}": ' in said
    table["tracking"] = {"tracker": "none"}
    assert "secret" not in "\n".join(next_steps.steps(aws.Environment(config.check(table))))


def test_the_first_release_is_named_as_it_can_be_made() -> None:
    by_hand = next_steps.steps(environment())[-1]
    assert by_hand == "make image ENV=staging, then make deploy ENV=staging FROM=local"
    by_workflow = next_steps.steps(environment(released_by="workflow"))[-1]
    assert by_workflow == f"release to staging by its workflow: see {next_steps.AUTOMATION}"
