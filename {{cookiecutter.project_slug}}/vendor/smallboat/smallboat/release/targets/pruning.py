"""Removes what is too old to go back to: configurations, models, archives, images."""

from ...aws import aws
from ...aws.buckets import Bucket
from . import archives
from .configurations import Configurations
from .release_log import Event

BATCH = 100
"""How many images ECR removes in one call, at most."""


def prune(
    env: aws.Environment, bucket: Bucket, configurations: Configurations, kept: list[Event]
) -> None:
    """Remove what belongs only to releases that are not kept.

    Args:
        env: the environment.
        bucket: its bucket.
        configurations: its configurations.
        kept: the events of the releases to keep, the current one last.
    """
    models = dict(configurations.models())
    names = {event["config"] for event in kept}
    containers = [models[name] for name in names if name in models]
    for name in models.keys() - names:
        configurations.remove(name)
    urls = {each.model_data_url for each in containers} | {event["registered"] for event in kept}
    _prune_archives(bucket, urls)
    current = models[kept[-1]["config"]].image
    _prune_images(env, {each.image.partition("@")[2] for each in containers}, current)


def _prune_archives(bucket: Bucket, urls: set[str]) -> None:
    """Remove all versions of other archives; the evaluations next to them stay."""
    with aws.aws_errors():
        old = [
            each
            for each in bucket.versions(archives.PREFIX)
            if each["Key"].endswith(archives.NAME) and bucket.url(each["Key"]) not in urls
        ]
        bucket.discard(old)


def _prune_images(env: aws.Environment, used: set[str], current: str) -> None:
    """Remove the unused images that were pushed before the current one."""
    client, repository = env.client("ecr"), env.image_repository
    with aws.aws_errors():
        pages = client.get_paginator("describe_images").paginate(repositoryName=repository)
        pushed = {
            each["imageDigest"]: each["imagePushedAt"]
            for page in pages
            for each in page["imageDetails"]
        }
        limit = pushed.get(current.partition("@")[2])
        old = [
            {"imageDigest": digest}
            for digest, at in pushed.items()
            if digest not in used and limit and at < limit
        ]
        for start in range(0, len(old), BATCH):
            batch = old[start : start + BATCH]
            client.batch_delete_image(repositoryName=repository, imageIds=batch)
