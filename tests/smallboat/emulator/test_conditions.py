"""A stack's conditions, when its parameters change."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from clouds import Cloud

TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}],
}
TEMPLATE = {
    "Parameters": {"Github": {"Type": "String"}, "Note": {"Type": "String"}},
    "Conditions": {"HasGithub": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Github"}, ""]}]}},
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Condition": "HasGithub",
            "Properties": {"RoleName": "builder", "AssumeRolePolicyDocument": TRUST},
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Condition": "HasGithub",
            "Properties": {"TopicName": {"Fn::GetAtt": ["Role", "RoleId"]},
                           "DisplayName": {"Ref": "Note"}},
        },
        "Policy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"ManagedPolicyName": "policy",
                           "Description": {"Ref": "Note"}, "PolicyDocument": POLICY},
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Note"}}},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def empty(cloud: Cloud) -> Iterator[None]:
    """Leave nothing behind."""
    cloud.reset()
    yield
    cloud.reset()


def test_what_a_condition_allows_is_made_changed_and_deleted(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation")

    def put(change: Any, github: str, note: str) -> list[str]:
        given = {"Github": github, "Note": note}
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()]
        change(StackName="conditional", TemplateBody=json.dumps(TEMPLATE), Parameters=parameters)
        found = cloud.client("iam").list_roles()["Roles"]
        return [each["RoleName"] for each in found if each["RoleName"] == "builder"]

    assert put(stacks.create_stack, "", "one") == []
    assert put(stacks.update_stack, "", "two") == []
    assert put(stacks.update_stack, "o/r", "three") == ["builder"]
    assert put(stacks.update_stack, "o/r", "four") == ["builder"]
    assert put(stacks.update_stack, "", "five") == []
