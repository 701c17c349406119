"""Everything that an environment can have on AWS, kind by kind: how it is found, how it goes."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..aws import aws
from . import step_functions
from .stacks import Stacks

POLL_SECONDS = 2.0
AT_REST = {"InService", "OutOfService", "Failed", "UpdateRollbackFailed"}


@dataclass(frozen=True)
class Kind:
    """A kind of thing; an environment's are listed by name and removed by it."""

    name: str
    found: Callable[[aws.Environment], list[str]]
    remove: Callable[[aws.Environment, str], object]


def _is_of(env: aws.Environment, tags: list[dict[str, str]]) -> bool:
    """Whether tags are the place's; a thing without them is known by its name alone.

    `a-b-c` is a name in the place `a-b`, and that of the place `a-b-c`.
    """
    known = {tag["Key"]: tag["Value"] for tag in tags}
    return all(known.get(k, v) == v for k, v in env.tags.items() if k != "owner")


def _pages(client: Any, operation: str, key: str, **asked: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page.get(key, [])


def _stack(env: aws.Environment, name: str) -> list[str]:
    return [name] if Stacks(env).state(name) else []


def _remove_stack(env: aws.Environment, name: str) -> None:
    Stacks(env).remove(name)


def _targets(env: aws.Environment) -> list[str]:
    found = _pages(
        env.client("application-autoscaling"),
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
    )
    ours = f"endpoint/{env.endpoint}/"
    return [each["ResourceId"] for each in found if each["ResourceId"].startswith(ours)]


def _remove_target(env: aws.Environment, name: str) -> None:
    env.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=name,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )


def _sagemaker(env: aws.Environment, operation: str, key: str, what: str) -> list[str]:
    """SageMaker's resources that begin with the name prefix and are not tagged otherwise."""
    client = env.client("sagemaker")
    names = []
    for each in _pages(client, operation, key, NameContains=env.name_prefix):
        name = each[f"{what}Name"]
        if name == env.name_prefix or name.startswith(f"{env.name_prefix}-"):
            tags = list(_pages(client, "list_tags", "Tags", ResourceArn=each[f"{what}Arn"]))
            names += [name] * _is_of(env, tags)
    return names


def _endpoints(env: aws.Environment) -> list[str]:
    return _sagemaker(env, "list_endpoints", "Endpoints", "Endpoint")


def _remove_endpoint(env: aws.Environment, name: str) -> None:
    """Remove it once it is at rest: AWS refuses while it is being made or updated."""
    client = env.client("sagemaker")
    while client.describe_endpoint(EndpointName=name)["EndpointStatus"] not in AT_REST:
        time.sleep(POLL_SECONDS)
    client.delete_endpoint(EndpointName=name)
    client.get_waiter("endpoint_deleted").wait(EndpointName=name)


def _configurations(env: aws.Environment) -> list[str]:
    return _sagemaker(env, "list_endpoint_configs", "EndpointConfigs", "EndpointConfig")


def _models(env: aws.Environment) -> list[str]:
    return _sagemaker(env, "list_models", "Models", "Model")


def _packages(env: aws.Environment) -> list[str]:
    return [
        each["ModelPackageArn"]
        for group in _groups(env)
        for each in _pages(
            env.client("sagemaker"),
            "list_model_packages",
            "ModelPackageSummaryList",
            ModelPackageGroupName=group,
        )
    ]


def _groups(env: aws.Environment) -> list[str]:
    found = _pages(
        env.client("sagemaker"),
        "list_model_package_groups",
        "ModelPackageGroupSummaryList",
        NameContains=env.registry_group,
    )
    names = [each["ModelPackageGroupName"] for each in found]
    return [name for name in names if name == env.registry_group]


def _images(env: aws.Environment) -> list[str]:
    client, names = env.client("ecr"), set()
    for repository in (env.image_repository, env.train_repository):
        with suppress(client.exceptions.RepositoryNotFoundException):
            found = _pages(client, "list_images", "imageIds", repositoryName=repository)
            names |= {f"{repository}@{each['imageDigest']}" for each in found}
    return sorted(names)


def _remove_image(env: aws.Environment, name: str) -> None:
    repository, _, digest = name.partition("@")
    env.client("ecr").batch_delete_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}]
    )


def _alarms(env: aws.Environment) -> list[str]:
    """Those of the stacks, made by hand with its name, and of the endpoint's scaling."""
    client, names = env.client("cloudwatch"), []
    for prefix in (f"{env.name_prefix}-", f"TargetTracking-endpoint/{env.endpoint}/"):
        for each in _pages(client, "describe_alarms", "MetricAlarms", AlarmNamePrefix=prefix):
            tags = client.list_tags_for_resource(ResourceARN=each["AlarmArn"])["Tags"]
            names += [each["AlarmName"]] * _is_of(env, tags)
    return names


def _logs(env: aws.Environment) -> list[str]:
    """The log groups of the endpoint and of the functions; the services make some themselves."""
    client, names = env.client("logs"), []
    for prefix, whole in (
        (f"/aws/sagemaker/Endpoints/{env.endpoint}", True),
        (f"/aws/lambda/{env.name_prefix}-", False),
        (f"/aws/api-gateway/{env.name_prefix}", True),
    ):
        for each in _pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            name = each["logGroupName"]
            if name == prefix or not whole:
                tags = client.list_tags_for_resource(resourceArn=each["logGroupArn"])["tags"]
                listed = [{"Key": k, "Value": v} for k, v in tags.items()]
                names += [name] * _is_of(env, listed)
    return names


def _secrets(env: aws.Environment) -> list[str]:
    found = _pages(
        env.client("secretsmanager"),
        "list_secrets",
        "SecretList",
        Filters=[{"Key": "name", "Values": [f"{env.name_prefix}/"]}],
        IncludePlannedDeletion=True,
    )
    return [each["Name"] for each in found if each["Name"].startswith(f"{env.name_prefix}/")]


KINDS = (
    Kind("state machine", step_functions.known, step_functions.discard),
    Kind("API stack", lambda p: _stack(p, p.api_stack), _remove_stack),
    Kind("scaling target", _targets, _remove_target),
    Kind("endpoint", _endpoints, _remove_endpoint),
    Kind(
        "endpoint configuration",
        _configurations,
        lambda p, n: p.client("sagemaker").delete_endpoint_config(EndpointConfigName=n),
    ),
    Kind("model", _models, lambda p, n: p.client("sagemaker").delete_model(ModelName=n)),
    Kind(
        "registered model",
        _packages,
        lambda p, n: p.client("sagemaker").delete_model_package(ModelPackageName=n),
    ),
    Kind(
        "model registry group",
        _groups,
        lambda p, n: p.client("sagemaker").delete_model_package_group(ModelPackageGroupName=n),
    ),
    Kind("image", _images, _remove_image),
    Kind("compute stack", lambda p: _stack(p, p.compute_stack), _remove_stack),
    Kind("foundation stack", lambda p: _stack(p, p.foundation_stack), _remove_stack),
    Kind("alarm", _alarms, lambda p, n: p.client("cloudwatch").delete_alarms(AlarmNames=[n])),
    Kind("log group", _logs, lambda p, n: p.client("logs").delete_log_group(logGroupName=n)),
    Kind(
        "secret",
        _secrets,
        lambda p, n: p.client("secretsmanager").delete_secret(
            SecretId=n, ForceDeleteWithoutRecovery=True
        ),
    ),
)
"""In the order in which they can go. The bucket is `buckets`'s."""
