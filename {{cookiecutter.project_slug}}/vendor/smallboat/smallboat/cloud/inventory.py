"""What an environment has on AWS, kind by kind, in the order in which it can be deleted.

Most of it belongs to the environment's stacks. CloudFormation deletes that, images and the secret
included, and a stack stays in the list until all of it is gone. The other kinds are what releases
and Metaflow create, and what AWS's services create by themselves. The tagging API does not list
them reliably: it shows resources that were deleted, and most of these have no tags.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..aws.aws import CHANGING, Environment, aws_errors
from . import next_steps, step_functions
from .stacks import Stacks

POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Kind:
    """A kind of resource: lists the names of an environment's, and deletes one by its name."""

    name: str
    names: Callable[[Environment], Iterable[str]]
    delete: Callable[[Environment, str], object]


def resources(env: Environment) -> Iterator[tuple[Kind, str]]:
    """Kind and name of each resource; a kind is listed when the ones before it are consumed."""
    return ((kind, name) for kind in KINDS for name in kind.names(env))


def _search(
    env: Environment, service: str, operation: str, path: str, **parameters: Any
) -> list[Any]:
    """What a JMESPath expression finds in all pages of an operation."""
    pages = env.client(service).get_paginator(operation).paginate(**parameters)
    return [value for value in pages.search(path) if value]


def _sagemaker(env: Environment, operation: str, resource: str) -> list[str]:
    """Resources with the name prefix, without those that are tagged for another environment.

    `a-b-c` may belong to the environment `a-b` or to `a-b-c`.
    """
    names, path = [], f"{resource}s[].[{resource}Name, {resource}Arn]"
    environment = [(key, env.tags[key]) for key in ("project", "environment")]
    for name, arn in _search(env, "sagemaker", operation, path, NameContains=env.name_prefix):
        tags = dict(_search(env, "sagemaker", "list_tags", "Tags[].[Key, Value]", ResourceArn=arn))
        is_ours = all(tags.get(key, value) == value for key, value in environment)
        if is_ours and f"{name}-".startswith(f"{env.name_prefix}-"):
            names.append(name)
    return names


def _scaling_targets(env: Environment) -> list[str]:
    service, operation = "application-autoscaling", "describe_scalable_targets"
    path = f"ScalableTargets[?starts_with(ResourceId, 'endpoint/{env.endpoint}/')].ResourceId"
    return _search(env, service, operation, path, ServiceNamespace="sagemaker")


def _delete_scaling_target(env: Environment, name: str) -> None:
    env.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=name,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )


def _delete_endpoint(env: Environment, name: str) -> None:
    """Delete it once it is stable: AWS refuses while it is created or updated."""
    client = env.client("sagemaker")
    while client.describe_endpoint(EndpointName=name)["EndpointStatus"] in CHANGING:
        time.sleep(POLL_SECONDS)
    client.delete_endpoint(EndpointName=name)
    client.get_waiter("endpoint_deleted").wait(EndpointName=name)


def _stacks(env: Environment) -> list[str]:
    names = (env.api_stack, env.budget_stack, env.compute_stack, env.foundation_stack)
    return [name for name in names if Stacks(env).describe(name)]


def _stack_resources(env: Environment, kind: str) -> list[str]:
    """The physical ids of the resources of a type in the environment's stacks."""
    path = f"StackResourceSummaries[?ResourceType=='AWS::IAM::{kind}'].PhysicalResourceId"
    names = _stacks(env)
    return [
        found
        for name in names
        for found in _search(env, "cloudformation", "list_stack_resources", path, StackName=name)
    ]


def _attachments(env: Environment) -> list[str]:
    """Where people attached the environment's policies; a policy in use can't be deleted."""
    own, found = set(_stack_resources(env, "Role")), []
    for policy in _stack_resources(env, "ManagedPolicy"):
        for kind in ("Role", "User", "Group"):
            names: list[str] = []
            with aws_errors("NoSuchEntity"):  # the policy was deleted by hand
                names = _search(env, "iam", "list_entities_for_policy",
                                f"Policy{kind}s[].{kind}Name", PolicyArn=policy,
                                PolicyUsageFilter="PermissionsPolicy")  # fmt: skip
            known = own if kind == "Role" else ()
            found += [f"{policy} at {kind.lower()} {name}" for name in names if name not in known]
    return found


def _detach(env: Environment, name: str) -> None:
    policy, _, holder = name.partition(" at ")
    kind, _, holder = holder.partition(" ")
    detach = getattr(env.client("iam"), f"detach_{kind}_policy")
    detach(**{f"{kind.capitalize()}Name": holder, "PolicyArn": policy})


def _secrets(env: Environment) -> list[str]:
    """The secrets of the stack's trackers. AWS keeps a name for a while after its deletion."""
    prefix = f"{env.name_prefix}/"
    names = json.dumps([prefix + tracker for tracker in next_steps.SECRETS])
    filters = [{"Key": "name", "Values": [prefix]}]
    path = f"SecretList[].Name | [?contains(`{names}`, @)]"
    return _search(env, "secretsmanager", "list_secrets", path, Filters=filters,
                   IncludePlannedDeletion=True)  # fmt: skip


def _scaling_alarms(env: Environment) -> list[str]:
    """The alarms that Application Auto Scaling creates, and deletes with the target."""
    prefix, path = f"TargetTracking-endpoint/{env.endpoint}/", "MetricAlarms[].AlarmName"
    return _search(env, "cloudwatch", "describe_alarms", path, AlarmNamePrefix=prefix)


def _endpoint_logs(env: Environment) -> list[str]:
    """The log group that SageMaker creates."""
    name = f"/aws/sagemaker/Endpoints/{env.endpoint}"
    path = f"logGroups[].logGroupName | [?@ == '{name}']"
    return _search(env, "logs", "describe_log_groups", path, logGroupNamePrefix=name)


KINDS = (
    Kind("state machine", step_functions.names, step_functions.delete),
    Kind("scaling target", _scaling_targets, _delete_scaling_target),
    Kind("endpoint", lambda env: _sagemaker(env, "list_endpoints", "Endpoint"), _delete_endpoint),
    Kind(
        "endpoint configuration",
        lambda env: _sagemaker(env, "list_endpoint_configs", "EndpointConfig"),
        lambda env, name: env.client("sagemaker").delete_endpoint_config(EndpointConfigName=name),
    ),
    Kind(
        "model",
        lambda env: _sagemaker(env, "list_models", "Model"),
        lambda env, name: env.client("sagemaker").delete_model(ModelName=name),
    ),
    Kind("attachment of a policy", _attachments, _detach),
    Kind("stack", _stacks, lambda env, name: Stacks(env).delete(name)),
    Kind(
        "secret",
        _secrets,
        lambda env, name: env.client("secretsmanager").delete_secret(
            SecretId=name, ForceDeleteWithoutRecovery=True
        ),
    ),
    Kind(
        "alarm",
        _scaling_alarms,
        lambda env, name: env.client("cloudwatch").delete_alarms(AlarmNames=[name]),
    ),
    Kind(
        "log group",
        _endpoint_logs,
        lambda env, name: env.client("logs").delete_log_group(logGroupName=name),
    ),
)
"""In the order in which they can be deleted. The bucket is not among them: see `buckets`."""
