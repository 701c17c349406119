"""sagemaker-core, SageMaker's SDK without its training half: what it lacks, and its refusals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ...aws import aws

DONE = ("already existing", "in-progress", "Could not find endpoint")


class Sdk:
    """The SDK for a place.

    Attributes:
        where: the session and the region, as every class and function of it takes them.
    """

    def __init__(self, env: aws.Environment) -> None:
        self._env = env

    @cached_property
    def where(self) -> dict[str, Any]:  # noqa: D102
        return {"session": self._env.session, "region": self._env.region}

    @cached_property
    def resources(self) -> Any:
        """Its classes; the first time it takes 2 s."""
        from sagemaker.core import resources
        from sagemaker.core.utils import utils

        # It writes MemorySizeInMb, which SageMaker does not know.
        utils.SPECIAL_SNAKE_TO_PASCAL_MAPPINGS["memory_size_in_mb"] = "MemorySizeInMB"
        return resources


def marks(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as it takes them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def found(get: Callable[[], Any]) -> Any:
    """What is asked for, or None if there is no such thing; CloudError if AWS refuses."""
    from botocore.exceptions import ClientError

    with aws.aws_errors():
        try:
            return get()
        except ClientError as error:
            if "Could not find" in str(error):
                return None
            raise


@contextmanager
def once() -> Iterator[None]:
    """Take what is so already for done: by a deployment that was killed, or a call tried again."""
    from botocore.exceptions import ClientError

    with aws.aws_errors():
        try:
            yield
        except ClientError as error:
            if not any(each in str(error) for each in DONE):
                raise
