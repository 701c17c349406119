"""The bucket of an environment: conditional reads and writes, and removal of all versions."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from . import aws

BATCH = 1000
"""How many objects S3 removes in one call, at most."""
VERSIONS = "[Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}"
CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict")


class ChangedError(Exception):
    """An object was written by someone else since it was read."""


@dataclass(frozen=True)
class Object:
    """An object as it was read.

    Attributes:
        content: its bytes.
        tag: changes with its content.
        age: seconds since it was written, by S3's clock.
    """

    content: bytes
    tag: str
    age: float


class Bucket:
    """The bucket of an environment, which need not exist."""

    def __init__(self, env: aws.Environment) -> None:
        self._env, self.name = env, env.bucket

    @cached_property
    def client(self) -> Any:
        """The S3 client; safe to use from several threads."""
        return self._env.client("s3")

    def url(self, key: str) -> str:
        """The address of an object."""
        return f"s3://{self.name}/{key}"

    def read(self, key: str) -> Object | None:
        """An object, or None if there is none; CloudError if AWS refuses."""
        with aws.aws_errors("NoSuchKey"):
            response = self.client.get_object(Bucket=self.name, Key=key)
            now = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
            age = (now - response["LastModified"]).total_seconds()
            return Object(response["Body"].read(), response["ETag"], age)
        return None

    def write(self, key: str, content: bytes, tag: str | None = None) -> str:
        """Write an object, encrypted, if it still has a tag; without a tag, if there is none.

        Returns:
            The new tag.

        Raises:
            ChangedError: there is another one.
            CloudError: AWS refuses.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with aws.aws_errors(*CONDITION_FAILED):
            response = self.client.put_object(
                Bucket=self.name,
                Key=key,
                Body=content,
                ServerSideEncryption="AES256",
                ContentType="application/json" if key.endswith(".json") else "application/gzip",
                **condition,
            )
            return str(response["ETag"])
        current = self.read(key)
        if current is None or current.content != content:
            raise ChangedError(key)
        return current.tag  # an earlier attempt of this call succeeded without an answer

    def exists(self) -> bool:
        """Whether there is such a bucket."""
        with aws.aws_errors("(404)"):
            self.client.head_bucket(Bucket=self.name)
            return True
        return False

    def versions(self, prefix: str = "") -> Iterator[dict[str, str]]:
        """Key and version of all objects with a prefix, delete markers included."""
        pages = self.client.get_paginator("list_object_versions")
        found = pages.paginate(Bucket=self.name, Prefix=prefix).search(VERSIONS)
        with aws.aws_errors("NoSuchBucket"):
            yield from filter(None, found)

    def discard(self, versions: list[dict[str, str]]) -> None:
        """Remove versions; print those that S3 does not remove, and why."""
        for start in range(0, len(versions), BATCH):
            batch = {"Objects": versions[start : start + BATCH], "Quiet": True}
            response = self.client.delete_objects(Bucket=self.name, Delete=batch)
            for error in response.get("Errors", []):
                print(f"  not removed: {error['Key']}: {error['Message']}", flush=True)
