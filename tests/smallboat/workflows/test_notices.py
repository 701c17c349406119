"""Where an outcome is published, and that nothing breaks if it can't be."""

from pathlib import Path

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


class Topic:
    """AWS's topic, as a list of what was published."""

    def __init__(self, away: bool = False) -> None:
        self.published: list[tuple[str, str, str]] = []
        self._away = away

    def publish(self, **message: str) -> None:
        if self._away:
            raise CloudError("it is away")
        self.published.append((message["TopicArn"], message["Subject"], message["Message"]))


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """The topic of every environment."""
    topic = Topic()
    monkeypatch.setattr(aws.Environment, "client", lambda *_: topic)
    return topic


@pytest.mark.parametrize("outcome", ["failed", "released", "kept", "rolled back"])
def test_the_topic_gets_the_outcome_and_a_link_to_the_job(
    topic: Topic, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    for name, value in LINK.items():
        monkeypatch.setenv(name, value)
    settings = config.load(PROBLEM, "staging")
    notices.tell(settings, outcome, "run 1 is better")
    ((arn, subject, message),) = topic.published
    region, name = settings.project.aws_region, settings.name_prefix
    assert arn == f"arn:aws:sns:{region}:123456789012:{name}-alarms"
    assert subject == f"{name}: {outcome}"
    assert message.splitlines() == [
        f"{subject}: run 1 is better",
        "https://github.example/org/repo/actions/runs/7",
    ]


def test_without_a_job_there_is_no_link(topic: Topic) -> None:
    notices.tell(config.load(PROBLEM, "staging"), "failed", "run 1 is late")
    assert topic.published[0][2] == f"{topic.published[0][1]}: run 1 is late\n"


def test_on_this_machine_nothing_is_published(topic: Topic) -> None:
    notices.tell(config.load(PROBLEM, "local"), "released", "run 1")
    assert topic.published == []


def test_a_topic_that_is_away_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aws.Environment, "client", lambda *_: Topic(away=True))
    notices.tell(config.load(PROBLEM, "staging"), "released", "run 1")
    printed = capsys.readouterr().out
    assert printed.startswith("warning: nothing published on arn:") and "it is away" in printed


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


def test_how_a_command_ended_is_one_line_for_later_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    notices.ended("failed", "two\nlines")
    assert (tmp_path / "summary").read_text() == "**failed**: two\nlines\n\n"
    assert (tmp_path / "output").read_text() == "message=failed: two lines\n"
