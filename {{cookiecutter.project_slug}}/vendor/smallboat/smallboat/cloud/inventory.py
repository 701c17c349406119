"""What an environment has on AWS, kind by kind, in the order in which it can be deleted.

Most of it belongs to the environment's stacks. CloudFormation deletes that, images and the secret
included, and a stack stays in the list until all of it is gone. The other kinds are what releases
and Metaflow create, and what AWS's services create by themselves. The tagging API does not list
them reliably: it shows resources that were deleted, and most of these have no tags.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..aws.aws import Environment
from . import step_functions
from .stacks import Stacks

POLL_SECONDS = 2.0
STABLE = {"InService", "OutOfService", "Failed", "UpdateRollbackFailed"}
"""States in which an endpoint can be deleted."""


@dataclass(frozen=True)
class Kind:
    """A kind of resource: lists the names of an environment's, and deletes one by its name."""

    name: str
    names: Callable[[Environment], Iterable[str]]
    delete: Callable[[Environment, str], object]


def resources(env: Environment) -> Iterator[tuple[Kind, str]]:
    """Kind and name of each resource; a kind is listed when the ones before it are consumed."""
    return ((kind, name) for kind in KINDS for name in kind.names(env))


def _search(client: Any, operation: str, expression: str, **parameters: Any) -> list[Any]:
    """What a JMESPath expression finds in all pages of an operation."""
    pages = client.get_paginator(operation).paginate(**parameters)
    return [value for value in pages.search(expression) if value]


def _sagemaker(env: Environment, operation: str, resource: str) -> list[str]:
    """Resources with the name prefix, without those that are tagged for another environment.

    `a-b-c` may belong to the environment `a-b` or to `a-b-c`.
    """
    client, ours = env.client("sagemaker"), env.tags.items()
    columns = f"{resource}s[].[{resource}Name, {resource}Arn]"
    names = []
    for name, arn in _search(client, operation, columns, NameContains=env.name_prefix):
        tags = dict(_search(client, "list_tags", "Tags[].[Key, Value]", ResourceArn=arn))
        tagged_ours = all(tags.get(key, value) == value for key, value in ours if key != "owner")
        if f"{name}-".startswith(f"{env.name_prefix}-") and tagged_ours:
            names.append(name)
    return names


def _delete_endpoint(env: Environment, name: str) -> None:
    """Delete it once it is stable: AWS refuses while it is created or updated."""
    client = env.client("sagemaker")
    while client.describe_endpoint(EndpointName=name)["EndpointStatus"] not in STABLE:
        time.sleep(POLL_SECONDS)
    client.delete_endpoint(EndpointName=name)
    client.get_waiter("endpoint_deleted").wait(EndpointName=name)


def _model_groups(env: Environment) -> list[str]:
    names = "ModelPackageGroupSummaryList[].ModelPackageGroupName"
    client = env.client("sagemaker")
    found = _search(client, "list_model_package_groups", names, NameContains=env.registry_group)
    return [name for name in found if name == env.registry_group]


def _delete_model_group(env: Environment, name: str) -> None:
    """Delete its registered models first: AWS deletes an empty group only."""
    client, models = env.client("sagemaker"), "ModelPackageSummaryList[].ModelPackageArn"
    for model in _search(client, "list_model_packages", models, ModelPackageGroupName=name):
        client.delete_model_package(ModelPackageName=model)
    client.delete_model_package_group(ModelPackageGroupName=name)


def _scaling_targets(env: Environment) -> list[str]:
    client, ids = env.client("application-autoscaling"), "ScalableTargets[].ResourceId"
    found = _search(client, "describe_scalable_targets", ids, ServiceNamespace="sagemaker")
    return [name for name in found if name.startswith(f"endpoint/{env.endpoint}/")]


def _delete_scaling_target(env: Environment, name: str) -> None:
    env.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=name,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )


def _scaling_alarms(env: Environment) -> list[str]:
    """The alarms that Application Auto Scaling creates, and deletes with the target."""
    prefix = f"TargetTracking-endpoint/{env.endpoint}/"
    client = env.client("cloudwatch")
    return _search(client, "describe_alarms", "MetricAlarms[].AlarmName", AlarmNamePrefix=prefix)


def _endpoint_logs(env: Environment) -> list[str]:
    """The log group that SageMaker creates."""
    client, name = env.client("logs"), f"/aws/sagemaker/Endpoints/{env.endpoint}"
    groups = "logGroups[].logGroupName"
    found = _search(client, "describe_log_groups", groups, logGroupNamePrefix=name)
    return [group for group in found if group == name]


def _stacks(env: Environment) -> list[str]:
    names = (env.api_stack, env.compute_stack, env.foundation_stack)
    return [name for name in names if Stacks(env).describe(name)]


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
    Kind("model group", _model_groups, _delete_model_group),
    Kind("stack", _stacks, lambda env, name: Stacks(env).delete(name)),
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
