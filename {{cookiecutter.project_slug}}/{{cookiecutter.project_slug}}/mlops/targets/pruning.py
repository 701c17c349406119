"""Removes what nobody will go back to: configurations, models, archives, images."""

from collections.abc import Iterator
from typing import Any

from .. import aws
from . import archives
from .bucket import Bucket
from .configurations import Configurations

Json = dict[str, Any]
AT_ONCE = {"s3": 1000, "ecr": 100}
"""How many things a call may remove."""


def prune(
    place: aws.Place, configurations: Configurations, bucket: Bucket, served: list[Json]
) -> None:
    """Remove what is older than all that may be served again.

    Args:
        place: what is removed is its own.
        configurations: its models.
        bucket: its archives.
        served: the events of the releases to keep, the current one last.
    """
    models = dict(configurations.models())
    kept = {event["config"] for event in served}
    images = {models[name].image.partition("@")[2] for name in kept if name in models}
    now = models[served[-1]["config"]].image.partition("@")[2]
    pinned = {models[name].model_data_url for name in kept if name in models}
    pinned |= {event["registered"] for event in served}
    for name in models.keys() - kept:
        configurations.remove(name)
    _archives(bucket, pinned)
    _images(place, images, now)


def _archives(bucket: Bucket, pinned: set[str]) -> None:
    """All versions of the archives that no kept model has; what was measured of them stays."""
    client = bucket.client
    with aws.told():
        pages = client.get_paginator("list_object_versions").paginate(
            Bucket=bucket.name, Prefix=archives.PREFIX
        )
        old = [
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for page in pages
            for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if each["Key"].endswith(archives.NAME)
            and f"s3://{bucket.name}/{each['Key']}" not in pinned
        ]
        for some in _some(old, AT_ONCE["s3"]):
            answer = client.delete_objects(
                Bucket=bucket.name, Delete={"Objects": some, "Quiet": True}
            )
            for error in answer.get("Errors", [])[:1]:
                print(f"{error['Key']} could not be removed: {error['Message']}", flush=True)


def _images(place: aws.Place, used: set[str], now: str) -> None:
    """The images that no kept model uses, if they were pushed before the one that serves."""
    client, repository = place.client("ecr"), place.image_repository
    with aws.told():
        pages = client.get_paginator("describe_images").paginate(repositoryName=repository)
        pushed = {
            each["imageDigest"]: each["imagePushedAt"]
            for page in pages
            for each in page["imageDetails"]
        }
        if now not in pushed:
            return
        old = [
            {"imageDigest": digest}
            for digest, when in pushed.items()
            if digest not in used and when < pushed[now]
        ]
        for some in _some(old, AT_ONCE["ecr"]):
            client.batch_delete_image(repositoryName=repository, imageIds=some)


def _some(things: list[Json], many: int) -> Iterator[list[Json]]:
    for start in range(0, len(things), many):
        yield things[start : start + many]
