"""ci.yml and deploy.yml for pull requests, the repository's and a fork's, and before the set-up."""

import shutil
from collections.abc import Iterator
from typing import Any

import edits
import pytest
from clouds import emulated
from fake_github import GitHub
from hub import PACKAGE, Hub
from runner import Job

Jobs = dict[str, dict[str, Job]]
PULL = 1
TEST = """from toy.inputs import NAMES


def test_what_the_model_sees() -> None:
    assert len(NAMES) == 3
"""


def pull(hub: Hub, workflow: str, action: str, sha: str, fork: bool = False) -> dict[str, Job]:
    """Carry out a workflow for a pull request."""
    payload = {
        "action": action,
        "number": PULL,
        "fork": fork,
        "pull_request": {
            "base": {"sha": hub.git("rev-parse", "main")},
            "head": {"repo": {"full_name": "somebody/repo" if fork else "org/repo"}},
        },
    }
    known: dict[str, Any] = {"ref": f"refs/pull/{PULL}/merge", "sha": sha, "base_ref": "main"}
    return hub.run(workflow, "pull_request", payload, **known)


@pytest.fixture(scope="module")
def hub(locked: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A repository that has a test, and whose model is soon trained."""
    folder = tmp_path_factory.mktemp("pulls")
    with emulated(folder / "cloud") as cloud:
        hub = Hub(folder, cloud, GitHub(folder))
        (hub.origin / "tests").mkdir()
        hub.append("tests/test_toy.py", TEST)
        hub.append(f"{PACKAGE}/candidates.py", edits.GOOD)
        hub.commit("soon trained")
        yield hub


@pytest.fixture(scope="module")
def jobs(hub: Hub) -> Jobs:
    """How each workflow ended, by what happened: before the set-up, and for a change."""
    told, done = hub.git("rev-parse", "main"), dict[str, dict[str, Job]]()
    for environment in ("staging", "prod"):
        hub.change(f"config/{environment}.toml", "(?m)^github = .*", 'github = ""')
    hub.commit("not set up")
    done["not set up: push"] = hub.run("deploy", "push")
    done["not set up: cron"] = hub.run("retrain", "schedule")
    done["not set up: by hand"] = hub.run("retrain", "workflow_dispatch")
    done["not set up: rollback"] = hub.run(
        "deploy", "workflow_dispatch", {"inputs": {"rollback": "prod"}}
    )
    hub.change("config/prod.toml", "(?m)^github = .*", 'github = "other/repo"')
    hub.commit("of another repository")
    done["elsewhere"] = hub.run("deploy", "push")
    hub.git("reset", "-q", "--hard", told)
    done["no role"] = hub.run("deploy", "push")
    hub.do("bootstrap", environment="staging")
    hub.push_image("staging")
    hub.github.add("a change", pull=True)
    done["change"] = pull(hub, "ci", "opened", told)
    done["change: comments"] = {
        "": Job(str(len(hub.github.comments)), summary=hub.github.said(PULL)[0])
    }
    return done


@pytest.fixture(scope="module")
def later(hub: Hub, jobs: Jobs) -> Jobs:
    """The same of what came after: a fork, and previews."""
    told, done = hub.git("rev-parse", "main"), dict[str, dict[str, Job]]()
    shutil.copytree(hub.folder / "machine" / "work" / "store", hub.folder / "store")
    trained = f"cp -r {hub.folder / 'store'} ."  # once is enough
    hub.runner.instead |= {"make lint": "true", "make train": trained}
    done["fork"] = pull(hub, "ci", "opened", told, fork=True)
    done["fork: comments"] = {"": Job(str(len(hub.github.comments)))}
    hub.git("checkout", "-q", "-b", "remote", told)
    hub.change("config/staging.toml", '(?m)^by = "actions"', 'by = "stepfunctions"')
    remote = hub.commit("Step Functions")
    hub.git("checkout", "-q", "main")
    for action in ("opened", "closed"):
        done[f"preview: {action}"] = pull(hub, "deploy", action, remote)
        there = hub.cloud.client("stepfunctions").list_state_machines()["stateMachines"]
        done[f"preview: {action}"][""] = Job(" ".join(each["name"] for each in there))
    done["preview: not needed"] = pull(hub, "deploy", "synchronize", told)
    done["preview: fork"] = pull(hub, "deploy", "opened", remote, fork=True)
    return done


def results(jobs: dict[str, Job]) -> dict[str, str]:
    """How the jobs ended that were not left out."""
    return {name: job.result for name, job in jobs.items() if job.result != "skipped"}


@pytest.mark.parametrize("what", ["push", "cron"])
def test_before_the_set_up_nothing_is_done_and_that_is_said(jobs: Jobs, what: str) -> None:
    assert results(jobs[f"not set up: {what}"]) == {"plan": "success"}
    printed = jobs[f"not set up: {what}"]["plan"].printed
    assert "staging is not set up yet: write this repository's ORG/REPO as `github`" in printed


@pytest.mark.parametrize(("what", "environment"), [("by hand", "staging"), ("rollback", "prod")])
def test_who_asks_for_it_by_hand_is_refused(jobs: Jobs, what: str, environment: str) -> None:
    ended = jobs[f"not set up: {what}"]
    assert ended["plan"].result == "failure"
    assert not any(job.environment for job in ended.values())
    assert f"error: {environment} is not set up yet" in ended["plan"].printed


def test_another_repositorys_configuration_is_refused(jobs: Jobs) -> None:
    assert results(jobs["elsewhere"]) == {"plan": "failure"}
    assert (
        "error: config/prod.toml is deployed by the workflows of other/repo, this is org/repo"
        in jobs["elsewhere"]["plan"].printed
    )


def test_without_bootstrap_there_is_no_role_and_nothing_is_tried(jobs: Jobs) -> None:
    assert results(jobs["no role"]) == {"plan": "success", "image": "failure"}
    assert "make image ENV=staging" not in jobs["no role"]["image"].ran


def test_a_change_is_linted_tested_and_compared(jobs: Jobs) -> None:
    assert results(jobs["change"]) == dict.fromkeys(("lint", "test", "compare"), "success")
    compare = 'make compare WITH=main > "$RUNNER_TEMP/comparison.md"'
    assert jobs["change"]["compare"].ran[-4:] == ["make train"] * 2 + [compare, "Comment"]
    comments = jobs["change: comments"][""]
    assert comments.result == "1"
    (line,) = [line for line in comments.summary.splitlines() if line.startswith("| model ")]
    assert comments.summary.count(" to ") >= 2 and line.count("`") == 4


@pytest.mark.nightly
def test_a_fork_gets_the_summary_and_no_comment(later: Jobs) -> None:
    assert results(later["fork"]) == dict.fromkeys(("lint", "test", "compare"), "success")
    assert "::warning::Not commented: a fork's token" in later["fork"]["compare"].printed
    assert "### Challenger and main" in later["fork"]["compare"].summary
    assert later["fork: comments"][""].result == "1"


@pytest.mark.nightly
@pytest.mark.parametrize(("action", "job"), [("opened", "preview"), ("closed", "remove")])
def test_a_preview_has_its_own_branch_and_its_own_role(later: Jobs, action: str, job: str) -> None:
    ended = later[f"preview: {action}"]
    assert "-staging-preview\n" in f"{ended[job].printed}\n"
    assert ended[job].environment == ""
    there = f"{PACKAGE}.test.pr{PULL}.TrainFlow" if action == "opened" else ""
    assert results(ended) == {"plan": "success", job: "success", "": there}
    assert f"{PACKAGE}.test.pr{PULL}.TrainFlow" in ended[job].printed


@pytest.mark.nightly
def test_there_is_none_without_remote_steps_or_for_a_fork(later: Jobs) -> None:
    assert results(later["preview: not needed"]) == {"plan": "success"}
    assert results(later["preview: fork"]) == {}
