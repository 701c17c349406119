"""Removes what nobody will go back to: configurations, models, archives, images."""

from typing import Any

from ...aws import aws
from ...aws.buckets import Bucket
from . import archives
from .configurations import Configurations

Json = dict[str, Any]
AT_ONCE = 100
"""How many images a call may remove."""


def prune(env: aws.Environment, configurations: Configurations, served: list[Json]) -> None:
    """Remove what is older than all that may be served again.

    Args:
        env: what is removed is its own.
        configurations: its models.
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
    _archives(env, pinned)
    _images(env, images, now)


def _archives(env: aws.Environment, pinned: set[str]) -> None:
    """All versions of the archives that no kept model has; what was measured of them stays."""
    bucket = Bucket(env)
    with aws.aws_errors():
        bucket.discard(
            [
                each
                for each in bucket.versions(archives.PREFIX)
                if each["Key"].endswith(archives.NAME)
                and f"s3://{bucket.name}/{each['Key']}" not in pinned
            ]
        )


def _images(env: aws.Environment, used: set[str], now: str) -> None:
    """The images that no kept model uses, if they were pushed before the one that serves."""
    client, repository = env.client("ecr"), env.image_repository
    with aws.aws_errors():
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
        for start in range(0, len(old), AT_ONCE):
            some = old[start : start + AT_ONCE]
            client.batch_delete_image(repositoryName=repository, imageIds=some)
