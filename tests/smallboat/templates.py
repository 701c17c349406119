"""The templates as values: their resources, and the permissions of their roles."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

from cfnlint.decode.cfn_yaml import load as load_yaml
from clouds import ROOT

FOLDER = ROOT / "infra"
NAMES = ("account", "foundation", "compute", "budget")
PARAMETERS = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "NamePrefix": "project-staging",
    "Project": "project",
    "Environment": "staging",
    "StagingPrefix": "project-staging",
    "StagingAccount": "123456789012",
    "RolePath": "/",
    "Tracker": "comet",
    "Releasers": "arn:aws:*:*:*:*",
    "Bucket": "project-staging-123456789012",
    "WebAcl": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/1-2",
}
ARNS = {
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::{}"),
    "AWS::ECR::Repository": (
        "RepositoryName",
        "arn:aws:ecr:eu-west-1:123456789012:repository/{}",
    ),
    "AWS::IAM::Role": ("RoleName", "arn:aws:iam::123456789012:role/{}"),
    "AWS::DynamoDB::Table": ("TableName", "arn:aws:dynamodb:eu-west-1:123456789012:table/{}"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "arn:aws:iam::123456789012:policy/{}"),
}


@dataclass(frozen=True)
class Statement:
    """A permission of a role."""

    role: str
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: dict[str, dict[str, Any]]


def load(name: str) -> dict[str, Any]:
    """A template, with CloudFormation's functions as dictionaries."""
    return dict(json.loads(_read(name)))


@cache
def _read(name: str) -> str:
    return json.dumps(load_yaml(str(FOLDER / f"{name}.yaml")))


def resources(name: str) -> dict[str, str]:
    """The type of each resource by its logical name."""
    return {key: each["Type"] for key, each in load(name)["Resources"].items()}


def roles(name: str) -> list[str]:
    """The logical names of a template's roles."""
    return [key for key, kind in resources(name).items() if kind == "AWS::IAM::Role"]


def statements(name: str, role: str) -> list[Statement]:
    """The permissions of a role: of its inline policies and of the template's managed ones."""
    template = load(name)
    properties = template["Resources"][role]["Properties"]
    documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
    for each in properties.get("ManagedPolicyArns", []):
        if isinstance(each, dict) and "Ref" in each:
            policy = template["Resources"][each["Ref"]]
            documents.append(policy["Properties"]["PolicyDocument"])
    return [
        Statement(
            role,
            each["Sid"],
            each["Effect"],
            tuple(listed(each["Action"])),
            tuple(str(plain(one, template)) for one in listed(each["Resource"])),
            plain(each.get("Condition", {}), template),
        )
        for document in documents
        for each in document["Statement"]
    ]


def policy(name: str, role: str, environment: str = "staging") -> list[dict[str, Any]]:
    """All statements of a role as IAM has them, those of other templates' policies included."""
    prefix = f"{PARAMETERS['Project']}-{environment}"
    own = {"NamePrefix": prefix, "Environment": environment,
           "Bucket": f"{prefix}-{PARAMETERS['AWS::AccountId']}"}  # fmt: skip
    if environment == "prod":  # released by its workflow
        own["Releasers"] = [f"arn:aws:iam::123456789012:role/{prefix}-{role}"
                            for role in ("deploy", "step")]  # fmt: skip
    with patch.dict(PARAMETERS, own):
        properties = plain(load(name)["Resources"][role]["Properties"], name)
        managed = dict(each for template in NAMES for each in _managed(template))
    documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
    attached = [
        each for each in properties.get("ManagedPolicyArns", []) if ":aws:policy/" not in each
    ]
    return [
        statement
        for document in [*documents, *(managed[each] for each in attached)]
        for statement in document["Statement"]
    ]


def _managed(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The managed policies of a template: ARN and document."""
    for key, each in load(name)["Resources"].items():
        if each["Type"] == "AWS::IAM::ManagedPolicy":
            yield plain({"Ref": key}, name), plain(each["Properties"]["PolicyDocument"], name)


def granted(name: str, role: str) -> set[str]:
    """The actions that a role of a template may call, as `s3:GetObject`."""
    allowed = [each for each in statements(name, role) if each.effect == "Allow"]
    return {action for each in allowed for action in each.actions}


def all_statements() -> Iterator[Statement]:
    """Those of every role of every template."""
    for name in NAMES:
        for role in roles(name):
            yield from statements(name, role)


def size(name: str, policy: Any) -> int:
    """The characters of a policy as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", json.dumps(plain(policy, load(name)))))


def listed(value: Any) -> list[Any]:
    """A value, or the values of a list: policies have both."""
    return value if isinstance(value, list) else [value]


def plain(value: Any, template: dict[str, Any] | str) -> Any:
    """A value with its references resolved, for an example environment."""
    if isinstance(template, str):
        template = load(template)
    if isinstance(value, list):
        values = [plain(each, template) for each in value]
        return [each for each in values if each != "AWS::NoValue"]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        text, *_ = listed(value["Fn::Sub"])
        return re.sub(r"\$\{([^}]+)\}", lambda m: _referred(m[1], template), text)
    if "Fn::GetAtt" in value:
        return _referred(".".join(listed(value["Fn::GetAtt"])), template)
    if "Ref" in value:
        return _referred(value["Ref"], template)
    if "Fn::If" in value:  # an environment with everything that can be in it
        condition, yes, no = value["Fn::If"]
        is_staging = PARAMETERS["NamePrefix"] == PARAMETERS["StagingPrefix"]
        return plain(no if condition == "TakesImages" and is_staging else yes, template)
    return {key: plain(each, template) for key, each in value.items()}


def _referred(name: str, template: dict[str, Any]) -> str:
    if name in PARAMETERS:
        return PARAMETERS[name]
    resource = template["Resources"].get(name.removesuffix(".Arn"))
    if resource is None:  # a parameter whose value no policy depends on
        return name
    named, arn = ARNS.get(resource["Type"], ("", ""))
    if not named:
        return name
    value = str(plain(resource["Properties"][named], template))
    is_arn = name.endswith(".Arn") or resource["Type"] == "AWS::IAM::ManagedPolicy"
    return arn.format(value) if is_arn else value
