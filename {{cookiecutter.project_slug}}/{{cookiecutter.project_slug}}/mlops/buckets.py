"""The bucket of an environment, as `make destroy` sees it: with every version of every object."""

from collections.abc import Iterator

from . import aws

BATCH = 1000
"""Objects that S3 removes at once, at most."""


class Bucket:
    """The environment's bucket, with every version of every object."""

    KEPT = "store/"

    def __init__(self, place: aws.Place) -> None:
        """The bucket of the place, which need not exist."""
        self._client, self.name = place.client("s3"), place.bucket

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

    def versions(self) -> Iterator[dict[str, str]]:
        """Key and version of all that lies in the bucket, marks of deletion included."""
        if not self.exists():
            return
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.name)
        for page in pages:
            for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                yield {"Key": each["Key"], "VersionId": each["VersionId"]}

    def empty(self, force: bool) -> int:
        """Remove every version, but of the model store unless forced; returns how many."""
        doomed = [each for each in self.versions() if force or not self._kept(each)]
        for start in range(0, len(doomed), BATCH):
            batch = doomed[start : start + BATCH]
            told = self._client.delete_objects(
                Bucket=self.name, Delete={"Objects": batch, "Quiet": True}
            )
            for error in told.get("Errors", []):
                print(f"  not removed: {error['Key']}: {error['Message']}", flush=True)
        return len(doomed)

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
