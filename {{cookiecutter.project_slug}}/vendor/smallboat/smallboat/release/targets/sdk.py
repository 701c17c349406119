"""sagemaker-core, the part of SageMaker's SDK for its resources."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ...aws import aws

DONE = ("already existing", "in-progress", "Could not find endpoint")


class Resources:
    """Resources of SageMaker in an environment."""

    def __init__(self, env: aws.Environment) -> None:
        self._env = env

    def _get(self, kind: str, name: str) -> Any:
        """A resource, or None if there is none; CloudError if AWS refuses."""
        from botocore.exceptions import ClientError

        with aws.aws_errors():
            try:
                return self._kind(kind).get(name, **self._where)
            except ClientError as error:
                if "Could not find" in str(error):
                    return None
                raise

    def _create(self, kind: str, tags: dict[str, str], **fields: Any) -> None:
        """Create a resource with tags, unless it exists."""
        with unless_done():
            self._kind(kind).create(tags=as_list(tags), **fields, **self._where)

    def _kind(self, name: str) -> Any:
        """The SDK's class of a kind of resource; the first import takes 2 s."""
        from sagemaker.core import resources
        from sagemaker.core.utils import utils

        # It writes MemorySizeInMb, which SageMaker does not know.
        utils.SPECIAL_SNAKE_TO_PASCAL_MAPPINGS["memory_size_in_mb"] = "MemorySizeInMB"
        return getattr(resources, name)

    @cached_property
    def _where(self) -> dict[str, Any]:
        return {"session": self._env.session, "region": self._env.region}


def as_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as the SDK takes them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


@contextmanager
def unless_done() -> Iterator[None]:
    """Accept that it is done already: by a deployment that was killed, or an earlier attempt."""
    from botocore.exceptions import ClientError

    with aws.aws_errors():
        try:
            yield
        except ClientError as error:
            if not any(each in str(error) for each in DONE):
                raise
