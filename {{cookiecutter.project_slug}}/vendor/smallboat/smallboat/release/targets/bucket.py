"""The environment's bucket: objects that are written under a condition, and read."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from ...aws import aws

TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}


class ChangedError(Exception):
    """An object is another than the one that was to be replaced."""


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
    """The bucket of a place."""

    def __init__(self, env: aws.Environment) -> None:
        self._env, self.name = env, env.bucket

    @cached_property
    def client(self) -> Any:
        """The S3 client; safe to use from several threads."""
        return self._env.client("s3")

    def read(self, key: str) -> Object | None:
        """An object, or None if there is none; CloudError if AWS refuses."""
        client = self.client
        with aws.aws_errors():
            try:
                found = client.get_object(Bucket=self.name, Key=key)
            except client.exceptions.NoSuchKey:
                return None
            content = found["Body"].read()
        now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        age = (now - found["LastModified"]).total_seconds()
        return Object(content, found["ETag"], age)

    def write(self, key: str, content: bytes, tag: str | None = None) -> str:
        """Replace the object that has a tag, or write the first one; encrypted.

        Returns:
            The new tag.

        Raises:
            ChangedError: there is another one.
            CloudError: AWS refuses.
        """
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        with aws.aws_errors():
            try:
                written = self.client.put_object(
                    Bucket=self.name,
                    Key=key,
                    Body=content,
                    ServerSideEncryption="AES256",
                    ContentType="application/json" if key.endswith(".json") else "application/gzip",
                    **condition,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in TAKEN:
                    raise
            else:
                return str(written["ETag"])
        found = self.read(key)
        if found is None or found.content != content:
            raise ChangedError(key)
        return found.tag  # an earlier try of this call had gone through
