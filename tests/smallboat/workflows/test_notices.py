"""Who is told of an outcome, and that nothing breaks where nobody can be."""

from pathlib import Path
from typing import Any

import pytest
from smallboat.aws import aws
from smallboat.config import config
from smallboat.errors import CloudError
from smallboat.workflows import notices
from toy.problem import PROBLEM

LINK = {
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "org/repo",
    "GITHUB_RUN_ID": "7",
}


class Fake:
    """GitHub's repository, and AWS's topic, as lists of what they were told."""

    def __init__(self, away: bool = False) -> None:
        self.told: list[Any] = []
        self._away = away

    def open_issue(self, title: str, body: str) -> None:
        self._note("open", title, body)

    def close_issue(self, title: str, body: str) -> None:
        self._note("close", title, body)

    def publish(self, **message: str) -> None:
        self._note(message["TopicArn"], message["Subject"], message["Message"])

    def _note(self, *words: str) -> None:
        if self._away:
            raise CloudError("it is away")
        self.told.append(words)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(notices.Repository, "here", lambda: fake)
    for name, value in LINK.items():
        monkeypatch.setenv(name, value)
    return fake


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(aws.Environment, "client", lambda *_: fake)
    return fake


@pytest.mark.parametrize(
    ("name", "newest", "then"),
    [
        ("failed", False, "open"),
        ("failed", True, "open"),
        ("released", True, "close"),
        ("kept", True, "close"),
    ],
)
def test_a_failure_opens_an_issue_and_the_newest_model_closes_it(
    github: Fake, topic: Fake, name: str, newest: bool, then: str
) -> None:
    settings = config.load(PROBLEM, "staging")
    notices.tell(settings, name, "run 1 is better", newest)
    ((how, title, body),) = github.told
    assert (how, title) == (then, f"{settings.name_prefix}: the newest model is not released")
    assert body.startswith(f"{settings.name_prefix}: {name}: run 1 is better\n")
    assert body.endswith("\nhttps://github.example/org/repo/actions/runs/7")
    ((arn, subject, message),) = topic.told
    assert (
        arn
        == f"arn:aws:sns:{settings.project.aws_region}:123456789012:{settings.name_prefix}-alarms"
    )
    assert subject == f"{settings.name_prefix}: {name}"
    assert message.splitlines()[0] == f"{settings.name_prefix}: {name}: run 1 is better"


def test_who_serves_an_older_model_closes_nothing(github: Fake, topic: Fake) -> None:
    notices.tell(config.load(PROBLEM, "staging"), "rolled back", "run 1")
    assert (len(github.told), len(topic.told)) == (0, 1)


def test_on_this_machine_nobody_is_told(github: Fake, topic: Fake) -> None:
    notices.tell(config.load(PROBLEM, "local"), "released", "run 1")
    assert topic.told == []


def test_what_can_not_be_told_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Fake(away=True)
    monkeypatch.setattr(notices.Repository, "here", lambda: away)
    monkeypatch.setattr(aws.Environment, "client", lambda *_: away)
    notices.tell(config.load(PROBLEM, "staging"), "released", "run 1", newest=True)
    assert capsys.readouterr().out == "not told: it is away\n" * 2


def test_githubs_job_gets_summary_and_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    notices.summary("nobody reads it")
    notices.output(outcome="released")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    notices.summary("one")
    notices.summary("two")
    notices.output(outcome="released", changed="true")
    assert (tmp_path / "summary").read_text() == "one\ntwo\n"
    assert (tmp_path / "output").read_text() == "outcome=released\nchanged=true\n"
