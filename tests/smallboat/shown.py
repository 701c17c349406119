"""Whether a template's resources exist on the emulator, by each service's API."""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import templates
from bootstrapped import ACCOUNT, BUCKET, NAME_PREFIX


@dataclass(frozen=True)
class Seen:
    """A resource of a template: what makes clients, and the properties of the resource."""

    client: Callable[[str], Any]
    values: dict[str, Any]

    def name(self, key: str) -> str:
        """The value of a property."""
        return str(self.values[key])


def missing(client: Callable[[str], Any], template: str, resource: str) -> set[str]:
    """What of a resource is not there: itself by its name, or a part as `Artifacts.versions`."""
    found = templates.load(template)["Resources"][resource]
    seen = Seen(client, templates.plain(found.get("Properties", {}), template))
    if not _is_true(LOOK[found["Type"]], seen):
        return {resource}
    parts = PARTS.get(found["Type"], {})
    return {f"{resource}.{name}" for name, look in parts.items() if not _is_true(look, seen)}


def exists(client: Callable[[str], Any], template: str, resource: str) -> bool:
    """Whether a resource of a template is there, if not with all its parts."""
    return resource not in missing(client, template, resource)


def _is_true(look: Callable[[Seen], Any], seen: Seen) -> bool:
    try:
        return bool(look(seen))
    except Exception as error:
        if getattr(error, "response", {}).get("ResponseMetadata"):
            return False
        raise


def _own_policies(seen: Seen) -> bool:
    """Whether a role has the statements that its template gives it."""
    iam, name = seen.client("iam"), seen.name("RoleName")
    own = seen.values.get("Policies", [])
    wanted = {each["PolicyName"]: each["PolicyDocument"] for each in own}
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    there = {}
    for each in names:
        document = iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"]
        # moto answers the form in which Python prints it, not JSON
        there[each] = ast.literal_eval(document) if isinstance(document, str) else document
    return there == wanted


def _attached(seen: Seen) -> bool:
    iam, name = seen.client("iam"), seen.name("RoleName")
    there = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return len(there) == len(seen.values.get("ManagedPolicyArns", []))


def _of_bucket(operation: str, key: str, wanted: Any) -> Callable[[Seen], bool]:
    """A part of the bucket is there if its operation answers what is wanted."""

    def look(seen: Seen) -> bool:
        answer = getattr(seen.client("s3"), operation)(Bucket=seen.name("BucketName"))
        return bool(wanted(answer[key]) if key in answer else False)

    return look


def _repository(seen: Seen) -> dict[str, Any]:
    names = [seen.name("RepositoryName")]
    found: dict[str, Any] = seen.client("ecr").describe_repositories(repositoryNames=names)
    (repository,) = found["repositories"]
    return dict(repository)


def _expires(seen: Seen) -> bool:
    """Whether old images go as the template says, if it says so."""
    if "LifecyclePolicy" not in seen.values:
        return True
    asked = {"repositoryName": seen.name("RepositoryName")}
    return bool(seen.client("ecr").get_lifecycle_policy(**asked)["lifecyclePolicyText"])


def _topic(seen: Seen) -> bool:
    topics = seen.client("sns").list_topics()["Topics"]
    return any(each["TopicArn"].endswith(f":{seen.name('TopicName')}") for each in topics)


def _topic_policy(seen: Seen) -> bool:
    sns = seen.client("sns")
    for each in sns.list_topics()["Topics"]:
        policy = sns.get_topic_attributes(TopicArn=each["TopicArn"])["Attributes"]["Policy"]
        if any(
            statement.get("Sid") == "PublishAlarms" for statement in json.loads(policy)["Statement"]
        ):
            return True
    return False


def _group(seen: Seen) -> bool:
    wanted = [{"Name": "description", "Values": [seen.name("GroupDescription")]}]
    groups = seen.client("ec2").describe_security_groups(Filters=wanted)["SecurityGroups"]
    return bool(groups) and not groups[0]["IpPermissions"]


def _environment(seen: Seen) -> bool:
    found = seen.client("batch").describe_compute_environments()["computeEnvironments"]
    kinds = [each["computeResources"]["type"] for each in found]
    return seen.values["ComputeResources"]["Type"] in kinds


def _policy(seen: Seen) -> bool:
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{seen.name('ManagedPolicyName')}"
    return bool(seen.client("iam").get_policy(PolicyArn=arn))


def _budget(seen: Seen) -> bool:
    name = seen.values["Budget"]["BudgetName"]
    return bool(seen.client("budgets").describe_budget(AccountId=ACCOUNT, BudgetName=name))


def _named(service: str, operation: str, key: str, prop: str) -> Callable[[Seen], bool]:
    """It exists if asking for it by its name is not refused."""

    def look(seen: Seen) -> bool:
        return bool(getattr(seen.client(service), operation)(**{key: seen.name(prop)}))

    return look


def _listed(
    service: str, operation: str, key: str, prop: str, answer: str
) -> Callable[[Seen], bool]:
    """It exists if a list of those with that name is not empty."""

    def look(seen: Seen) -> bool:
        name: Any = seen.name(prop)
        asked = [name] if key.endswith("s") else name
        return bool(getattr(seen.client(service), operation)(**{key: asked})[answer])

    return look


LOOK: dict[str, Callable[[Seen], Any]] = {
    "AWS::IAM::OIDCProvider": lambda seen: seen.client("iam").list_open_id_connect_providers()[
        "OpenIDConnectProviderList"
    ],
    "AWS::IAM::Role": _named("iam", "get_role", "RoleName", "RoleName"),
    "AWS::IAM::ManagedPolicy": _policy,
    "AWS::IAM::InstanceProfile": _named(
        "iam", "get_instance_profile", "InstanceProfileName", "InstanceProfileName"
    ),
    "AWS::ApiGateway::Account": lambda seen: (
        seen.client("apigateway").get_account().get("cloudwatchRoleArn")
    ),
    "AWS::S3::Bucket": lambda seen: seen.client("s3").head_bucket(Bucket=seen.name("BucketName")),
    "AWS::S3::BucketPolicy": lambda seen: seen.client("s3").get_bucket_policy(Bucket=BUCKET),
    "AWS::ECR::Repository": _repository,
    "AWS::SecretsManager::Secret": _named("secretsmanager", "describe_secret", "SecretId", "Name"),
    "AWS::SNS::Topic": _topic,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SNS::Subscription": lambda seen: seen.client("sns").list_subscriptions()["Subscriptions"],
    "AWS::CloudWatch::Alarm": _listed(
        "cloudwatch", "describe_alarms", "AlarmNames", "AlarmName", "MetricAlarms"
    ),
    "AWS::CloudWatch::Dashboard": _named(
        "cloudwatch", "get_dashboard", "DashboardName", "DashboardName"
    ),
    "AWS::Lambda::Function": _named("lambda", "get_function", "FunctionName", "FunctionName"),
    "AWS::Lambda::Permission": lambda seen: seen.client("lambda").get_policy(
        FunctionName=f"{NAME_PREFIX}-age"
    ),
    "AWS::Logs::LogGroup": _listed(
        "logs", "describe_log_groups", "logGroupNamePrefix", "LogGroupName", "logGroups"
    ),
    "AWS::Events::Rule": _named("events", "describe_rule", "Name", "Name"),
    "AWS::Budgets::Budget": _budget,
    "AWS::EC2::SecurityGroup": _group,
    "AWS::Batch::ComputeEnvironment": _environment,
    "AWS::Batch::JobQueue": _listed(
        "batch", "describe_job_queues", "jobQueues", "JobQueueName", "jobQueues"
    ),
    "AWS::KMS::Key": lambda seen: (
        seen.client("kms").get_public_key(KeyId=f"alias/{NAME_PREFIX}-images")["KeyUsage"]
        == seen.values["KeyUsage"]
    ),
    "AWS::KMS::Alias": _named("kms", "get_public_key", "KeyId", "AliasName"),
    "AWS::DynamoDB::Table": _named("dynamodb", "describe_table", "TableName", "TableName"),
}
"""How to find a resource, by type."""

PARTS: dict[str, dict[str, Callable[[Seen], Any]]] = {
    "AWS::IAM::Role": {"own policies": _own_policies, "attached policies": _attached},
    "AWS::S3::Bucket": {
        "encryption": _of_bucket(
            "get_bucket_encryption",
            "ServerSideEncryptionConfiguration",
            lambda value: "AES256" in str(value),
        ),
        "versions": _of_bucket("get_bucket_versioning", "Status", lambda value: value == "Enabled"),
        "public access": _of_bucket(
            "get_public_access_block",
            "PublicAccessBlockConfiguration",
            lambda value: all(value.values()),
        ),
        "ownership": _of_bucket(
            "get_bucket_ownership_controls",
            "OwnershipControls",
            lambda value: "BucketOwnerEnforced" in str(value),
        ),
        "lifecycle": _of_bucket("get_bucket_lifecycle_configuration", "Rules", len),
    },
    "AWS::ECR::Repository": {
        "tags": lambda seen: _repository(seen)["imageTagMutability"] == "IMMUTABLE",
        "scan": lambda seen: _repository(seen)["imageScanningConfiguration"].get("scanOnPush"),
        "lifecycle": _expires,
    },
}
"""Parts of a resource that are checked, too."""
