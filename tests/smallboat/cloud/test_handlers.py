"""What CloudFormation's own code needs to make each resource, and what its role may do.

The needs are the permissions that AWS lists for the handlers of a resource type, in the schemas
that cfn-lint carries.
"""

import json
import re
from collections.abc import Iterator
from fnmatch import filter as filter_names
from fnmatch import fnmatchcase
from typing import Any

import pytest
import templates
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from compiled import api_template
from iam_simulation import Need, allows
from second_evaluator import decisions
from smallboat.config import config
from smallboat.config.access import Access
from toy.problem import PROBLEM

Json = dict[str, Any]
VERBS = ("create", "read", "update", "delete")
NOT_NEEDED = {
    "the function is in no VPC": (
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ),
    "the function mounts no file system": (
        "elasticfilesystem:DescribeMountTargets",
        "s3files:ListMountTargets",
    ),
    "function and logs are encrypted with AWS's own keys": (
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "logs:AssociateKmsKey",
        "logs:DisassociateKmsKey",
    ),
    "the function's code is not signed by AWS Signer": (
        "lambda:DeleteFunctionCodeSigningConfig",
        "lambda:GetCodeSigningConfig",
        "lambda:PutFunctionCodeSigningConfig",
    ),
    "the template sets no such property of the function": (
        "lambda:AssociateRuntimeAlias",
        "lambda:DeleteFunctionConcurrency",
        "lambda:GetLayerVersion",
        "lambda:PassCapacityProvider",
        "lambda:PutFunctionConcurrency",
        "lambda:PutFunctionRecursionConfig",
        "lambda:PutFunctionScalingConfig",
        "lambda:PutRuntimeManagementConfig",
    ),
    "the template sets no such property of the log groups, and always a retention": (
        "firehose:TagDeliveryStream",
        "logs:CreateLogDelivery",
        "logs:DeleteIndexPolicy",
        "logs:DeleteResourcePolicy",
        "logs:DeleteRetentionPolicy",
        "logs:PutBearerTokenAuthentication",
        "logs:PutDataProtectionPolicy",
        "logs:PutIndexPolicy",
        "logs:PutLogGroupDeletionProtection",
        "logs:PutResourcePolicy",
        "s3:REST.PUT.OBJECT",
    ),
    "the web ACL protects a stage of API Gateway": (
        "amplify:*",
        "apprunner:*",
        "appsync:*",
        "bedrock-agentcore:*",
        "cognito-idp:*",
        "ec2:*VerifiedAccess*",
        "elasticloadbalancing:*",
    ),
    "the web ACL is of the same account": (
        "wafv2:GetPermissionPolicy",
        "wafv2:PutPermissionPolicy",
    ),
}
"""What handlers list and the role is not granted, by the reason."""
NO_SUCH_PROPERTY = {
    ("AWS::ApiGateway::RestApi", "s3:GetObject"): "BodyS3Location",
    ("AWS::ApiGateway::RestApi", "iam:PassRole"): "Body",
    ("AWS::ApiGateway::Authorizer", "iam:PassRole"): "AuthorizerCredentials",
    ("AWS::ApiGateway::Method", "iam:PassRole"): "Credentials",
}
"""What a handler needs only for a property that the template does not have."""
OTHER_SERVICES = {
    "eks": "no compute environment on EKS",
    "elasticfilesystem": "the function mounts no file system",
    "firehose": "no delivery of logs",
    "kinesis": "no stream of the table",
    "s3files": "the function mounts no file system",
    "s3tables": "the bucket has no metadata tables",
}
"""Services that handlers of the base stacks list, and why nobody asks them."""
API = "/restapis/aws-id"
PATHS = {
    "AWS::ApiGateway::ApiKey": ("/apikeys", "/apikeys/aws-id"),
    "AWS::ApiGateway::Authorizer": (f"{API}/authorizers", f"{API}/authorizers/aws-id"),
    "AWS::ApiGateway::Deployment": (f"{API}/deployments", f"{API}/deployments/aws-id"),
    "AWS::ApiGateway::GatewayResponse": (
        f"{API}/gatewayresponses",
        f"{API}/gatewayresponses/THROTTLED",
    ),
    "AWS::ApiGateway::Method": ("", f"{API}/resources/aws-id/methods/GET"),
    "AWS::ApiGateway::Resource": (f"{API}/resources/aws-id", f"{API}/resources/aws-id"),
    "AWS::ApiGateway::RestApi": ("/restapis", API),
    "AWS::ApiGateway::Stage": (f"{API}/stages", f"{API}/stages/staging"),
    "AWS::ApiGateway::UsagePlan": ("/usageplans", "/usageplans/aws-id"),
    "AWS::ApiGateway::UsagePlanKey": ("/usageplans/aws-id/keys", "/usageplans/aws-id/keys/aws-id"),
}
"""Where API Gateway creates a resource, and where the resource is."""
TAGGED = ("AWS::ApiGateway::ApiKey", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::UsagePlan")
"""Types that are tagged as they are created; what is below them counts as tagged, too."""
LISTS = ("logs:DescribeIndexPolicies", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies")
ENVIRONMENTS = ("staging", "prod")
UNNEEDED = [action for actions in NOT_NEEDED.values() for action in actions]


ACCESS = (
    Access(),
    Access(auth="iam", addresses=["203.0.113.0/24"], private_facts=True),
    Access(
        auth="jwt",
        user_pools=["arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a"],
        web_acl="arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/1-2",
    ),
)
"""Who may ask the API: together the stacks have every type that an API's stack can have."""


def settings(access: Access) -> config.Settings:
    """Those of the environment that the templates' values are of."""
    found = config.load(PROBLEM, "staging")
    named = found.project.model_copy(update={"name": "project", "aws_region": "eu-west-1"})
    assert found.aws is not None
    changed = {"account": templates.PARAMETERS["AWS::AccountId"], "access": access}
    return found.model_copy(update={"project": named, "aws": found.aws.model_copy(update=changed)})


@pytest.fixture(scope="module")
def apis(tools: None, tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """The API's stack for each of them."""
    return [api_template(settings(each), tmp_path_factory.mktemp("api")) for each in ACCESS]


def handlers(kind: str) -> dict[str, set[str]]:
    """The permissions of a type's handlers, by verb; actions as the IAM reference spells them."""
    found = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema["handlers"]
    return {verb: set(found[verb]["permissions"]) for verb in VERBS if verb in found}


def needs(api: Json) -> Iterator[tuple[str, Need]]:
    """What the handlers of a stack's resources need, each with the type."""
    for each in api["Resources"].values():
        kind, properties = each["Type"], each.get("Properties", {})
        for verb, actions in handlers(kind).items():
            for action in actions:
                if any(fnmatchcase(action, each) for each in UNNEEDED):
                    continue
                if (kind, action) in NO_SUCH_PROPERTY:
                    assert f'"{NO_SUCH_PROPERTY[kind, action]}"' not in json.dumps(properties)
                    continue
                for arn in arns(api, kind, properties, action):
                    yield f"{kind} {verb}", Need(action, arn, context(action, arn))


def arns(api: Json, kind: str, properties: Json, action: str) -> list[str]:
    """The resources on which a handler of a resource calls an action."""
    match action.partition(":")[0]:
        case "apigateway":
            return [f"arn:aws:apigateway:eu-west-1::{path}" for path in paths(kind, action)]
        case "wafv2":
            stage = f"arn:aws:apigateway:eu-west-1::{PATHS['AWS::ApiGateway::Stage'][1]}"
            acl = properties["WebACLArn"]
            return {"GetWebACL": [acl], "AssociateWebACL": [acl, stage]}.get(action[6:], [stage])
        case "logs" if action in LISTS:
            return ["*"]
        case "logs":
            group = properties["LogGroupName"]
            named = api["Resources"][group["Ref"]]["Properties"] if "Ref" in group else properties
            return [f"arn:aws:logs:eu-west-1:123456789012:log-group:{named['LogGroupName']}"]
    (function,) = (
        each["Properties"]
        for each in api["Resources"].values()
        if each["Type"] == "AWS::Lambda::Function"
    )
    if action.startswith("lambda:"):
        return [f"arn:aws:lambda:eu-west-1:123456789012:function:{function['FunctionName']}"]
    code = f"arn:aws:s3:::{function['Code']['S3Bucket']}/{function['Code']['S3Key']}"
    read = dict.fromkeys(("s3:GetObject", "s3:GetObjectVersion"), code)
    return [{"iam:PassRole": function["Role"], **read}[action]]


def paths(kind: str, action: str) -> list[str]:
    """The paths of API Gateway on which a handler calls a verb or another action."""
    collection, item = PATHS.get(kind, PATHS["AWS::ApiGateway::Stage"])
    if action == "apigateway:POST":
        return [collection]
    if action == "apigateway:UpdateRestApiPolicy":
        return [collection, item]
    tags = f"/tags/arn:aws:apigateway:eu-west-1::{item}"
    return [item, tags] if action == "apigateway:PUT" and kind in TAGGED else [item]


def context(action: str, arn: str) -> Json:
    """The condition keys of a handler's call: the tags of the stack, and to whom a role goes."""
    if action == "iam:PassRole":
        return {"iam:PassedToService": "lambda.amazonaws.com"}
    created = arn.rpartition(":")[2] in {PATHS[kind][0] for kind in TAGGED}
    kinds = ["RequestTag"] if created else ["ResourceTag"]
    kinds += ["RequestTag"] if "/tags/" in arn else []
    tags = {"project": "project", "environment": "staging"}
    return {f"aws:{kind}/{key}": value for kind in kinds for key, value in tags.items()}


@pytest.fixture(scope="module")
def needed(apis: list[Json]) -> dict[str, Need]:
    """What the role that deploys the API needs, by what it is for."""
    return {f"{kind}: {need}": need for api in apis for kind, need in needs(api)}


def missing(needed: dict[str, Need], role: list[Json]) -> list[str]:
    """What the role that deploys the API lacks."""
    return sorted(text for text, need in needed.items() if not allows(role, need))


def test_the_role_that_deploys_the_api_lacks_no_permission_of_a_handler(
    apis: list[Json], needed: dict[str, Need]
) -> None:
    assert all(len(each["Resources"]) > 15 for each in apis)
    assert missing(needed, templates.policy("foundation", "CloudFormationRole")) == []


def test_each_action_that_the_role_loses_is_missed(needed: dict[str, Need]) -> None:
    role = templates.policy("foundation", "CloudFormationRole")
    actions = {action for each in role for action in templates.listed(each["Action"])}
    kept = {action for action in actions if not missing(needed, without(role, action))}
    assert kept == NOT_OF_HANDLERS


NOT_OF_HANDLERS = {
    "lambda:GetFunctionConfiguration",
    "lambda:ListTags",
    "lambda:ListVersionsByFunction",
}
"""Granted and listed by no handler: CloudFormation needed them before it had handlers."""


def without(role: list[Json], action: str) -> list[Json]:
    """The statements of a role without an action."""
    return [
        {**each, "Action": [one for one in templates.listed(each["Action"]) if one != action]}
        for each in role
    ]


def test_the_role_of_another_environment_lacks_them(needed: dict[str, Need]) -> None:
    lacking = missing(needed, templates.policy("foundation", "CloudFormationRole", "prod"))
    for action in ("lambda:CreateFunction", "logs:CreateLogGroup", "s3:GetObject", "iam:PassRole"):
        assert any(f" {action} " in each for each in lacking)


@pytest.mark.nightly
def test_a_second_evaluator_decides_the_same(apis: list[Json]) -> None:
    roles = [templates.policy("foundation", "CloudFormationRole", each) for each in ENVIRONMENTS]
    needed = {str(need): need for api in apis for _, need in needs(api)}
    questions = [(role, need) for role in roles for need in needed.values()]
    told = list(zip(questions, decisions(questions), strict=True))
    # It does not know every path of REST APIs.
    unknown = {need.action for (_, need), theirs in told if "no.resource.types" in theirs}
    assert {action.partition(":")[0] for action in unknown} == {"apigateway"}
    known = [(asked, theirs) for asked, theirs in told if "no.resource.types" not in theirs]
    assert all((theirs == "Allowed") == allows(*asked) for asked, theirs in known)
    verdicts = [theirs for _, theirs in known]
    assert min(verdicts.count("Allowed"), verdicts.count("ImplicitlyDenied")) > 20


def test_each_exception_is_one(apis: list[Json]) -> None:
    """It is listed by a handler, and the role is not granted it."""
    kinds = {each["Type"] for api in apis for each in api["Resources"].values()}
    listed = {action for kind in kinds for each in handlers(kind).values() for action in each}
    granted = templates.granted("foundation", "CloudFormationRole")
    for actions in NOT_NEEDED.values():
        for action in actions:
            assert filter_names(listed, action) and not filter_names(granted, action)
    for kind, action in NO_SUCH_PROPERTY:
        assert any(action in each for each in handlers(kind).values())


def test_the_services_that_an_administrator_needs_are_listed() -> None:
    text = (templates.FOLDER / "permissions.md").read_text()
    section = text.partition("## Who runs")[2]
    told = {name for line in section.splitlines() if line.startswith("* ")
            for name in re.findall(r"`([a-z0-9-]+)`", line.partition(":")[0])}  # fmt: skip
    kinds = {kind for name in templates.NAMES for kind in templates.resources(name).values()}
    listed = {
        action.partition(":")[0].lower()
        for kind in kinds
        for actions in handlers(kind).values()
        for action in actions
    }
    assert set(OTHER_SERVICES) <= listed
    by_our_code = {"application-autoscaling", "cloudformation", "sagemaker", "states"}
    assert told == (listed - set(OTHER_SERVICES)) | by_our_code
