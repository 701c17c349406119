"""What was confirmed on a SageMaker endpoint: an object of the bucket that only grows."""

import json

from ...errors import CloudError
from ...store import store
from .bucket import Bucket, ChangedError
from .history import Event

KEY = "endpoint/history.json"


def read(bucket: Bucket) -> tuple[list[Event], str | None]:
    """The events, oldest first, and the tag to write the next one with."""
    found = bucket.read(KEY)
    if found is None:
        return [], None
    try:
        events: list[Event] = json.loads(found.content)
    except ValueError as error:
        raise CloudError(f"s3://{bucket.name}/{KEY} is no JSON: {error}") from None
    return events, found.tag


def write(bucket: Bucket, events: list[Event], tag: str | None) -> None:
    """Replace the events that were read with a tag; CloudError if they were changed meanwhile."""
    try:
        bucket.write(KEY, store.to_json(events), tag)
    except ChangedError:
        says = f"s3://{bucket.name}/{KEY} was changed meanwhile: repeat the command"
        raise CloudError(says) from None
