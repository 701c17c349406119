"""The bucket of an environment with every version of every object: for those who remove them."""

from collections.abc import Iterator

from . import aws

BATCH = 1000
"""Objects that S3 removes at once, at most."""


class Bucket:
    """The environment's bucket, with every version of every object."""

    KEPT = "store/"

    def __init__(self, env: aws.Environment) -> None:
        """The bucket of the place, which need not exist."""
        self._client, self.name = env.client("s3"), env.bucket

    def exists(self) -> bool:
        """Whether there is such a bucket."""
        from botocore.exceptions import ClientError

        try:
            self._client.head_bucket(Bucket=self.name)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True

    def versions(self, prefix: str = "") -> Iterator[dict[str, str]]:
        """Key and version of all that lies beneath a prefix, marks of deletion included."""
        if not self.exists():
            return
        listed = self._client.get_paginator("list_object_versions")
        for page in listed.paginate(Bucket=self.name, Prefix=prefix):
            for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield {"Key": each["Key"], "VersionId": each["VersionId"]}

    def empty(self, force: bool) -> int:
        """Remove every version, but of the model store unless forced; returns how many."""
        doomed = [each for each in self.versions() if force or not self._kept(each)]
        self.discard(doomed)
        return len(doomed)

    def discard(self, doomed: list[dict[str, str]]) -> None:
        """Remove versions; of each that S3 keeps it is said why."""
        for start in range(0, len(doomed), BATCH):
            batch = doomed[start : start + BATCH]
            told = self._client.delete_objects(
                Bucket=self.name, Delete={"Objects": batch, "Quiet": True}
            )
            for error in told.get("Errors", []):
                print(f"  not removed: {error['Key']}: {error['Message']}", flush=True)

    def kept(self) -> int:
        """How many versions of the model store there are."""
        return sum(map(self._kept, self.versions()))

    def left(self) -> list[str]:
        """The objects outside of the model store."""
        return sorted({each["Key"] for each in self.versions() if not self._kept(each)})

    def remove(self) -> None:
        """Remove the empty bucket."""
        self._client.delete_bucket(Bucket=self.name)

    def _kept(self, version: dict[str, str]) -> bool:
        return version["Key"].startswith(self.KEPT)
