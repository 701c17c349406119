"""The templates on paper: linted, their names, and what their roles may do."""

import re
from pathlib import Path
from typing import Any

import pytest
import templates
from cfnlint.api import ManualArgs, lint_file
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from iam_simulation import Need, allows, needs
from policy_sentry.querying.actions import get_action_data

UNRESTRICTED = {
    "batch:DescribeComputeEnvironments": "AWS Batch",
    "batch:DescribeJobDefinitions": "AWS Batch",
    "batch:DescribeJobQueues": "AWS Batch",
    "batch:DescribeJobs": "AWS Batch",
    "cloudformation:ValidateTemplate": "AWS CloudFormation",
    "cloudwatch:PutMetricData": "Amazon CloudWatch",
    "ecr:GetAuthorizationToken": "Amazon Elastic Container Registry",
    "logs:DescribeIndexPolicies": "Amazon CloudWatch Logs",
    "logs:DescribeLogGroups": "Amazon CloudWatch Logs",
    "logs:DescribeResourcePolicies": "Amazon CloudWatch Logs",
    "sagemaker:ListModels": "Amazon SageMaker",
    "states:ListStateMachines": "AWS Step Functions",
}
"""Actions that no resource limits, by the page of the Service Authorization Reference."""

UNNAMED = {
    "arn:aws:apigateway:eu-west-1::/restapis": "a collection",
    "arn:aws:apigateway:eu-west-1::/restapis/*": "AWS gives the id",
    "arn:aws:apigateway:eu-west-1::/restapis/*/stages/staging": "AWS gives the id",
    "arn:aws:apigateway:eu-west-1::/apikeys": "a collection",
    "arn:aws:apigateway:eu-west-1::/apikeys/*": "AWS gives the id",
    "arn:aws:apigateway:eu-west-1::/usageplans": "a collection",
    "arn:aws:apigateway:eu-west-1::/usageplans/*": "AWS gives the id",
    "arn:aws:apigateway:eu-west-1::/tags/*": "the ARN of one of these",
    "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/*": "AWS gives the id",
    "arn:aws:batch:eu-west-1:123456789012:job/*": "AWS gives the id",
    "arn:aws:kms:eu-west-1:123456789012:key/*": "AWS gives the id; its alias is a condition",
    "arn:aws:events:eu-west-1:123456789012:rule/StepFunctionsGetEventsForBatchJobsRule": (
        "Step Functions names it, once per account"
    ),
    "arn:aws:iam::123456789012:role/aws-service-role/sagemaker.application-autoscaling.amazonaws"
    ".com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint": "AWS names it",
    "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/1-2": "the configuration names it",
    "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/batch/job:*": "Batch's only one",
    "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/api-gateway/*": "of the whole account",
    "arn:aws:logs:eu-west-1:123456789012:log-group:API-Gateway-Execution-Logs_*": "likewise",
    "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/apigateway/welcome*": "likewise",
}
"""Resources that no name of the environment is in, and why."""

UNTAGGED = {
    "AWS::ApiGateway::Account",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::KMS::Alias",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
}
"""Types that AWS can't tag; the others take the tags of their stack."""

ALL = list(templates.all_statements())
STATEMENTS = [each for each in ALL if each.effect == "Allow"]
IDS = [f"{each.role}-{each.sid}" for each in STATEMENTS]
LONGEST_NAME_PREFIX = f"{'p' * 30}-{'e' * 8}"
DAY, HOUR = 86_400, 3_600


def reference(action: str) -> list[dict[str, Any]]:
    """What the Service Authorization Reference says of an action, a row for each resource."""
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    assert found, f"AWS has no action {action}"
    rows: list[dict[str, Any]] = found[service]
    return rows


@pytest.mark.parametrize("name", templates.NAMES)
def test_cfn_lint_finds_nothing(name: str) -> None:
    file = str(templates.FOLDER / f"{name}.yaml")
    regions = ["us-east-1", "eu-west-1", "ap-southeast-2"]
    found = lint_file(Path(file), config=ManualArgs(regions=regions))
    problems = [f"{each.rule.id} line {each.linenumber}: {each.message}" for each in found]
    assert problems == []


@pytest.mark.parametrize("statement", STATEMENTS, ids=IDS)
def test_actions_are_spelled_out(statement: templates.Statement) -> None:
    for action in statement.actions:
        assert not set(action) & set("*?")
        assert reference(action)


@pytest.mark.parametrize("statement", STATEMENTS, ids=IDS)
def test_each_action_can_be_had_on_the_resources_and_each_resource_is_needed(
    statement: templates.Statement,
) -> None:
    if statement.resources == ("*",) or statement.actions[0].startswith("apigateway:"):
        return  # of API Gateway the reference has the paths of HTTP APIs, not of REST APIs
    formats = {each: [row["resource_arn_format"] for row in reference(each)]
               for each in statement.actions}  # fmt: skip
    used: set[str] = set()
    for action, known in formats.items():
        matched = {one for one in statement.resources if any(_fits(one, each) for each in known)}
        assert matched, f"{action} is not about {statement.resources}"
        used |= matched
    assert used == set(statement.resources)


def _fits(resource: str, known: str) -> bool:
    """Whether a resource is one, or a pattern of ones, of a form such as `...:role/${Name}`."""
    kind = re.split(r"\$\{(?!Partition|Region|Account)", known)[0]
    kind = kind.replace("${Partition}", "aws").replace("${Account}", "123456789012")
    kind = kind.replace("${Region}", "eu-west-1")
    if known.startswith("arn:${Partition}:s3:::") and "/" in known:
        return "/" in resource and resource.startswith("arn:aws:s3:::")
    if known.startswith("arn:${Partition}:s3:::"):
        return "/" not in resource and resource.startswith("arn:aws:s3:::")
    return known != "*" and resource.startswith(kind)


def test_a_resource_is_a_star_only_where_aws_knows_no_other() -> None:
    starred = {action for each in STATEMENTS if "*" in each.resources for action in each.actions}
    assert starred == set(UNRESTRICTED)
    for action in starred:
        assert {row["resource_arn_format"] for row in reference(action)} == {"*"}


def test_every_other_resource_names_the_environment_or_its_project() -> None:
    others = {
        one
        for each in STATEMENTS
        for one in each.resources
        if one != "*" and "project-staging" not in one and not re.search(r"[:/]project\.", one)
    }
    assert others == set(UNNAMED)


def test_a_role_is_passed_to_named_services_only() -> None:
    passing = [each for each in STATEMENTS if "iam:PassRole" in each.actions]
    assert len(passing) == 8
    for each in passing:
        assert each.actions == ("iam:PassRole",)
        assert "*" not in "".join(each.resources)
        services = each.conditions["StringEquals"]["iam:PassedToService"]
        for service in [services] if isinstance(services, str) else services:
            assert re.fullmatch(r"[a-z-]+\.amazonaws\.com", service)


def test_metrics_are_written_in_named_namespaces_only() -> None:
    writing = [each for each in STATEMENTS if "cloudwatch:PutMetricData" in each.actions]
    assert len(writing) == 4
    for each in writing:
        assert each.conditions["StringEquals"]["cloudwatch:namespace"]


def test_no_role_removes_from_the_model_store() -> None:
    for each in STATEMENTS:
        if "s3:DeleteObject" in each.actions:
            assert not any("/store" in one or one.endswith("12/*") for one in each.resources)


@pytest.mark.parametrize("name", templates.NAMES)
def test_roles_trust_one_service_of_this_account_or_github(name: str) -> None:
    for role in templates.roles(name):
        properties = templates.load(name)["Resources"][role]["Properties"]
        (trust,) = templates.plain(properties["AssumeRolePolicyDocument"], name)["Statement"]
        if "Federated" in trust["Principal"]:
            wanted = trust["Condition"]["StringEquals"]
            assert wanted["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
            who = {
                "DeployRole": "GithubSubjects",
                "MonitorRole": "BranchSubjects",
                "BuildRole": "BranchSubjects",
                "PreviewRole": "PullRequestSubjects",
            }
            assert wanted["token.actions.githubusercontent.com:sub"] == who[role]
            assert set(trust["Condition"]) == {"StringEquals"}
        else:
            assert re.fullmatch(r"[a-z0-9-]+\.amazonaws\.com", trust["Principal"]["Service"])
            assert trust["Action"] == "sts:AssumeRole"


def test_every_permission_has_its_reason_and_its_document() -> None:
    lines = (templates.FOLDER / "permissions.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    reasons = {(role, sid): (why, document) for role, sid, why, document in rows[2:]}
    assert set(reasons) == {(each.role, each.sid) for each in ALL}
    assert len(reasons) == len(rows) - 2
    for why, document in reasons.values():
        assert len(why) > 10 and len(document) > 10


def test_policies_are_within_iams_limits_for_the_longest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(templates.PARAMETERS, "NamePrefix", LONGEST_NAME_PREFIX)
    monkeypatch.setitem(templates.PARAMETERS, "StagingPrefix", LONGEST_NAME_PREFIX)
    monkeypatch.setitem(templates.PARAMETERS, "AWS::Region", "ap-southeast-2")
    for name in templates.NAMES:
        for resource in templates.load(name)["Resources"].values():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                assert templates.size(name, properties["PolicyDocument"]) <= 6_144
            if resource["Type"] == "AWS::IAM::Role":
                own = [each["PolicyDocument"] for each in properties.get("Policies", [])]
                assert sum(templates.size(name, each) for each in own) <= 10_240
                assert len(templates.plain(properties["RoleName"], name)) <= 64


def test_what_is_served_never_expires() -> None:
    bucket = templates.load("foundation")["Resources"]["Artifacts"]
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = {each.get("Prefix") for each in rules if "ExpirationInDays" in each}
    assert expiring == {"metaflow/", "capture/", "preview/"}
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"


def test_alarms_look_back_no_further_than_cloudwatch_allows() -> None:
    alarms = [
        templates.plain(each["Properties"], "foundation")
        for each in templates.load("foundation")["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert len(alarms) == 9
    for each in alarms:
        most = 7 * DAY if each["Period"] >= HOUR else DAY
        periods = 168 if each["EvaluationPeriods"] == "QuietHours" else each["EvaluationPeriods"]
        assert each["Period"] * periods <= most


def test_nothing_of_the_account_is_removed_with_a_stack() -> None:
    for each in templates.load("account")["Resources"].values():
        assert each["DeletionPolicy"] == "RetainExceptOnCreate"
        assert each["UpdateReplacePolicy"] == "Retain"


def test_what_is_not_tagged_with_its_stack_is_known() -> None:
    kinds = {kind for name in templates.NAMES for kind in templates.resources(name).values()}
    schemas = {k: PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", k).schema for k in kinds}
    assert {k for k, each in schemas.items() if not each["tagging"]["taggable"]} == UNTAGGED


def test_what_a_role_is_granted_can_be_asked() -> None:
    assert templates.granted("foundation", "ApiRole") == {
        "sagemaker:InvokeEndpoint", "s3:GetObject", "logs:CreateLogStream", "logs:PutLogEvents",
    }  # fmt: skip
    assert "sagemaker:UpdateEndpoint" in templates.granted("foundation", "DeployRole")


@pytest.mark.parametrize("name", templates.NAMES)
def test_every_role_has_the_configured_path_and_boundary(name: str) -> None:
    for each in templates.load(name)["Resources"].values():
        given = each.get("Properties", {})
        if each["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            assert given["Path"] == {"Ref": "RolePath"}
        if each["Type"] == "AWS::IAM::Role":
            bounded = ["HasBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]
            assert given["PermissionsBoundary"] == {"Fn::If": bounded}
    text = (templates.FOLDER / f"{name}.yaml").read_text()
    assert re.findall(r":(?:role|policy)/\$\{NamePrefix\}", text) == []


def test_each_of_githubs_roles_can_do_its_own_part_only() -> None:
    """What ends in an image that is served, in a signature, or in a job's definition."""
    writes = {"ecr:PutImage", "kms:Sign", "batch:RegisterJobDefinition", "sagemaker:UpdateEndpoint"}
    roles = ("Deploy", "Build", "Preview", "Monitor")
    found = {
        role: {
            action
            for each in templates.policy("foundation", f"{role}Role", "staging")
            if each["Effect"] == "Allow"
            for action in templates.listed(each["Action"])
        }
        & writes
        for role in roles
    }
    assert found == {
        "Deploy": {"batch:RegisterJobDefinition", "sagemaker:UpdateEndpoint"},
        "Build": {"ecr:PutImage", "kms:Sign"},
        "Preview": {"ecr:PutImage", "batch:RegisterJobDefinition"},
        "Monitor": set(),
    }


def test_the_key_signs_for_the_build_role_and_for_no_administrator() -> None:
    key = templates.load("foundation")["Resources"]["ImageKey"]["Properties"]["KeyPolicy"]
    statements = templates.plain(key, "foundation")["Statement"]
    actions = {each["Sid"]: set(templates.listed(each["Action"])) for each in statements}
    assert [sid for sid, given in actions.items() if "kms:Sign" in given] == ["Sign"]
    assert not {"kms:*", "*", "kms:CreateGrant"} & set().union(*actions.values())
    (sign,) = [each for each in statements if each["Sid"] == "Sign"]
    builder = "arn:aws:iam::123456789012:role/project-staging-build"
    assert sign["Condition"] == {"ArnEquals": {"aws:PrincipalArn": builder}}


def test_a_previews_jobs_have_its_image_and_its_roles_only() -> None:
    statements = templates.policy("foundation", "PreviewRole", "staging")
    definition = "arn:aws:batch:eu-west-1:123456789012:job-definition/project-staging"
    images = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/project-staging"

    def registers(name: str, image: str, **more: str) -> bool:
        context = {"batch:Image": image, **more}
        need = Need("batch:RegisterJobDefinition", f"{definition}{name}", context)
        return allows(statements, need)

    assert registers("-preview_metaflow_1", f"{images}-preview@sha256:1")
    assert not registers("_metaflow_1", f"{images}-preview@sha256:1")
    assert not registers("-preview_metaflow_1", f"{images}-train@sha256:1")
    assert not registers("-preview_metaflow_1", "docker.io/library/python:3.13")
    privileged = {"batch:Privileged": "true"}
    assert not registers("-preview_metaflow_1", f"{images}-preview@sha256:1", **privileged)
    passed = {
        role: allows(
            statements,
            Need(
                "iam:PassRole",
                f"arn:aws:iam::123456789012:role/project-staging-{role}",
                {"iam:PassedToService": "ecs-tasks.amazonaws.com"},
            ),
        )
        for role in ("preview-step", "preview-start", "step", "start", "deploy", "build")
    }
    assert passed == {role: role.startswith("preview-") for role in passed}


@pytest.mark.parametrize("prefix", ["", "Preview"])
def test_a_state_machine_may_submit_its_jobs(prefix: str) -> None:
    """With their tags, as Metaflow lets it; AWS asks for the job and the queue, too."""
    name = {"": "StepFunctionsRole", "Preview": "PreviewStatesRole"}[prefix]
    statements = templates.policy("compute", name, "staging")
    definition = f"project-staging{'-preview' if prefix else ''}_metaflow_1"
    asked = {"jobName": "a", "jobQueue": "project-staging", "jobDefinition": definition}
    call = {"service": "batch", "operation": "SubmitJob", "principal": "p"}
    call["parameters"] = asked | {"tags": {"environment": "staging"}}
    wanted = list(needs(call))
    assert {each.action for each in wanted} == {"batch:SubmitJob", "batch:TagResource"}
    assert [str(each) for each in wanted if not allows(statements, each)] == []


@pytest.mark.parametrize("role", ["PreviewRole", "PreviewStepRole", "PreviewStatesRole"])
def test_a_preview_writes_nothing_that_staging_reads(role: str) -> None:
    template = "foundation" if role == "PreviewRole" else "compute"
    statements = templates.policy(template, role, "staging")
    bucket = "arn:aws:s3:::project-staging-123456789012"
    for key in ("store/a", "metaflow/a", "releases/a", "endpoint/history.json", "images/a.json"):
        for action in ("s3:PutObject", "s3:GetObject"):
            assert not allows(statements, Need(action, f"{bucket}/{key}"))
    for name in ("_metaflow_1:1", "-preview_metaflow_1:1"):
        resource = f"arn:aws:batch:eu-west-1:123456789012:job-definition/project-staging{name}"
        own = role == "PreviewStatesRole" and name.startswith("-preview")
        assert allows(statements, Need("batch:SubmitJob", resource)) == own
