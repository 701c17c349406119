"""Two environments through all of the project's commands, from bootstrap to destroy."""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests
import templates
from bundles import BETTER, PLAIN, WORSE
from clouds import Cloud
from iam_simulation import Need, Tags, allows, by, needs, outside
from permissions import actions
from second_evaluator import decisions
from smallboat.cloud import inventory
from smallboat.release import smoke_tests
from toy import service
from walking import Walk, url

SECONDS = 30.0
"""What a deployment may take of a processor against the emulator, from the first to the answer."""
TARGET = "test_target.py"
FLOW = "runs and state machines: test_remote.py, test_remote_runs.py"
SCALING = "Application Auto Scaling asks in our name: shown nowhere"
COST_TAGS = {"project", "environment", "owner"}
UNTAGGED = {
    "attachment of a policy": "it is no resource",
    "alarm": "Application Auto Scaling creates it, without tags",
    "log group": "SageMaker creates it, without tags: the endpoint's log",
}
"""The kinds of the inventory that the budget does not see, and why."""
NOT_SHOWN = {
    **dict.fromkeys(
        (
            "batch:DescribeComputeEnvironments",
            "batch:DescribeJobDefinitions",
            "batch:DescribeJobQueues",
            "batch:DescribeJobs",
            "batch:RegisterJobDefinition",
            "batch:SubmitJob",
            "batch:TagResource",
            "batch:TerminateJob",
            "events:DeleteRule",
            "events:DisableRule",
            "events:PutRule",
            "events:PutTargets",
            "events:RemoveTargets",
            "secretsmanager:GetSecretValue",
            "states:CreateStateMachine",
            "states:DeleteStateMachine",
            "states:DescribeStateMachine",
            "states:ListStateMachines",
            "states:TagResource",
            "states:UpdateStateMachine",
        ),
        FLOW,
    ),
    "cloudwatch:DeleteAlarms": SCALING,
    "cloudwatch:DescribeAlarms": SCALING,
    "cloudwatch:PutMetricAlarm": SCALING,
    "cloudformation:ContinueUpdateRollback": "a rollback failed: test_stacks.py",
    "cloudformation:DeleteStack": "a first creation failed: test_lambda_api.py",
    "cloudformation:UpdateStack": "the API's settings changed: test_lambda_api.py",
    "ecr:BatchDeleteImage": TARGET,
    "s3:DeleteObject": "osls removes the API's zip after five later ones: shown nowhere",
    "sagemaker:DeleteEndpoint": TARGET,
    "sagemaker:UpdateEndpointWeightsAndCapacities": SCALING,
}
"""What is granted and not called here, and where it is."""
COLD = {"start_seconds": 2.0, "idle_seconds": 6.0, "answer_seconds": 1.0}
"""Staging's endpoint starts after each release and each pause, longer than a request may wait."""


@pytest.fixture(scope="module")
def walk(tools: None, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Two environments with several releases, of which the last was rolled back."""
    cloud.reset()
    here = Path.cwd()
    walk = Walk(tmp_path_factory.mktemp("walk"), cloud)
    walk.link_packages()
    os.chdir(walk.folder)
    try:
        for environment in ("staging", "prod"):
            walk.do(f"bootstrap {environment}", "bootstrap", environment=environment)
        walk.do("too early", "deploy", code=2)
        for environment in ("staging", "prod"):
            walk.push(environment)
        cloud.forget()
        cloud.sleep(**COLD)
        walk.runs.keep("1", PLAIN)
        first = walk.do("first", "deploy", "--from", "local", "--run", "1")
        time.sleep(COLD["idle_seconds"])
        walk.first = walk.answer(url(first), "staging")
        walk.do("again", "deploy")
        walk.runs.keep("2", BETTER, as_of="2031-01-01")
        walk.do("second", "deploy", "--from", "local", "--run", "2")
        walk.runs.keep("3", WORSE, as_of="2032-01-01")
        walk.do("kept", "deploy", "--from", "local", "--run", "3")
        promote = "deploy", "--from", "staging"
        walk.do("by a person", *promote, environment="prod", code=2)
        walk.do("rolled back by a person", "rollback", environment="prod", code=2)
        walk.do("promoted", *promote, environment="prod", role="project-prod-deploy")
        walk.do("status", "status")
        walk.do("predict", "predict")
        walk.do("rollback", "rollback")
        walk.releases = requests.get(f"{url(first)}/releases", timeout=60)
        walk.collected = walk.collect()
        walk.calls, walk.starts = cloud.calls(), cloud.starts()
        walk.do("destroy", "destroy", "--confirm", "staging", "--force")
        yield walk
    finally:
        os.chdir(here)
        cloud.reset()


def test_first_of_all_the_image_is_asked_for(walk: Walk) -> None:
    assert "`make image ENV=staging`" in walk.printed["too early"]


def test_a_deployment_is_quick(walk: Walk) -> None:
    assert walk.seconds["first"] <= SECONDS
    assert walk.seconds["second"] <= SECONDS


def test_through_gateway_function_and_endpoint_comes_the_bundles_own_answer(walk: Walk) -> None:
    assert walk.first["model"]["run"] == "1"
    assert smoke_tests.distance(walk.first["predictions"], walk.expected("1")) <= 1e-6


def test_each_command_waits_for_an_endpoint_that_starts(walk: Walk) -> None:
    assert set(walk.starting) == {"model_not_ready"}
    assert walk.starts >= 4  # two releases, the newer features, the first answer
    refused = [call for call in walk.calls if call["operation"] == "InvokeEndpoint"]
    assert len(refused) > walk.starts


def test_what_was_asked_is_collected_once_from_the_functions_log(walk: Walk) -> None:
    new, again, run, inputs, outputs = walk.collected
    refused = len(walk.starting)  # while the endpoint started
    assert (new, again, run) == (2 + refused, 0, "1")  # this test's request, and `predict`'s
    features, _ = service.features(service.example(walk.runs.online), walk.runs.online)
    assert inputs == features.tolist()
    minutes = [each["minutes"] for each in walk.first["predictions"]]
    assert outputs == pytest.approx(minutes, abs=1e-3)


def test_an_endpoint_far_away_may_take_its_way(walk: Walk) -> None:
    before, after = walk.printed["first"].split("post-switch check")
    assert "milliseconds of all answers but the slowest: expected <= 250, " in before
    assert "milliseconds of all answers but the slowest: expected <= 1750, " in after


def test_only_what_is_new_is_released(walk: Walk) -> None:
    assert "kept: run 1 is the same" in walk.printed["again"]
    assert "nothing to deploy" in walk.printed["again"]
    assert walk.printed["second"].count("released: ") == 1
    assert "kept: run 3 is inferior" in walk.printed["kept"]
    assert "the champion now serves its newer online features" in walk.printed["kept"]


def test_prod_gets_the_very_pair_that_staging_serves(walk: Walk) -> None:
    (released,) = [
        it for it in walk.printed["promoted"].splitlines() if it.startswith("released: ")
    ]
    assert "of run 2 with features as of 2032-01-01 of run 3" in released


def test_prod_is_released_by_its_workflow_only(walk: Walk) -> None:
    for name in ("by a person", "rolled back by a person"):
        assert (
            "prod is released by its workflow only, as project-prod-deploy, and these"
            in (walk.printed[name])
        )


def test_status_and_predict_ask_aws(walk: Walk) -> None:
    status = json.loads(walk.printed["status"])
    assert (status["release"]["run"], status["release"]["features_run"]) == ("2", "3")
    assert status["server"]["url"] == url(walk.printed["first"])
    assert "model of run 2, features as of 2032-01-01" in walk.printed["predict"]
    assert "rolled back" in walk.printed["rollback"]


def test_through_the_gateway_each_release_tells_why_it_came_and_went(walk: Walk) -> None:
    assert walk.releases.status_code == 200, walk.releases.text
    first, second, newer, back = walk.releases.json()
    assert [each["run"] for each in (first, second, newer, back)] == ["1", "2", "2", "2"]
    assert [each["features_run"] for each in (second, newer, back)] == ["2", "3", "2"]
    assert first["came"] == "promoted from local; the first release"
    assert first["went"].startswith("replaced by run 2: promoted from local; run 2 is not inferior")
    assert "newer online features of run 3; run 3 is inferior" in newer["came"]
    assert (newer["went"], back["came"], back["until"]) == ("rolled back", "a rollback", None)
    assert newer["evaluation"]["value"] == sum(BETTER.values())


def test_the_deploy_role_may_do_what_is_done_and_no_more(walk: Walk) -> None:
    called = actions(walk.calls, "testing", "project-prod-deploy")
    granted = templates.granted("foundation", "DeployRole")
    assert called - granted == set()
    assert granted - called == set(NOT_SHOWN)


def test_what_costs_carries_the_tags_that_the_budget_counts(walk: Walk) -> None:
    created: dict[str, list[set[str]]] = {}
    for call in walk.calls:
        if call["operation"].startswith(("Create", "Register")):
            given = call["parameters"].get("Tags", [])
            tags = {each if isinstance(given, dict) else each["Key"] for each in given}
            created.setdefault(call["operation"], []).append(tags)
    tagged = {name for name, every in created.items() if all(each >= COST_TAGS for each in every)}
    assert set(created) == tagged
    assert {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "CreateStack"} <= tagged
    kinds = {kind.name for kind in inventory.KINDS}
    stacked = {"stack", "secret"}  # what a stack creates has its tags
    seen = {
        "state machine",
        "scaling target",
        "endpoint",
        "endpoint configuration",
        "model",
        *stacked,
    }
    assert kinds == seen | set(UNTAGGED)


def policies() -> dict[str, list[dict[str, Any]]]:
    """The statements of those who call, by the principal."""
    return {
        "testing": templates.policy("foundation", "DeployRole", "staging"),
        "project-prod-deploy": templates.policy("foundation", "DeployRole", "prod"),
        "project-staging-api": templates.policy("foundation", "ApiRole", "staging"),
    }


def moved(walk: Walk) -> list[dict[str, Any]]:
    """Staging's calls, as of another environment."""
    staging = [call for call in walk.calls if call["principal"] == "testing"]
    text = json.dumps(staging).replace("project-staging", "project-other")
    return [dict(each) for each in json.loads(text)]


def test_no_call_is_outside_of_the_resources_that_its_role_is_granted(walk: Walk) -> None:
    assert {call["principal"] for call in walk.calls} == set(policies())
    for principal, statements in policies().items():
        tags = tagged("prod" if "prod" in principal else "staging")
        assert outside(walk.calls, {principal: statements}, tags) == []
    elsewhere = {str(need) for call in moved(walk) for need in needs(call)}
    named = {each for each in elsewhere if "project-other" in each}
    assert len(named) > 50
    refused = outside(moved(walk), policies(), tagged("staging"))
    assert refused == sorted(f"testing: {need}" for need in named)


@pytest.mark.nightly
def test_a_second_evaluator_decides_the_same(walk: Walk) -> None:
    roles, calls = policies(), [*walk.calls, *moved(walk)]
    asked = {}
    for call in calls:
        who = call["principal"]
        for need in needs(call, tagged("prod" if "prod" in who else "staging")):
            asked[who, str(need)] = roles[who], by(who, need)
    questions = list(asked.values())
    told = decisions(questions)
    theirs = [each == "Allowed" for each in told]
    different = [
        (str(need), verdict)
        for (statements, need), verdict in zip(questions, told, strict=True)
        if (verdict == "Allowed") != allows(statements, need)
    ]
    assert {need.partition(":")[0] for need, _ in different} <= {
        "kms"
    }  # asks the key's policy, too
    assert min(theirs.count(True), theirs.count(False)) > 50


def tagged(environment: str) -> Tags:
    """The tags of resources that no name of an environment is in: all of one environment."""
    own = {"project": "project", "environment": environment}
    return lambda arn: own if re.search(":(apigateway|application-autoscaling|batch):", arn) else {}


STAGINGS = [
    *(("foundation", f"{name}Role") for name in
      ("SageMaker", "Api", "CloudFormation", "Deploy", "Build", "Preview", "Monitor", "AgeWatch")),
    *(("compute", f"{name}Role") for name in
      ("Start", "Step", "StepFunctions", "PreviewStart", "PreviewStep", "PreviewStates",
       "Schedule")),
]  # fmt: skip
UNLIMITED = {
    "apigateway:GET on arn:aws:apigateway:eu-west-1::/restapis",
    "cloudformation:ValidateTemplate on *",
    "ecr:GetAuthorizationToken on *",
    "sagemaker:ListModels on *",
}
"""What AWS limits to no resource: lists, a token of one's own registry, a check of a text."""


def needs_of_prod(walk: Walk) -> list[Need]:
    """What the calls of prod's workflow need, but for what it reads of staging."""
    calls = [call for call in walk.calls if call["principal"] == "project-prod-deploy"]
    every = {str(need): need for call in calls for need in needs(call, tagged("prod"))}
    found = [need for name, need in every.items() if "project-staging" not in name]
    assert len(found) > 60
    assert UNLIMITED - {"ecr:GetAuthorizationToken on *"} <= {label(need) for need in found}
    return found


def label(need: Need) -> str:
    return f"{need.action} on {need.resource}"


@pytest.mark.parametrize(("template", "role"), STAGINGS)
def test_no_role_of_staging_may_do_anything_of_what_prods_release_does(
    walk: Walk, template: str, role: str
) -> None:
    statements = templates.policy(template, role, "staging")
    name = f"project-staging-{role}"
    allowed = {label(each) for each in needs_of_prod(walk) if allows(statements, by(name, each))}
    assert allowed <= UNLIMITED
    if role != "DeployRole":
        return
    moved = json.dumps(walk.calls).replace("project-prod", "project-staging")
    moved = moved.replace('"prod"', '"staging"')
    own = [call for call in json.loads(moved) if call["principal"] == "project-staging-deploy"]
    assert outside(own, {"project-staging-deploy": statements}, tagged("staging")) == []


def test_a_person_with_prods_policies_is_refused(walk: Walk) -> None:
    """Also one who may do everything else: prod's Deny, and that of its bucket."""
    statements = templates.policy("foundation", "DeployRole", "prod")
    person = {label(each) for each in needs_of_prod(walk) if allows(statements, by("ann", each))}
    # Reading staging's release is no secret: the workflow's role needs the same statements.
    assert person <= UNLIMITED | {"kms:Verify on arn:aws:kms:eu-west-1:123456789012:key/aws-id"}
    anything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    with patch.dict(templates.PARAMETERS, Bucket="project-prod-123456789012", Releasers=[
        "arn:aws:iam::123456789012:role/project-prod-deploy"]):  # fmt: skip
        template = templates.load("foundation")
        document = template["Resources"]["ArtifactsPolicy"]["Properties"]["PolicyDocument"]
        bucket = templates.plain(document, "foundation")["Statement"]
    denied = [
        {key: value for key, value in each.items() if key != "Principal"}
        for each in bucket
        if each["Sid"] == "WorkflowOnly"
    ]
    release = Need("s3:PutObject", "arn:aws:s3:::project-prod-123456789012/releases/a.tar.gz")
    assert not allows([*anything, *denied], by("ann", release))
    assert allows([*anything, *denied], by("project-prod-deploy", release))


def test_the_value_of_prods_key_is_not_staging_to_read() -> None:
    """Neither by a list of all keys nor by its id; staging's own key is."""
    statements = templates.policy("foundation", "DeployRole", "staging")
    keys = "arn:aws:apigateway:eu-west-1::/apikeys"
    for resource, environment, may in (
        (f"{keys}/abc", "staging", True), (f"{keys}/abc", "prod", False), (keys, "staging", False),
    ):  # fmt: skip
        tags = {"aws:ResourceTag/project": "project", "aws:ResourceTag/environment": environment}
        context = tags if resource != keys else {}
        assert allows(statements, by("d", Need("apigateway:GET", resource, context))) == may


def test_the_function_asks_its_endpoint_and_nothing_else(walk: Walk) -> None:
    asked = {"sagemaker:InvokeEndpoint", "s3:GetObject"}
    assert actions(walk.calls, "project-staging-api") == asked
    own_log = {"logs:CreateLogStream", "logs:PutLogEvents"}  # of Lambda itself
    granted = templates.granted("foundation", "ApiRole")
    assert granted == {*asked, *own_log}


def test_nothing_is_left_of_one_environment_and_the_other_serves_on(walk: Walk) -> None:
    assert "nothing is left" in walk.printed["destroy"]
    assert "not bootstrapped yet: run `make bootstrap" in walk.do("nothing", "status", code=4)
    status = json.loads(walk.do("prod", "status", environment="prod"))
    assert status["release"]["run"] == "2"
    (life,) = status["releases"]
    assert life["came"] == "promoted from staging; the first release"
    assert "mlops-account: no updates" in walk.printed["bootstrap prod"]
    described = walk.client("cloudformation").describe_stacks()["Stacks"]
    stacks = {each["StackName"] for each in described if "DELETE" not in each["StackStatus"]}
    parts = ("foundation", "compute", "budget", "api")
    assert stacks == {"mlops-account", *(f"project-prod-{part}" for part in parts)}
