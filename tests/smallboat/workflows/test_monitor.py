"""monitor.yml on the emulated AWS: traffic through the gateway, drift, a dispatch, a retraining."""

import json
import re
from collections.abc import Iterator
from typing import Any

import edits
import pytest
import requests
from clouds import emulated
from drifting import EACH, RULES, SHIFTED, asked, parcels
from fake_github import GitHub
from hub import PACKAGE, Hub
from runner import Job
from smallboat.aws import aws
from smallboat.cloud import lambda_api

pytestmark = pytest.mark.nightly
TITLE = "staging: a retraining is due"


class Story:
    """What happened, in order.

    Attributes:
        jobs: of each workflow, by what happened.
        verdicts: of staging, by what happened.
        events: what was dispatched so far, by what happened.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.jobs: dict[str, dict[str, Job]] = {}
        self.verdicts: dict[str, Any] = {}
        self.events: dict[str, int] = {}

    def tell(self, what: str, workflow: str, event: str, payload: Any = None) -> None:
        """Carry out a workflow and note how it ended."""
        self.jobs[what] = self.hub.run(workflow, event, payload)
        self.events[what] = len(self.hub.github.events)
        text = self.stored("verdict.json")
        self.verdicts[what] = json.loads(text) if text else None

    def stored(self, name: str) -> bytes | None:
        """A file of staging's monitor."""
        s3, bucket = self.hub.cloud.client("s3"), self.hub.settings("staging").bucket
        try:
            found = s3.get_object(Bucket=bucket, Key=f"store/monitoring/{name}")
        except s3.exceptions.NoSuchKey:
            return None
        return bytes(found["Body"].read())

    def ask(self, which: str, first: int, last: int) -> None:
        """Send parcels through staging's gateway, as people would."""
        env = aws.Environment(self.hub.settings("staging"))
        url, key = lambda_api.url(env), lambda_api.key(env)
        for body in asked(parcels()[which].iloc[first:last], EACH):
            answer = requests.post(
                f"{url}/predict", json=body, headers={"x-api-key": key}, timeout=60
            )
            assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def story(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """From the first release to the end of a drift."""
    folder = tmp_path_factory.mktemp("monitor")
    with emulated(folder / "cloud") as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environ.items():
            patch.setenv(name, value)
        hub = Hub(folder, cloud, GitHub(folder))
        hub.append(f"{PACKAGE}/data.py", SHIFTED)
        hub.append(f"{PACKAGE}/candidates.py", edits.GOOD)
        base = hub.origin / "config" / "base.toml"
        base.write_text(re.sub(r"\[monitor\]\n(?:[^\[\n].*\n|\n)*", "", base.read_text()) + RULES)
        hub.change("config/base.toml", r"\[data\]\n", "[data]\ndays = 60\n")
        edits.until(hub.origin, "2023-12-31")
        hub.commit("parcels that go further from 2024 on")
        hub.bootstrap()
        story = Story(hub)
        story.tell("nothing released", "monitor", "schedule")
        story.tell("first", "retrain", "schedule")
        story.ask("before", 0, 400)
        story.tell("as in training", "monitor", "schedule")
        story.ask("after", 0, 400)
        story.tell("drifted", "monitor", "schedule")
        story.tell("drifted still", "monitor", "schedule")
        edits.until(hub.origin, "2024-12-31")
        hub.commit("the newest rows")
        (event,) = hub.github.events
        story.tell("retrained", "retrain", "repository_dispatch", event)
        story.ask("after", 0, 400)
        story.tell("gone", "monitor", "schedule")
        yield story


def test_before_the_first_release_it_says_so(story: Story) -> None:
    assert "nothing is released yet" in story.jobs["nothing released"]["monitor"].printed


def test_what_was_trained_on_is_healthy_and_nothing_is_dispatched(story: Story) -> None:
    found = story.verdicts["as in training"]
    assert found["verdict"] == "healthy" and len(found["windows"]) == 2
    assert found["collected"]["new"] == 400 // EACH
    assert story.events["as in training"] == 0


def test_drift_is_dispatched_once_with_its_reason(story: Story) -> None:
    assert story.verdicts["drifted"]["verdict"] == "drifted"
    assert story.events["drifted"] == story.events["drifted still"] == 1
    again = story.jobs["drifted still"]["monitor"].printed
    assert "a retraining for this cause was asked for on" in again
    (event,) = story.hub.github.events
    assert event["action"] == "drift"
    assert event["client_payload"]["environment"] == "staging"
    assert "distance has drifted" in event["client_payload"]["reason"]


def test_the_retraining_says_in_the_same_issue_how_it_ended_and_health_closes_it(
    story: Story,
) -> None:
    (number,) = (i["number"] for i in story.hub.github.issues if i["title"] == TITLE)
    said = story.hub.github.said(number)
    assert any(each.startswith("The retraining: released: ") for each in said)
    assert story.hub.github.issues[number - 1]["state"] == "CLOSED"


def test_after_the_retraining_the_drift_is_gone(story: Story) -> None:
    found = story.verdicts["gone"]
    assert found["verdict"] == "healthy"
    assert found["release"]["run"] != story.verdicts["drifted"]["release"]["run"]
    old = story.verdicts["drifted"]["release"]["model_hash"]
    assert found["live"][old]["rows"] == 400


def test_the_monitor_is_a_role_that_changes_nothing_that_is_served(story: Story) -> None:
    printed = story.jobs["drifted"]["monitor"].printed
    assert "became toy-staging-monitor" in printed


def test_the_report_is_kept(story: Story) -> None:
    assert b"<html" in (story.stored("report.html") or b"")
    assert "monitor-staging" in story.jobs["drifted"]["monitor"].artifacts
