"""Whether the account's quota of serverless endpoints suffices, on the emulator."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber
from clouds import Cloud
from releasing import INSTANCES, values
from smallboat.aws import aws
from smallboat.cloud import quotas
from smallboat.config import config

ALLOWED = 10
create_client = botocore.session.get_session().create_client


@pytest.fixture
def region(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A new account."""
    cloud.reset()
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    yield cloud
    cloud.reset()


def environment(**serverless: Any) -> aws.Environment:
    """Staging, with another `[aws.serverless]`."""
    table = values()
    table["aws"]["serverless"] |= serverless
    return aws.Environment(config.check(table))


def test_a_new_account_has_room_for_staging_and_prod(region: Cloud) -> None:
    assert quotas.shortage(environment()) is None


def test_more_than_the_account_may_have_is_told_before_the_endpoint_is_refused(
    region: Cloud,
) -> None:
    assert quotas.shortage(environment(max_concurrency=ALLOWED)) is None
    said = quotas.shortage(environment(max_concurrency=ALLOWED + 1)) or ""
    assert "SageMaker will refuse the endpoint: this account may have 10 concurrent" in said
    assert "--quota-code L-96300102 --desired-value 11" in said


def test_what_other_endpoints_reserve_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    env = environment(max_concurrency=3)
    clients = {
        name: create_client(name, region_name=env.region, aws_access_key_id="a",
                            aws_secret_access_key="a")
        for name in ("sagemaker", "service-quotas")
    }  # fmt: skip
    monkeypatch.setattr(env, "client", clients.__getitem__)
    with Stubber(clients["sagemaker"]) as sagemaker, Stubber(clients["service-quotas"]) as quota:
        quota.add_response("get_service_quota", {"Quota": {"Value": 10.0}}, quotas.SERVERLESS)
        listed = [summary(name) for name in (env.endpoint, "other", "machines")]
        sagemaker.add_response("list_endpoints", {"Endpoints": listed})
        limits = {"MemorySizeInMB": 1024, "MaxConcurrency": 8}
        for name, facts in (("other", {"CurrentServerlessConfig": limits}), ("machines", {})):
            variants = [{"VariantName": "live", **facts}]
            answer = {**summary(name), "EndpointConfigName": name, "ProductionVariants": variants}
            sagemaker.add_response("describe_endpoint", answer, {"EndpointName": name})
        said = quotas.shortage(env) or ""
        sagemaker.assert_no_pending_responses()
    assert "other endpoints reserve 8, and max_concurrency is 3" in said
    assert "--desired-value 11" in said


def summary(name: str) -> dict[str, str]:
    """What SageMaker lists of an endpoint."""
    now = "2026-01-01T00:00:00Z"
    return {
        "EndpointName": name,
        "EndpointArn": f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{name}",
        "CreationTime": now,
        "LastModifiedTime": now,
        "EndpointStatus": "InService",
    }


def test_instances_need_no_such_quota() -> None:
    table = values()
    del table["aws"]["serverless"]
    table["aws"]["instances"] = INSTANCES
    assert quotas.shortage(aws.Environment(config.check(table))) is None


def test_without_permission_it_is_told_that_nothing_was_checked(region: Cloud) -> None:
    region.fail("service-quotas", "GetServiceQuota", status=400, code="AccessDeniedException")
    said = quotas.shortage(environment()) or ""
    assert said.startswith("the quota of serverless endpoints was not checked: no permission")
