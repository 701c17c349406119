"""How a retraining ends: by which exit code, and what is told of it."""

from typing import Any

import pytest
from smallboat.errors import CloudError, CommandError, UserError
from smallboat.release import commands, release
from smallboat.training import commands as training
from smallboat.workflows import notices
from toy.problem import PROBLEM

PASSED = {"passed": True, "gates": []}
BROKEN = {
    "passed": False,
    "gates": [{"gate": "size", "passed": True}, {"gate": "baseline", "passed": False}],
}


def tell(told: list[str]) -> Any:
    """What stands for the notices."""

    def tells(_: Any, name: str, message: str) -> None:
        told.append(f"{name}: {message}")

    return tells


OPTIONS = ("local", None, None)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told of a run that passed and was released."""
    told: list[str] = []
    monkeypatch.setattr(notices, "tell", tell(told))
    monkeypatch.setattr(training, "collect_and_train", lambda *_: "1")
    monkeypatch.setattr(training, "print_results", lambda *_: PASSED)
    monkeypatch.setattr(commands, "deploy_api", lambda *_: told.append("the API follows"))
    ends(monkeypatch, "released")
    return told


def ends(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    outcome = release.Outcome(name, "run 1 is as it is")
    monkeypatch.setattr(commands, "_deploy", lambda *_: outcome)


def fails(message: str, kind: type[CommandError]) -> Any:
    def trained(*_: Any) -> str:
        raise kind(message)

    return trained


@pytest.mark.parametrize("name", ["released", "kept"])
def test_an_outcome_is_told_and_the_api_follows(
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    ends(monkeypatch, name)
    assert commands.retrain(PROBLEM, *OPTIONS) == 0
    assert told == [f"{name}: run 1 is as it is", "the API follows"]
    assert capsys.readouterr().out == f"{name}: run 1 is as it is\n"


def test_a_release_that_failed_is_told_once(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(monkeypatch, "failed")
    with pytest.raises(CommandError) as raised:
        commands.retrain(PROBLEM, *OPTIONS)
    assert raised.value.exit_code == 4
    assert told == ["failed: run 1 is as it is; what is served has not changed"]


def test_gates_that_broke_are_named(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "print_results", lambda *_: BROKEN)
    with pytest.raises(CommandError) as raised:
        commands.retrain(PROBLEM, *OPTIONS)
    assert raised.value.exit_code == 3
    assert told == ["failed: run 1 failed: baseline"]


def test_an_api_that_does_not_follow_is_told(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "deploy_api", fails("the API was not deployed", CloudError))
    with pytest.raises(CloudError):
        commands.retrain(PROBLEM, *OPTIONS)
    assert told[-1] == "failed: the API was not deployed"


@pytest.mark.parametrize(("kind", "code"), [(UserError, 2), (CloudError, 4)])
def test_what_ends_the_training_is_told(
    told: list[str], monkeypatch: pytest.MonkeyPatch, kind: type[CommandError], code: int
) -> None:
    monkeypatch.setattr(training, "collect_and_train", fails("the data are wrong", kind))
    with pytest.raises(kind) as raised:
        commands.retrain(PROBLEM, *OPTIONS)
    assert raised.value.exit_code == code
    assert told == ["failed: the data are wrong"]


def test_who_may_not_release_trains_nothing(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "check_permission", fails("by its workflow only", UserError))
    with pytest.raises(UserError, match="by its workflow only"):
        commands.retrain(PROBLEM, *OPTIONS)
    assert told == []


def test_a_command_that_fails_says_so_in_githubs_summary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from smallboat.cli import main

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    assert main(["retrain", "--env", "nowhere"]) == 2
    message = "there is no environment 'nowhere': choose one of local, prod, staging"
    assert capsys.readouterr().err == f"error: {message}\n"
    assert (tmp_path / "summary").read_text() == f"**error**: {message}\n\n"
