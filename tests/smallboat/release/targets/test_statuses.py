"""Each status that SageMaker documents for an endpoint, as botocore's own model lists them."""

from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber
from releasing import values
from smallboat.aws import aws
from smallboat.config import config
from smallboat.errors import CloudError, ReleaseError
from smallboat.release.targets import hosting
from smallboat.release.targets.configurations import Configurations
from smallboat.release.targets.hosting import Hosting

OLD, NEW = "toy-staging-000000000000", "toy-staging-111111111111"
SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 2}
MODEL = botocore.session.get_session().get_service_model("sagemaker")
STATUSES = set(MODEL.shape_for("EndpointStatus").enum)
UPDATABLE = STATUSES - aws.CHANGING - {"Failed"}


class Endpoint:
    """An endpoint of which the test says what SageMaker answers, call by call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        client = botocore.session.get_session().create_client(
            "sagemaker",
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        self.calls: list[str] = []
        client.meta.events.register(
            "before-parameter-build", lambda model, **_: self.calls.append(model.name)
        )
        self.stub = Stubber(client)
        self.stub.activate()
        env: Any = aws.Environment(config.Settings.model_validate(values()))
        monkeypatch.setattr(env, "client", lambda service: client)
        monkeypatch.setattr(hosting, "POLL_SECONDS", (0.0, 0.0))
        self.name = env.endpoint
        self.hosting = Hosting(env, Configurations(env))

    def described(
        self, status: str, serves: str = OLD, runs: bool = True, reason: str = ""
    ) -> None:
        """DescribeEndpoint, once."""
        variant = {"VariantName": "live", "CurrentServerlessConfig": SERVERLESS}
        self._add("describe_endpoint", {
            "EndpointName": self.name,
            "EndpointArn": f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{self.name}",
            "EndpointConfigName": serves,
            "EndpointStatus": status,
            "CreationTime": "2026-01-01T00:00:00Z",
            "LastModifiedTime": "2026-01-01T00:00:00Z",
            **({"ProductionVariants": [variant]} if runs else {}),
            **({"FailureReason": reason} if reason else {}),
        })  # fmt: skip

    def on_serverless(self) -> None:
        """DescribeEndpointConfig, once."""
        self._add("describe_endpoint_config", {
            "EndpointConfigName": OLD,
            "EndpointConfigArn": f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint-config/{OLD}",
            "ProductionVariants": [
                {"VariantName": "live", "ModelName": OLD, "ServerlessConfig": SERVERLESS}
            ],
            "CreationTime": "2026-01-01T00:00:00Z",
        })  # fmt: skip

    def changes(self, operation: str) -> None:
        """UpdateEndpoint, CreateEndpoint or DeleteEndpoint, once."""
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{self.name}"
        self._add(operation, {} if operation == "delete_endpoint" else {"EndpointArn": arn})

    def gone(self) -> None:
        """There is none."""
        self.stub.add_client_error(
            "describe_endpoint", "ValidationException", "Could not find endpoint"
        )

    def _add(self, operation: str, answer: dict[str, Any]) -> None:
        self.stub.add_response(operation, answer)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    return Endpoint(monkeypatch)


@pytest.mark.parametrize("status", sorted(UPDATABLE))
def test_in_a_status_that_is_stable_it_is_updated(endpoint: Endpoint, status: str) -> None:
    endpoint.described(status)
    endpoint.on_serverless()
    endpoint.changes("update_endpoint")
    endpoint.described("Updating")
    endpoint.described("InService", serves=NEW)
    endpoint.on_serverless()
    endpoint.hosting.serve(NEW, {})
    endpoint.stub.assert_no_pending_responses()


@pytest.mark.parametrize("status", sorted(aws.CHANGING - {"Deleting"}))
def test_while_it_changes_it_is_waited_for(endpoint: Endpoint, status: str) -> None:
    endpoint.described(status)
    endpoint.described(status)
    endpoint.described("InService", serves=NEW)
    endpoint.described("InService", serves=NEW)
    endpoint.on_serverless()
    endpoint.hosting.serve(NEW, {})
    endpoint.stub.assert_no_pending_responses()


def test_one_that_is_being_deleted_is_created_again(endpoint: Endpoint) -> None:
    endpoint.described("Deleting")
    endpoint.gone()
    endpoint.changes("create_endpoint")
    endpoint.described("Creating", serves=NEW, runs=False)
    endpoint.described("InService", serves=NEW)
    endpoint.on_serverless()
    endpoint.hosting.serve(NEW, {})
    endpoint.stub.assert_no_pending_responses()


def test_one_that_never_ran_is_replaced(endpoint: Endpoint) -> None:
    endpoint.described("Failed", runs=False, reason="no such image")
    endpoint.described("Failed", runs=False)
    endpoint.on_serverless()
    endpoint.changes("delete_endpoint")
    endpoint.gone()
    endpoint.changes("create_endpoint")
    endpoint.described("InService", serves=NEW)
    endpoint.on_serverless()
    endpoint.hosting.serve(NEW, {})
    endpoint.stub.assert_no_pending_responses()


def test_one_that_failed_but_still_serves_is_never_deleted(endpoint: Endpoint) -> None:
    endpoint.described("Failed", reason="no capacity")
    message = rf"Failed \(no capacity\) but still serves {OLD}.*aws sagemaker delete-endpoint"
    with pytest.raises(CloudError, match=message):
        endpoint.hosting.serve(NEW, {})
    assert endpoint.calls == ["DescribeEndpoint"]


def test_going_back_to_what_a_failed_one_still_serves_changes_nothing(endpoint: Endpoint) -> None:
    endpoint.described("Failed", reason="no capacity")
    endpoint.hosting.serve(OLD, {})
    assert endpoint.calls == ["DescribeEndpoint"]


def test_a_mix_of_two_configurations_is_updated_to_one(endpoint: Endpoint) -> None:
    endpoint.described("UpdateRollbackFailed", serves=NEW)
    endpoint.on_serverless()
    endpoint.changes("update_endpoint")
    endpoint.described("InService", serves=NEW)
    endpoint.on_serverless()
    endpoint.hosting.serve(NEW, {})
    endpoint.stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        ("UpdateRollbackFailed", "capacity", CloudError),
        ("Failed", "capacity", CloudError),
        ("Failed", "The container did not pass the ping health check.", ReleaseError),
        ("OutOfService", "", CloudError),
        ("InService", "", ReleaseError),
    ],
)
def test_an_update_that_did_not_succeed_says_so(
    endpoint: Endpoint, status: str, reason: str, error: type[Exception]
) -> None:
    endpoint.described("InService")
    endpoint.on_serverless()
    endpoint.changes("update_endpoint")
    endpoint.described("RollingBack")
    endpoint.described(status, reason=reason)
    with pytest.raises(error, match=f"did not take {NEW} and is {status}"):
        endpoint.hosting.serve(NEW, {})
    endpoint.stub.assert_no_pending_responses()


def test_every_documented_status_is_known() -> None:
    assert aws.CHANGING | UPDATABLE | {"Failed"} == STATUSES
    assert {"InService", "OutOfService", "UpdateRollbackFailed"} == UPDATABLE
    assert hosting.MIXED <= UPDATABLE
