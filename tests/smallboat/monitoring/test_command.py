"""What `make monitor` says of wrong input, and what it keeps if it is interrupted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from captured_lines import local
from smallboat.cloud import step_functions
from smallboat.errors import CloudError, UserError
from smallboat.monitoring import command
from smallboat.store import store
from toy.problem import PROBLEM


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("2026-13-01", "SINCE=2026-13-01 is no date"),
        ("yesterday", "SINCE=yesterday is no date"),
        ("2999-01-01", "SINCE=2999-01-01 is in the future: today is "),
    ],
)
def test_a_wrong_first_day_is_a_sentence(since: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        command.watch(PROBLEM, local(tmp_path), since)


@pytest.mark.parametrize("text", ['{"causes": ["inp', "[]", "3"])
def test_a_damaged_request_is_a_sentence(text: str, tmp_path: Path) -> None:
    settings = local(tmp_path)
    store.replace(settings.store.root, command.REQUEST, text.encode())
    found = {"release": {"model_hash": "a"}, "windows": [], "causes": [], "sentence": ""}
    with pytest.raises(UserError, match=r"request\.json is no JSON.*remove it"):
        command._request(settings, found, datetime.now(UTC))


@pytest.mark.parametrize(("released_by", "repeated"), [("anyone", True), ("workflow", False)])
def test_where_others_train_a_request_without_a_run_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, released_by: str, repeated: bool
) -> None:
    """The run of a retraining that was kept out is in staging's store, not in prod's.

    Nor can anybody ask for one by hand.
    """
    own = local(tmp_path)
    settings: Any = SimpleNamespace(
        store=own.store, monitor=own.monitor, aws=SimpleNamespace(released_by=released_by)
    )
    window = {"model": "a", "complete": True}
    cause = {"kind": "input", "name": "x"}
    found = {
        "release": {"model_hash": "a"}, "windows": [window] * 3, "causes": [cause], "sentence": "",
    }  # fmt: skip
    now = datetime.now(UTC)
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    assert command._request(settings, found, now)[1] is (released_by == "anyone")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    first, asked = command._request(settings, found, now)
    assert asked
    store.replace(own.store.root, command.REQUEST, store.to_json(first))
    assert command._request(settings, found, now + timedelta(days=3))[1] is repeated


def test_a_retraining_that_could_not_be_started_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = local(tmp_path)
    found = {"asked": True, "request": {"causes": ["input:x"]}, "verdict": "", "sentence": ""}

    def refuse(_: Any) -> None:
        raise CloudError("no")

    monkeypatch.setattr(command.config, "check", lambda _: settings)
    monkeypatch.setattr(command, "watch", lambda *_: found)
    monkeypatch.setattr(command.report, "text", lambda *_: "")
    monkeypatch.setattr(command.aws, "Environment", lambda _: None)
    monkeypatch.setattr(step_functions, "start", refuse)
    with pytest.raises(CloudError):
        command.in_flow(PROBLEM, SimpleNamespace(config=SimpleNamespace(to_dict=dict)))
    assert store.read_changing(settings.store.root, command.REQUEST, {}) == {}
    monkeypatch.setattr(step_functions, "start", lambda _: None)
    command.in_flow(PROBLEM, SimpleNamespace(config=SimpleNamespace(to_dict=dict)))
    assert store.read_changing(settings.store.root, command.REQUEST, {}) == found["request"]
