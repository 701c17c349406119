"""The configuration decides what a step may take."""

import re
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber
from metaflow.plugins.aws.batch import batch
from smallboat.aws import remote
from smallboat.config import config, sections
from smallboat.training import policy
from smallboat.workflows import notices
from toy.problem import PROBLEM

SECRET = {"type": "aws-secrets-manager", "id": "a/b"}
NONE = sections.StepPolicy().model_dump()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, []),
        ({"retries": 2}, [("retry", {"times": 2, "minutes_between_retries": 0})]),
        ({"timeout_seconds": 5}, [("timeout", {"seconds": 5})]),
        ({"cpu": 2, "memory": 512}, [("resources", {"cpu": 2, "memory": 512})]),
        ({"remote": True}, [("batch", {})]),
        ({"remote": True, "gpu": 1}, [("batch", {"gpu": 1, "queue": "gpus"})]),
        (
            {"secrets": ["a/b"]},
            [("secrets", {"sources": [SECRET], "allow_override": True})],
        ),
    ],
)
def test_options_become_decorators(options: dict[str, int], wanted: list[object]) -> None:
    assert policy.decorators(NONE | options, "gpus") == wanted


@pytest.mark.parametrize(
    ("production", "attempt", "decorated", "told"),
    [
        (True, 0, [], 1),
        (False, 0, [], 0),
        (True, 0, [SimpleNamespace(name="retry", attributes={"times": 1})], 0),
        (True, 1, [SimpleNamespace(name="retry", attributes={"times": 1})], 1),
        (True, 0, [SimpleNamespace(name="catch", attributes={})], 0),
    ],
)
def test_the_last_attempt_of_a_production_run_tells_why_it_failed(
    monkeypatch: pytest.MonkeyPatch,
    production: bool,
    attempt: int,
    decorated: list[SimpleNamespace],
    told: int,
) -> None:
    running = SimpleNamespace(is_production=production, retry_count=attempt, run_id="sfn-1")
    monkeypatch.setattr("metaflow.current", running)
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(notices, "tell", lambda _, name, message: heard.append((name, message)))
    settings = config.parse(PROBLEM, Path("config/staging.toml").read_text())
    flow = SimpleNamespace(
        config=SimpleNamespace(to_dict=lambda: settings), end=SimpleNamespace(decorators=decorated)
    )
    policy._notify("end", flow, "the release is late")
    assert heard == [("failed", "run sfn-1 failed in end: the release is late")] * told


@pytest.mark.parametrize(
    ("public", "ending", "address"), [(True, "", "ENABLED"), (False, "_private", "DISABLED")]
)
def test_a_job_on_fargate_has_no_public_address_if_it_must_not(
    monkeypatch: pytest.MonkeyPatch, public: bool, ending: str, address: str
) -> None:
    """By Metaflow's own code, up to what botocore would send."""
    client = boto3.client(
        "batch", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    monkeypatch.setattr("metaflow.plugins.aws.aws_client.get_aws_client", lambda _: client)
    monkeypatch.setattr(batch, "BatchClient", batch.BatchClient)
    policy._change_job_definitions(SimpleNamespace(to_dict=lambda: _on_aws(public)))
    sent: list[dict[str, object]] = []
    client.meta.events.register(
        "before-parameter-build.batch.*", lambda params, **_: sent.append(dict(params))
    )
    with Stubber(client) as stub:
        queue: dict[str, object] = {
            "jobQueueName": "q",
            "jobQueueArn": "q",
            "state": "ENABLED",
            "priority": 1,
        }
        queue["computeEnvironmentOrder"] = [{"order": 1, "computeEnvironment": "c"}]
        stub.add_response("describe_job_queues", {"jobQueues": [queue]})
        environment: dict[str, object] = {
            "computeEnvironmentName": "c",
            "computeEnvironmentArn": "c",
        }
        environment["computeResources"] = {"type": "FARGATE", "maxvCpus": 1, "subnets": []}
        stub.add_response("describe_compute_environments", {"computeEnvironments": [environment]})
        stub.add_response("describe_job_definitions", {"jobDefinitions": []})
        made = {"jobDefinitionName": "d", "jobDefinitionArn": "arn:d", "revision": 1}
        stub.add_response("register_job_definition", made)
        batch.BatchClient().job().job_queue("q").job_def(
            "image", "role", "q", "start", None, None, None, None, None, 4096, None, None, False,
            None, None, None, 0, None, None, None, False,
        )  # fmt: skip
    looked_for, registered = sent[2:]
    assert looked_for["jobDefinitionName"] == registered["jobDefinitionName"]
    settings = config.check(_on_aws(public))
    name = f"{remote.definitions(settings)}metaflow_[0-9a-f]{{56}}{ending}"
    assert re.fullmatch(name, str(registered["jobDefinitionName"]))
    properties = registered["containerProperties"]
    assert properties["networkConfiguration"] == {"assignPublicIp": address}  # type: ignore[index]


def _on_aws(public: bool) -> dict[str, object]:
    settings = config.parse(PROBLEM, Path("config/staging.toml").read_text())
    settings["aws"]["batch"]["public_addresses"] = public
    return settings
