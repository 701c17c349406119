"""How a retraining ends: by which exit code, and what is told of it."""

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import metaflow
import pytest
from smallboat.errors import CloudError, CommandError, UserError
from smallboat.release import after_run, commands, history, release
from smallboat.release.targets.local import LocalTarget
from smallboat.store import store
from smallboat.tracking import tracking
from smallboat.training import commands as training
from smallboat.workflows import notices
from toy.problem import PROBLEM


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
    monkeypatch.setattr(training, "print_results", lambda *_: None)
    monkeypatch.setattr(commands, "deploy_api", lambda *_: told.append("the API follows"))
    ends(monkeypatch, "released")
    return told


def ends(monkeypatch: pytest.MonkeyPatch, name: str, passed: bool = True, **more: Any) -> None:
    """Let a run pass its gates or not, and its release or the refreshing of features end so."""
    outcome = release.Outcome(name, "run 1 is as it is", **more)
    asked = "deploy" if passed else "refresh_features"
    releaser = SimpleNamespace(**{asked: lambda *_: outcome}, target=LocalTarget(PROBLEM))
    monkeypatch.setattr(commands, "_releaser", lambda *_: releaser)
    monkeypatch.setattr(history, "write", lambda *_: None)
    monkeypatch.setattr(store, "run_folder", lambda *_: Path("run"))
    monkeypatch.setattr(store, "read_json", lambda _: {"passed": passed})


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


@pytest.mark.parametrize("name", ["released", "failed"])
def test_the_list_of_releases_is_written_however_it_ends(
    told: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ends(monkeypatch, name)
    written: list[Any] = []
    monkeypatch.setattr(history, "write", lambda *given: written.append(given))
    with suppress(UserError):
        commands.retrain(PROBLEM, *OPTIONS)
    assert written == [("store", [])]


def test_a_release_that_failed_is_told_once(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(monkeypatch, "failed")
    with pytest.raises(CommandError) as raised:
        commands.retrain(PROBLEM, *OPTIONS)
    assert raised.value.exit_code == 4
    assert told == ["failed: run 1 is as it is; what is served has not changed"]


@pytest.mark.parametrize("changed", [True, False])
def test_without_a_candidate_the_champion_gets_the_features_and_both_is_told(
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changed: bool,
) -> None:
    """The workflow promotes what changed, though the job fails."""
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    ends(monkeypatch, "kept", passed=False, changed=changed, no_candidate=True)
    with pytest.raises(CommandError) as raised:
        commands.retrain(PROBLEM, *OPTIONS)
    assert raised.value.exit_code == 3
    failed = "failed: run 1 is as it is"
    expected = ["the API follows", failed] if changed else [f"{failed}; {release.UNCHANGED}"]
    assert told == expected
    assert (tmp_path / "output").read_text() == f"changed={str(changed).lower()}\n"


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 3)])
def test_the_state_machine_ends_as_a_retraining_does(
    told: list[str], monkeypatch: pytest.MonkeyPatch, passed: bool, code: int
) -> None:
    """Its last step releases; what it raises is told by the policy of its steps."""
    ends(monkeypatch, "kept", passed=passed, changed=True, no_candidate=not passed)
    monkeypatch.setattr(tracking, "track", lambda *_: None)
    settings = SimpleNamespace(on_step_functions=True, store=SimpleNamespace(root="store"))
    monkeypatch.setattr(after_run.config, "check", lambda _: settings)
    now = SimpleNamespace(branch_name="prod.staging", origin_run_id=None, is_production=True)
    monkeypatch.setattr(metaflow, "current", now)
    flow = SimpleNamespace(evaluation={"run": "1"}, given="a snapshot", config=FlowConfig())
    if code == 0:
        after_run.finish(PROBLEM, flow)
        assert told == ["kept: run 1 is as it is"]
        return
    with pytest.raises(CommandError, match="run 1 is as it is") as raised:
        after_run.finish(PROBLEM, flow)
    assert (raised.value.exit_code, told) == (code, [])


class FlowConfig:
    """What a flow has as its configuration."""

    def to_dict(self) -> dict[str, Any]:
        return {}


def test_features_that_fail_with_the_champion_are_a_failed_release(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(monkeypatch, "failed", passed=False, no_candidate=True)
    with pytest.raises(CommandError) as raised:
        commands.retrain(PROBLEM, *OPTIONS)
    assert raised.value.exit_code == 4
    assert told == [f"failed: run 1 is as it is; {release.UNCHANGED}"]


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
