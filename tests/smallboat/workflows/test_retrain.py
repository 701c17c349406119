"""retrain.yml from an empty runner: a champion, challengers that fail or are kept out, bad data."""

import json
from collections.abc import Iterator
from typing import Any

import edits
import pytest
from clouds import emulated, processor
from fake_github import GitHub
from hub import PACKAGE, Hub
from runner import Job

SECONDS = 120
"""What a retraining may take of a processor, from an empty runner to staging and prod."""
TITLE = "the newest model is not released"
JOBS = ("plan", "image", "retrain", "promote")


class Story:
    """What happened, in order.

    Attributes:
        jobs: of each workflow, by what happened.
        served: the releases of staging and prod after it.
        issues: GitHub's issues after it, with their comments.
    """

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.jobs: dict[str, dict[str, Job]] = {}
        self.seconds: dict[str, float] = {}
        self.served: dict[str, list[Any]] = {}
        self.issues: dict[str, list[tuple[str, str, int]]] = {}

    def tell(self, what: str, workflow: str, event: str, payload: Any = None) -> None:
        """Carry out a workflow and note how it ended."""
        began = processor()
        self.jobs[what] = self.hub.run(workflow, event, payload)
        self.seconds[what] = processor() - began
        self.served[what] = [self.hub.served(each) for each in ("staging", "prod")]
        self.issues[what] = [
            (
                each["title"].partition(": ")[2],
                each["state"].lower(),
                len(self.hub.github.said(each["number"])),
            )
            for each in self.hub.github.issues
        ]

    def results(self, what: str) -> dict[str, str]:
        """How each job ended."""
        return {name: job.result for name, job in self.jobs[what].items()}


@pytest.fixture(scope="module")
def begun(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A project that is set up, and retrained for the first time."""
    folder = tmp_path_factory.mktemp("retrain")
    with emulated(folder / "cloud") as cloud:
        hub = Hub(folder, cloud, GitHub(folder))
        hub.bootstrap()
        story = Story(hub)
        edits.older(hub.origin)
        hub.commit("before the newest rows")
        story.tell("deployed early", "deploy", "push")
        story.tell("first", "retrain", "schedule")
        yield story


@pytest.fixture(scope="module")
def story(begun: Story) -> Story:
    """A year in the life of that project."""
    story, hub = begun, begun.hub
    edits.until(hub.origin, "2024-09-30")
    hub.append(f"{PACKAGE}/metrics.py", edits.PERFECT_BASELINE)
    hub.commit("newer rows, and a baseline that no model beats")
    story.tell("gate failed", "retrain", "schedule")
    hub.git("checkout", "-q", "HEAD~1", "--", f"{PACKAGE}/metrics.py")
    edits.broken(hub.origin)
    hub.commit("broken data")
    story.tell("bad data", "retrain", "schedule")
    story.tell("bad data again", "retrain", "repository_dispatch", {"action": "drift"})
    edits.newest(hub.origin)
    hub.append(f"{PACKAGE}/candidates.py", edits.WORSE)
    hub.commit("the newest rows, and worse candidates")
    story.tell("kept", "retrain", "workflow_dispatch", {"inputs": {"source": "sample"}})
    hub.git("checkout", "-q", "HEAD~1", "--", f"{PACKAGE}/candidates.py")
    hub.append(f"{PACKAGE}/candidates.py", edits.GOOD)
    hub.append(f"{PACKAGE}/features.py", edits.FAULTY)
    hub.commit("a fault")
    story.tell("taken back", "retrain", "schedule")
    story.tell("prod rolled back", "deploy", "workflow_dispatch",
               {"inputs": {"rollback": "prod"}})  # fmt: skip
    story.tell("promoted", "retrain", "workflow_dispatch",
               {"inputs": {"promote_only": True, "source": "configured"}})  # fmt: skip
    hub.append("vendor/smallboat/smallboat/serving/model/server.py", "\n# another image\n")
    hub.commit("another image")
    for environment in ("staging", "prod"):
        hub.push_image(environment)
    story.tell("deployed", "deploy", "push")
    return story


def test_a_push_before_the_first_training_is_no_failure(begun: Story) -> None:
    jobs = begun.jobs["deployed early"]
    assert [jobs[name].result for name in ("staging", "prod")] == ["success", "success"]
    assert "nothing is released yet" in jobs["staging"].printed
    assert "nothing to deploy: no step has remote = true" in jobs["staging"].printed


def test_an_empty_runner_makes_a_champion_on_staging_and_prod(begun: Story) -> None:
    print(f"{begun.seconds['first']:.0f} s of a processor from an empty runner to staging and prod")
    assert begun.results("first") == dict.fromkeys(JOBS, "success")
    staging, prod = begun.served["first"]
    assert staging == prod is not None
    assert begun.seconds["first"] <= SECONDS


def test_its_card_is_kept_and_its_table_told(begun: Story) -> None:
    job = begun.jobs["first"]["retrain"]
    assert [name.rpartition("/")[2] for name in job.artifacts["card"]] == ["report.html"]
    assert "**released**" in job.summary and "evaluation model" in job.summary
    assert begun.issues["first"] == []


def test_prod_waits_for_its_approval(begun: Story) -> None:
    jobs = begun.jobs["first"]
    assert {name: job.environment for name, job in jobs.items()} == {
        "plan": "", "image": "", "retrain": "staging", "promote": "prod"
    }  # fmt: skip


@pytest.mark.nightly
def test_features_of_a_run_that_failed_its_gates_reach_staging_and_prod(story: Story) -> None:
    """The job fails, and its issue says both."""
    assert story.results("gate failed") == {
        "plan": "success", "image": "success", "retrain": "failure", "promote": "success"
    }  # fmt: skip
    job = story.jobs["gate failed"]["retrain"]
    assert "Error 3" in job.printed and job.outputs["changed"] == "true"
    assert "passed its gates" in job.printed
    assert "the champion now serves its newer online features" in job.printed
    (before, _), (after, prod) = story.served["first"], story.served["gate failed"]
    assert before.partition("-")[0] == after.partition("-")[0] and before != after
    assert after == prod
    assert story.issues["gate failed"] == [(TITLE, "open", 0)]


@pytest.mark.nightly
def test_bad_data_stops_before_a_release_and_opens_one_issue(story: Story) -> None:
    for what in ("bad data", "bad data again"):
        assert story.results(what) == {
            "plan": "success", "image": "success", "retrain": "failure", "promote": "skipped"
        }  # fmt: skip
        assert story.served[what] == story.served["gate failed"]
    printed = story.jobs["bad data"]["retrain"].printed
    assert "Error 2" in printed and "error: the data" in printed
    assert story.issues["bad data"] == [(TITLE, "open", 1)]
    assert story.issues["bad data again"] == [(TITLE, "open", 2)]


@pytest.mark.nightly
def test_who_is_inferior_is_kept_out_while_newer_features_are_served(story: Story) -> None:
    assert story.results("kept") == dict.fromkeys(JOBS, "success")
    job = story.jobs["kept"]["retrain"]
    assert "is inferior" in job.printed and "serves its newer online features" in job.printed
    (before, _), (after, prod) = story.served["gate failed"], story.served["kept"]
    assert before.partition("-")[0] == after.partition("-")[0] and before != after
    assert after == prod
    assert job.outputs["changed"] == "true"


@pytest.mark.nightly
def test_what_is_no_failure_closes_the_issue(story: Story) -> None:
    assert story.issues["kept"] == [(TITLE, "closed", 3)]


@pytest.mark.nightly
def test_a_release_that_answers_wrong_is_taken_back(story: Story) -> None:
    assert story.results("taken back") == {
        "plan": "success", "image": "success", "retrain": "failure", "promote": "skipped"
    }  # fmt: skip
    assert "Error 4" in story.jobs["taken back"]["retrain"].printed
    assert story.served["taken back"] == story.served["kept"]
    assert story.issues["taken back"] == [(TITLE, "closed", 3), (TITLE, "open", 0)]


@pytest.mark.nightly
def test_prod_goes_back_by_the_workflow_only_and_comes_again(story: Story) -> None:
    assert story.results("prod rolled back")["rollback"] == "success"
    assert story.jobs["prod rolled back"]["rollback"].environment == "prod"
    staging, prod = story.served["prod rolled back"]
    assert [staging, prod] == [story.served["kept"][0], story.served["gate failed"][1]]
    assert story.results("promoted") == {
        "plan": "success", "image": "skipped", "retrain": "skipped", "promote": "success"
    }  # fmt: skip
    assert story.served["promoted"] == story.served["kept"]


@pytest.mark.nightly
def test_a_push_serves_the_same_pair_by_the_new_image(story: Story) -> None:
    assert story.results("deployed")["prod"] == "success"
    assert story.served["deployed"] == story.served["promoted"]
    for name in ("staging", "prod"):
        assert "with the current image and settings" in story.jobs["deployed"][name].printed


def test_each_environment_is_changed_by_its_own_role_only(begun: Story) -> None:
    """Of what changes an endpoint; a role reads what the environment before it serves."""
    changes = [
        (call["principal"], call["parameters"]["EndpointName"])
        for call in begun.hub.cloud.calls()
        if call["operation"] in ("CreateEndpoint", "UpdateEndpoint")
    ]
    assert changes
    assert all(principal == f"{name}-deploy" for principal, name in changes), json.dumps(changes)
