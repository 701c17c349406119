"""Everything that an environment can have on AWS, kind by kind: how it is found, how it goes."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..aws import aws
from . import machines
from .stacks import Stacks

POLL_SECONDS = 2.0
AT_REST = {"InService", "OutOfService", "Failed", "UpdateRollbackFailed"}


@dataclass(frozen=True)
class Kind:
    """A kind of thing; an environment's are listed by name and removed by it."""

    name: str
    found: Callable[[aws.Place], list[str]]
    remove: Callable[[aws.Place, str], object]


def _is_of(place: aws.Place, tags: list[dict[str, str]]) -> bool:
    """Whether tags are the place's; a thing without them is known by its name alone.

    `a-b-c` is a name in the place `a-b`, and that of the place `a-b-c`.
    """
    known = {tag["Key"]: tag["Value"] for tag in tags}
    return all(known.get(k, v) == v for k, v in place.tags.items() if k != "owner")


def _pages(client: Any, operation: str, key: str, **asked: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page.get(key, [])


def _stack(place: aws.Place, name: str) -> list[str]:
    return [name] if Stacks(place).state(name) else []


def _remove_stack(place: aws.Place, name: str) -> None:
    Stacks(place).remove(name)


def _targets(place: aws.Place) -> list[str]:
    found = _pages(
        place.client("application-autoscaling"),
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
    )
    ours = f"endpoint/{place.endpoint}/"
    return [each["ResourceId"] for each in found if each["ResourceId"].startswith(ours)]


def _remove_target(place: aws.Place, name: str) -> None:
    place.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=name,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    )


def _sagemaker(place: aws.Place, operation: str, key: str, what: str) -> list[str]:
    """The names of SageMaker's things that begin with the stem and are not tagged otherwise."""
    client = place.client("sagemaker")
    names = []
    for each in _pages(client, operation, key, NameContains=place.stem):
        name = each[f"{what}Name"]
        if name == place.stem or name.startswith(f"{place.stem}-"):
            tags = list(_pages(client, "list_tags", "Tags", ResourceArn=each[f"{what}Arn"]))
            names += [name] * _is_of(place, tags)
    return names


def _endpoints(place: aws.Place) -> list[str]:
    return _sagemaker(place, "list_endpoints", "Endpoints", "Endpoint")


def _remove_endpoint(place: aws.Place, name: str) -> None:
    """Remove it once it is at rest: AWS refuses while it is being made or updated."""
    client = place.client("sagemaker")
    while client.describe_endpoint(EndpointName=name)["EndpointStatus"] not in AT_REST:
        time.sleep(POLL_SECONDS)
    client.delete_endpoint(EndpointName=name)
    client.get_waiter("endpoint_deleted").wait(EndpointName=name)


def _configurations(place: aws.Place) -> list[str]:
    return _sagemaker(place, "list_endpoint_configs", "EndpointConfigs", "EndpointConfig")


def _models(place: aws.Place) -> list[str]:
    return _sagemaker(place, "list_models", "Models", "Model")


def _packages(place: aws.Place) -> list[str]:
    return [
        each["ModelPackageArn"]
        for group in _groups(place)
        for each in _pages(
            place.client("sagemaker"),
            "list_model_packages",
            "ModelPackageSummaryList",
            ModelPackageGroupName=group,
        )
    ]


def _groups(place: aws.Place) -> list[str]:
    found = _pages(
        place.client("sagemaker"),
        "list_model_package_groups",
        "ModelPackageGroupSummaryList",
        NameContains=place.registry_group,
    )
    names = [each["ModelPackageGroupName"] for each in found]
    return [name for name in names if name == place.registry_group]


def _images(place: aws.Place) -> list[str]:
    client, names = place.client("ecr"), set()
    for repository in (place.image_repository, place.train_repository):
        with suppress(client.exceptions.RepositoryNotFoundException):
            found = _pages(client, "list_images", "imageIds", repositoryName=repository)
            names |= {f"{repository}@{each['imageDigest']}" for each in found}
    return sorted(names)


def _remove_image(place: aws.Place, name: str) -> None:
    repository, _, digest = name.partition("@")
    place.client("ecr").batch_delete_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}]
    )


def _alarms(place: aws.Place) -> list[str]:
    """Those of the stacks, made by hand with its name, and of the endpoint's scaling."""
    client, names = place.client("cloudwatch"), []
    for prefix in (f"{place.stem}-", f"TargetTracking-endpoint/{place.endpoint}/"):
        for each in _pages(client, "describe_alarms", "MetricAlarms", AlarmNamePrefix=prefix):
            tags = client.list_tags_for_resource(ResourceARN=each["AlarmArn"])["Tags"]
            names += [each["AlarmName"]] * _is_of(place, tags)
    return names


def _logs(place: aws.Place) -> list[str]:
    """The log groups of the endpoint and of the functions; the services make some themselves."""
    client, names = place.client("logs"), []
    for prefix, whole in (
        (f"/aws/sagemaker/Endpoints/{place.endpoint}", True),
        (f"/aws/lambda/{place.stem}-", False),
        (f"/aws/api-gateway/{place.stem}", True),
    ):
        for each in _pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            name = each["logGroupName"]
            if name == prefix or not whole:
                tags = client.list_tags_for_resource(resourceArn=each["logGroupArn"])["tags"]
                listed = [{"Key": k, "Value": v} for k, v in tags.items()]
                names += [name] * _is_of(place, listed)
    return names


def _secrets(place: aws.Place) -> list[str]:
    found = _pages(
        place.client("secretsmanager"),
        "list_secrets",
        "SecretList",
        Filters=[{"Key": "name", "Values": [f"{place.stem}/"]}],
        IncludePlannedDeletion=True,
    )
    return [each["Name"] for each in found if each["Name"].startswith(f"{place.stem}/")]


KINDS = (
    Kind("state machine", machines.known, machines.discard),
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
