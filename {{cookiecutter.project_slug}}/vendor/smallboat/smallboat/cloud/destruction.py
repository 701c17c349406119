"""`make destroy`: deletes everything that an environment has on AWS, and lists what is left."""

import time

from .. import confirmation
from ..aws import aws
from ..aws.buckets import Bucket
from ..config import config
from ..errors import CloudError
from ..problem import Problem
from ..words import counted
from . import inventory

KEPT = "store/"
"""The model store in the bucket."""
LATE_SECONDS = 60.0
Version = dict[str, str]


def destroy(problem: Problem, environment: str, confirm: str | None, force: bool) -> int:
    """Delete what deployments and bootstrap created, without `force` not the model store.

    Raises:
        UserError: `confirm` or the answer to the question is not the environment's name.
        CloudError: AWS kept something; the message lists it.
    """
    env = aws.Environment(config.load(problem, environment))
    if confirm is None:
        print(f"This deletes all of {env.name_prefix} in the account {env.aws.account}.")
    confirmation.ask(environment, confirm)
    with aws.aws_errors():
        found, refused = _delete(env)
        deleted = found + _empty_bucket(Bucket(env), force)
        remaining = _wait(env, force, refused)
        kept, _ = _objects(Bucket(env))
    if remaining:
        raise CloudError(
            f"left on AWS: {'; '.join(remaining)}. Repeat `make destroy`, or delete them by hand"
        )
    if kept:
        print(f"kept: {len(kept)} objects of the model store in s3://{env.bucket}/{KEPT}")
        print(f"(`make destroy ENV={environment} FORCE=1` deletes them too)")
    if deleted:
        kinds = ", ".join(kind.name for kind in inventory.KINDS)
        print(f"nothing is left of: {kinds}, object, bucket")
        print("the account's own stack stays: other environments may use it")
    else:
        print(f"nothing to do: {env.name_prefix} has nothing {'else ' * bool(kept)}on AWS")
    return 0


def _delete(env: aws.Environment) -> tuple[int, set[str]]:
    """Delete everything but the bucket; returns how many resources were found, and the refused."""
    count, refused = 0, set()
    for kind, name in inventory.resources(env):
        count += 1
        try:
            with aws.aws_errors():
                kind.delete(env, name)
        except CloudError as error:  # the final list names it
            refused.add(f"{kind.name} {name}")
            print(f"not deleted: {kind.name} {name}: {error}", flush=True)
        else:
            print(f"deleted: {kind.name} {name}", flush=True)
    return count, refused


def _empty_bucket(bucket: Bucket, force: bool) -> int:
    """Delete objects, and the bucket once it is empty; returns how many versions were deleted."""
    kept, others = _objects(bucket)
    versions = others + kept if force else others
    if versions:
        bucket.discard(versions)
        print(f"deleted: {counted(len(versions), 'version')} of objects", flush=True)
    if not bucket.exists() or any(bucket.versions()):
        return len(versions)
    bucket.client.delete_bucket(Bucket=bucket.name)
    print(f"deleted: bucket {bucket.name}", flush=True)
    return len(versions) + 1


def _objects(bucket: Bucket) -> tuple[list[Version], list[Version]]:
    """The versions of the model store, and all others."""
    versions = list(bucket.versions())
    kept = [each for each in versions if each["Key"].startswith(KEPT)]
    return kept, [each for each in versions if not each["Key"].startswith(KEPT)]


def _wait(env: aws.Environment, force: bool, refused: set[str]) -> list[str]:
    """What is left once AWS has had its time: secrets and others vanish after their deletion."""
    remaining, end = _remaining(env, force), time.monotonic() + LATE_SECONDS
    if late := "; ".join(each for each in remaining if each not in refused):
        print(f"waiting up to {LATE_SECONDS:g} s until AWS has deleted: {late}", flush=True)
    while set(remaining) - refused and time.monotonic() < end:
        time.sleep(inventory.POLL_SECONDS)
        remaining = _remaining(env, force)
    return remaining


def _remaining(env: aws.Environment, force: bool) -> list[str]:
    """What should have been deleted."""
    bucket = Bucket(env)
    names = [f"{kind.name} {name}" for kind, name in inventory.resources(env)]
    kept, others = _objects(bucket)
    names += sorted({f"object {each['Key']}" for each in others})
    if bucket.exists() and (force or not kept):
        names.append(f"bucket {bucket.name}")
    return names
