"""The evaluator of policies that the other tests rely on: each rule of IAM, and refusals."""

from typing import Any

import pytest
import templates
from iam_simulation import Need, allows, needs, outside

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/project-staging-api"
BUCKET = "arn:aws:s3:::project-staging-123456789012"


def statement(**given: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{BUCKET}/*", **given}


def call(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
    return {"service": service, "operation": operation, "principal": "p", "parameters": parameters}


@pytest.mark.parametrize(
    ("given", "action", "resource", "allowed"),
    [
        ({}, "s3:GetObject", f"{BUCKET}/a/b", True),
        ({}, "S3:getobject", f"{BUCKET}/a", True),  # actions have no case, resources have
        ({}, "s3:GetObject", f"{BUCKET.upper()}/a", False),
        ({}, "s3:PutObject", f"{BUCKET}/a", False),
        ({}, "s3:GetObject", BUCKET, False),
        ({"Action": "s3:Get*"}, "s3:GetObject", f"{BUCKET}/a", True),
        ({"Action": "s3:Get?"}, "s3:GetObject", f"{BUCKET}/a", False),
        ({"Resource": [f"{BUCKET}/b", f"{BUCKET}/?"]}, "s3:GetObject", f"{BUCKET}/a", True),
        ({"Effect": "Deny"}, "s3:GetObject", f"{BUCKET}/a", False),
    ],
)
def test_actions_and_resources_are_compared_as_iam_does(
    given: dict[str, Any], action: str, resource: str, allowed: bool
) -> None:
    assert allows([statement(**given)], Need(action, resource)) == allowed


def test_a_deny_overrides_and_not_action_and_not_resource_are_the_rest() -> None:
    need, whole = Need("s3:GetObject", f"{BUCKET}/a"), statement()
    assert allows([whole], need)
    assert not allows([whole, statement(Effect="Deny")], need)
    assert not allows([whole, {"Effect": "Deny", "NotAction": "s3:Put*", "Resource": "*"}], need)
    assert allows([whole, {"Effect": "Deny", "NotAction": "s3:Get*", "Resource": "*"}], need)
    other = {"Effect": "Deny", "Action": "*", "NotResource": f"{BUCKET}/a"}
    assert allows([whole, other], need)
    assert not allows([whole, other], Need("s3:GetObject", f"{BUCKET}/b"))


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "holds"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringEqualsIgnoreCase", "A", "a", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "a*", "ab", True),
        ("StringNotLike", "a*", "ab", False),
        ("ArnLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/a", True),
        ("ArnNotLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/a", False),
        ("Bool", "true", True, True),
        ("Bool", "false", "true", False),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("ForAnyValue:StringEquals", "a", ["a", "b"], True),
        ("ForAllValues:StringEquals", "a", ["a", "b"], False),
        ("ForAllValues:StringEquals", "a", None, True),
        ("ForAnyValue:StringEquals", "a", None, False),
    ],
)
def test_conditions_hold_as_iam_says(operator: str, wanted: Any, value: Any, holds: bool) -> None:
    given = statement(Condition={operator: {"aws:ResourceTag/Environment": wanted}})
    context = {} if value is None else {"aws:resourcetag/environment": value}
    assert allows([given], Need("s3:GetObject", f"{BUCKET}/a", context)) == holds


def test_what_the_evaluator_does_not_know_is_an_error() -> None:
    need = Need("s3:GetObject", f"{BUCKET}/a", {"aws:SourceIp": "10.0.0.1"})
    with pytest.raises(KeyError, match="IpAddress"):
        allows([statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], need)
    with pytest.raises(AssertionError, match="Principal"):
        allows([statement(Principal="*")], need)
    (unnamed,) = needs(call("s3", "DeleteBucketPolicy"))
    assert not allows([statement(Action="s3:*", Resource=[BUCKET, f"{BUCKET}/*"])], unnamed)
    with pytest.raises(AssertionError, match="no action s3:Nothing"):
        list(needs(call("s3", "Nothing")))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (call("s3", "ListObjectsV2", Bucket="b", Prefix="a/"),
         {"s3:ListBucket on arn:aws:s3:::b {'s3:prefix': 'a/'}"}),
        (call("sts", "GetCallerIdentity"), set()),
        (call("sagemaker", "UpdateEndpoint", EndpointName="e", EndpointConfigName="c"),
         {f"sagemaker:UpdateEndpoint on {SAGEMAKER}:endpoint/e",
          f"sagemaker:UpdateEndpoint on {SAGEMAKER}:endpoint-config/c"}),
        (call("batch", "SubmitJob", jobName="a", jobQueue="q", jobDefinition="d"),
         {f"batch:SubmitJob on arn:aws:batch:eu-west-1:123456789012:{each}"
          for each in ("job/aws-id", "job-queue/q", "job-definition/d")}),
        (call("apigateway", "UpdateStage", restApiId="r", stageName="s"),
         {"apigateway:PATCH on arn:aws:apigateway:eu-west-1::/restapis/r/stages/s"}),
        (call("events", "PutTargets", Rule="r", Targets=[{"RoleArn": "arn:aws:iam::1:role/a"}]),
         {"events:PutTargets on arn:aws:events:eu-west-1:123456789012:rule/r",
          "iam:PassRole on arn:aws:iam::1:role/a {'iam:PassedToService': 'events.amazonaws.com'}"}),
    ],
)  # fmt: skip
def test_a_call_needs_its_resources(given: dict[str, Any], wanted: set[str]) -> None:
    assert wanted <= {str(each) for each in needs(given)}


def test_the_role_of_one_environment_is_refused_at_another() -> None:
    role = {"p": templates.policy("foundation", "DeployRole")}
    own = call("sagemaker", "UpdateEndpoint", EndpointName="project-staging",
               EndpointConfigName="project-staging-a")  # fmt: skip
    others = call("sagemaker", "UpdateEndpoint", EndpointName="project-prod",
                  EndpointConfigName="project-prod-a")  # fmt: skip
    assert outside([own], role) == []
    assert len(outside([others], role)) == 2
    named = {"ModelName": "project-staging-a", "ExecutionRoleArn": ROLE}
    (refused,) = outside([call("sagemaker", "CreateModel", **named)], role)
    assert refused.startswith(f"p: iam:PassRole on {ROLE} ")
