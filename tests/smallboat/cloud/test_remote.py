"""The training flow on Step Functions and Batch, from its schedule to a served champion."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import drifting
import pytest
import templates
from bootstrapped import ACCOUNT, BUCKET, NAME_PREFIX, REGION
from clouds import Cloud
from iam_simulation import outside
from permissions import actions
from remotely import MACHINE, MARKER, MONITOR, Remote

pytestmark = pytest.mark.nightly
COST_TAGS = {"project": "project", "environment": "staging", "owner": "Toy Makers"}
STEP_FUNCTIONS = "ak"
"""The key with which moto's Step Functions calls services."""
LIMIT = 8192
"""Batch's limit for the overrides of a job, in bytes."""
ROOM = 1000
"""Bytes that longer names than the test's may add."""


class Production(Remote):
    """A project whose state machine was deployed and ran once, by its rule."""

    printed: str
    execution: dict[str, Any]
    run_id: str
    deploying: list[dict[str, Any]]
    calls: list[dict[str, Any]]

    def make(self) -> None:
        """Deploy it, and run it as its schedule does; its last step sends to Comet."""
        self.bootstrap()
        self.cloud.forget()
        self.printed = self.do("flow-deploy")
        self.deploying = self.cloud.calls()
        self.cloud.forget()
        self.execution = self.fire()
        self.calls = self.cloud.calls()
        assert self.execution["status"] == "SUCCEEDED", str(self.execution.get("cause"))[:2000]
        self.run_id = f"sfn-{self.execution['name']}"


@pytest.fixture(scope="module")
def production(
    locked: None, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    """One execution, shared by all tests."""
    cloud.reset()
    made = Production(tmp_path_factory.mktemp("production"), cloud)
    made.make()
    yield made
    cloud.reset()


def overrides(value: Any) -> Iterator[dict[str, Any]]:
    """The container overrides anywhere in a definition."""
    if isinstance(value, dict):
        yield from [value["ContainerOverrides"]] if "ContainerOverrides" in value else []
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from overrides(each)


def unpacked(content: bytes) -> Iterator[bytes]:
    """What an object holds, and what the archives in it hold."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield from unpacked(gzip.decompress(content))
    elif zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            yield from (file.read() for one in tar if (file := tar.extractfile(one)))


def test_the_deployment_prints_what_it_created_and_what_to_do(production: Production) -> None:
    lines = production.printed.splitlines()
    assert lines[0] == f"created the state machine {MACHINE}"
    assert lines[1].startswith("it runs on schedule, 17 4 * * 1 (UTC)")
    assert lines[2] == f"created the state machine {MONITOR}"
    assert lines[3].startswith("it runs on schedule, 47 5 * * * (UTC), and starts the training")
    assert lines[-1].startswith("next: aws stepfunctions start-execution")


def test_a_rule_starts_it_on_schedule(production: Production) -> None:
    events = production.client("events")
    rule = events.describe_rule(Name=MACHINE)
    assert (rule["ScheduleExpression"], rule["State"]) == ("cron(17 4 ? * 2 *)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=MACHINE)["Targets"]
    assert target["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/{NAME_PREFIX}-schedule"


def test_it_ends_with_a_served_champion(production: Production) -> None:
    status = json.loads(production.do("status"))
    assert status["release"]["run"] == production.run_id
    assert f"model of run {production.run_id}" in production.do("predict")


def test_it_collected_its_own_data_which_are_the_newest_now(production: Production) -> None:
    (evaluation,) = production.evaluations().values()
    newest = production.objects("store/snapshots/newest")["store/snapshots/newest"].decode()
    assert newest == evaluation["snapshot"]


def test_the_outcome_is_told(production: Production) -> None:
    (call,) = [call for call in production.calls if call["operation"] == "Publish"]
    assert call["principal"] == f"{NAME_PREFIX}-step"
    assert "released" in call["parameters"]["Message"]
    assert call["parameters"]["TopicArn"] == f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME_PREFIX}-alarms"


def test_overrides_are_short_enough_for_batch(production: Production) -> None:
    found = list(overrides(production.machine()))
    assert len(found) == 9  # a step each
    assert max(len(json.dumps(each)) for each in found) < LIMIT - ROOM


def test_jobs_and_state_machines_have_the_tags_that_the_budget_counts(
    production: Production,
) -> None:
    jobs = [call for call in production.calls if call["operation"] == "SubmitJob"]
    assert len(jobs) == 10
    for call in jobs:
        assert COST_TAGS.items() <= call["parameters"]["tags"].items()
    definitions = production.client("batch").describe_job_definitions()["jobDefinitions"]
    assert definitions and all(each["propagateTags"] for each in definitions)
    states = production.client("stepfunctions")
    for name in (MACHINE, MONITOR):
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
        tags = states.list_tags_for_resource(resourceArn=arn)["tags"]
        assert {each["key"]: each["value"] for each in tags} == COST_TAGS


def test_steps_do_what_their_role_may(production: Production) -> None:
    called = actions(production.calls, f"{NAME_PREFIX}-step")
    granted = templates.granted("compute", "StepRole")
    deploying = templates.granted("foundation", "DeployRole")
    flow = {"batch:SubmitJob", "states:CreateStateMachine"}
    assert called - granted - (deploying - flow) == set()
    assert {"dynamodb:PutItem", "secretsmanager:GetSecretValue", "sns:Publish"} <= called


def test_no_call_is_outside_of_the_resources_that_its_role_is_granted(
    production: Production,
) -> None:
    person = {"testing": templates.policy("foundation", "DeployRole")}
    assert outside(production.deploying, person) == []
    roles = {
        f"{NAME_PREFIX}-step": templates.policy("compute", "StepRole"),
        STEP_FUNCTIONS: templates.policy("compute", "StepFunctionsRole"),
    }
    assert {call["principal"] for call in production.calls} == {*roles, "testing"}
    assert outside(production.calls, roles) == []


def test_a_secret_is_read_where_it_is_needed_and_kept_nowhere(production: Production) -> None:
    readers = [call for call in production.calls if call["operation"] == "GetSecretValue"]
    assert [call["principal"] for call in readers] == [f"{NAME_PREFIX}-step"]
    objects = production.objects()
    logs = [body for key, body in objects.items() if "/end/" in key and key.endswith(".log")]
    assert any(b"tracking: none (http://127.0.0.1:9/" in body for body in logs)
    batch, states = production.client("batch"), production.client("stepfunctions")
    jobs = [
        job["jobId"]
        for job in batch.list_jobs(jobQueue=NAME_PREFIX, jobStatus="SUCCEEDED")["jobSummaryList"]
    ]
    assert len(jobs) == 10  # of two candidates
    history = states.get_execution_history(executionArn=production.execution["executionArn"])
    described = [
        production.machine(),
        batch.describe_job_definitions(),
        batch.describe_jobs(jobs=jobs),
        history,
        production.calls,
    ]
    held = [json.dumps(described, default=str).encode(), *objects.values()]
    assert not [1 for one in held for content in unpacked(one) if MARKER.encode() in content]


def test_the_code_package_holds_what_a_release_needs(production: Production) -> None:
    done = subprocess.run(
        [sys.executable, "flows/train.py", "--no-pylint", "package", "list"],
        cwd=production.folder,
        env={"PATH": "/usr/bin:/bin", "METAFLOW_USER": "test", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    for name in (
        "config/staging.toml",
        "vendor/smallboat/smallboat/serving/model/server.py",
        "serving/model/Dockerfile.dockerignore",
        "vendor/smallboat/smallboat/release/release.py",
        "toy/inputs.py",
    ):
        assert f"/{name}\n" in done.stdout + done.stderr


def test_somebody_else_deploys_it_again_from_another_machine(
    production: Production, tmp_path: Path
) -> None:
    before = _parameters(production)
    elsewhere = production.elsewhere(tmp_path / "elsewhere")
    again = elsewhere.do("flow-deploy", METAFLOW_USER="somebody")
    assert again.startswith(f"updated the state machine {MACHINE}")
    for name in ("metaflow.owner", "metaflow.production_token"):
        assert _parameters(production)[name] == before[name]


def _parameters(production: Production) -> dict[str, str]:
    found: dict[str, str] = production.machine()["States"]["start"]["Parameters"]["Parameters"]
    return found


def test_a_preview_has_no_schedule_and_goes_again(production: Production) -> None:
    name = "project.test.pr12.TrainFlow"
    assert f"created the state machine {name}" in production.do("flow-deploy", "--branch", "pr12")
    rules = {each["Name"] for each in production.client("events").list_rules()["Rules"]}
    assert name in production.machines() and name not in rules
    gone = production.do("flow-remove", "--branch", "pr12")
    assert gone == f"removed the state machine {name}\n"
    assert production.machines() == {MACHINE, MONITOR}
    assert production.do("flow-remove", "--branch", "pr12") == "nothing to do\n"


@pytest.mark.parametrize("branch", ["Feature/1", "pr-12", "b" * 40])
def test_a_branch_that_metaflow_refuses_is_refused_before_anything(
    production: Production, branch: str
) -> None:
    production.cloud.forget()
    printed = production.do("flow-deploy", "--branch", branch, code=2)
    assert printed.startswith(f"error: BRANCH={branch}: ") and printed.count("\n") == 1
    assert production.cloud.calls() == []


def test_when_github_has_the_schedule_the_rule_goes(production: Production) -> None:
    with production.changed("config/staging.toml", 'by = "stepfunctions"', 'by = "actions"'):
        printed = production.do("flow-deploy")
    assert f"removed the schedule of {MACHINE}\n" in printed and "nothing to deploy" in printed
    assert f"removed the state machine {MONITOR}\n" in printed
    rules = {each["Name"] for each in production.client("events").list_rules()["Rules"]}
    assert not rules & {MACHINE, MONITOR} and MONITOR not in production.machines()


def test_without_an_image_the_message_names_the_command(production: Production) -> None:
    with production.changed("uv.lock", "version = 1", "version = 1 # changed"):
        printed = production.do("flow-deploy", code=2)
    assert "-train has no image" in printed and "`make image ENV=staging`" in printed


def test_the_same_data_make_the_same_model_here(production: Production) -> None:
    (evaluation,) = production.evaluations().values()
    with production.changed("config/staging.toml", 'by = "stepfunctions"', 'by = "actions"'):
        printed = production.do("train")
    assert f"passed: model {evaluation['model_hash']}\n" in printed


def test_an_execution_that_was_killed_is_taken_up_here(
    production: Production, tmp_path: Path
) -> None:
    """Its last step has left nothing, as if its machine had gone."""
    prefix = f"metaflow/TrainFlow/{production.run_id}/end/"
    for key in production.objects(prefix):
        production.client("s3").delete_object(Bucket=BUCKET, Key=key)
    printed = production.elsewhere(tmp_path / "elsewhere").do("resume", "--run", production.run_id)
    assert "passed: model " in printed and "released" not in printed


def test_a_scheduled_monitor_starts_the_training_when_a_retraining_is_due(
    production: Production,
) -> None:
    """It reads the function's log, finds the drift, and asks for a training once."""
    production.do("flow-deploy")
    release = json.loads(production.do("status"))["release"]
    logs, group = production.client("logs"), f"/aws/lambda/{NAME_PREFIX}-api"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="a")
    for number, line in enumerate(drifting.lines(release, 1600)):
        at = int(time.time() * 1000) - 60_000 + number
        logs.put_log_events(logGroupName=group, logStreamName="a",
                            logEvents=[{"timestamp": at, "message": line}])  # fmt: skip
    production.cloud.forget()
    execution = production.fire(MONITOR)
    assert execution["status"] == "SUCCEEDED", str(execution.get("cause"))[:2000]
    verdict = json.loads(production.objects("store/monitoring/")["store/monitoring/verdict.json"])
    assert verdict["verdict"] == "drifted" and verdict["asked"]
    called = actions(production.cloud.calls(), f"{NAME_PREFIX}-step")
    assert {"logs:FilterLogEvents", "states:StartExecution", "cloudwatch:PutMetricData"} <= called
    granted = templates.granted("compute", "StepRole") | templates.granted(
        "foundation", "MonitorRole"
    )
    assert called <= granted
    states = production.client("stepfunctions")
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{MACHINE}"
    executions = states.list_executions(stateMachineArn=arn)["executions"]
    assert len(executions) == 2
    for each in executions:
        production.ended(each["executionArn"])
    assert production.fire(MONITOR)["status"] == "SUCCEEDED"
    assert len(states.list_executions(stateMachineArn=arn)["executions"]) == 2
