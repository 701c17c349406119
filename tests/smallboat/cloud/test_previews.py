"""A preview of a pull request is deployed by its own role, and everything in it is a preview's."""

import json
from collections.abc import Iterator

import pytest
import templates
from bootstrapped import ACCOUNT, NAME_PREFIX, REGION
from clouds import Cloud
from iam_simulation import outside
from remotely import Remote

ROLE = f"{NAME_PREFIX}-preview"
STEP_FUNCTIONS = "ak"
"""The key with which moto's Step Functions calls services."""


@pytest.fixture
def remote(
    locked: None, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Remote]:
    """A bootstrapped environment with images."""
    cloud.reset()
    made = Remote(tmp_path_factory.mktemp("previews"), cloud)
    made.bootstrap()
    yield made
    cloud.reset()


def test_a_preview_names_nothing_of_staging_and_its_role_may_deploy_it(remote: Remote) -> None:
    before = remote.objects()
    remote.cloud.forget()
    remote.do("flow-deploy", "--branch", "pr12", AWS_ACCESS_KEY_ID=ROLE)
    calls = remote.cloud.calls()
    statements = templates.policy("foundation", "PreviewRole")
    assert {"RegisterJobDefinition", "CreateStateMachine"} <= {it["operation"] for it in calls}
    assert {call["principal"] for call in calls} == {ROLE}
    assert outside(calls, {ROLE: statements}) == []
    deploying = {ROLE: templates.policy("foundation", "DeployRole")}
    assert len(outside(calls, deploying)) > 3  # the roles differ: staging's can't do it

    machine = json.dumps(remote.machine("project.test.pr12.TrainFlow"))
    assert f"job-definition/{ROLE}_metaflow_" in machine
    for part in (
        f"job-definition/{NAME_PREFIX}_",
        f"{NAME_PREFIX}-foreach",
        "/comet",
        '/metaflow"',
    ):
        assert part not in machine.replace("/preview/pr12/metaflow", "")
    for made in remote.client("batch").describe_job_definitions()["jobDefinitions"]:
        container = made["containerProperties"]
        assert made["jobDefinitionName"].startswith(f"{ROLE}_metaflow_")
        assert f"/{ROLE}@sha256:" in container["image"]
        assert container["jobRoleArn"].endswith(f"role/{ROLE}-step")
        assert container["executionRoleArn"].endswith(f"role/{ROLE}-start")
    changed = {key for key, body in remote.objects().items() if before.get(key) != body}
    assert changed
    assert {key for key in changed if not key.startswith("preview/pr12/metaflow/")} == set()

    remote.cloud.forget()
    remote.do("flow-remove", "--branch", "pr12", AWS_ACCESS_KEY_ID=ROLE)
    assert outside(remote.cloud.calls(), {ROLE: statements}) == []
    assert remote.machines() == set()


@pytest.mark.nightly
def test_a_previews_run_is_kept_apart_and_its_roles_may_do_what_it_does(remote: Remote) -> None:
    before = remote.objects()
    remote.do("flow-deploy", "--branch", "pr12", AWS_ACCESS_KEY_ID=ROLE)
    remote.cloud.forget()
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:project.test.pr12.TrainFlow"
    states, given = remote.client("stepfunctions"), json.dumps({"Parameters": "{}"})
    execution = remote.ended(
        states.start_execution(stateMachineArn=arn, input=given)["executionArn"]
    )
    calls = remote.cloud.calls()
    assert execution["status"] == "SUCCEEDED", str(execution.get("cause"))[:2000]
    roles = {
        f"{ROLE}-step": templates.policy("compute", "PreviewStepRole"),
        STEP_FUNCTIONS: templates.policy("compute", "PreviewStatesRole"),
    }
    assert {call["principal"] for call in calls} == {*roles, "testing"}
    assert outside(calls, roles) == []
    changed = {key for key, body in remote.objects().items() if before.get(key) != body}
    assert any(key.startswith("preview/pr12/store/runs/") for key in changed)
    assert {key for key in changed if not key.startswith("preview/pr12/")} == set()
