"""A target's release log: its events, oldest first, each `released` or `rolled back`."""

import json
from typing import Any

from ...errors import CloudError
from ...store import store
from .bucket import Bucket, ChangedError

KEY = "endpoint/history.json"
Event = dict[str, Any]


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
        message = f"s3://{bucket.name}/{KEY} was changed meanwhile: repeat the command"
        raise CloudError(message) from None


def served(events: list[Event]) -> list[Event]:
    """The events of the releases up to the current one; what was rolled back is not among them.

    One that was released again as it was is there once.
    """
    found: list[Event] = []
    for event in events:
        if event["event"] == "rolled back":
            found[-2:] = [event]
        elif not found or what(found[-1]) != what(event):
            found.append(event)
    return found


def what(event: Event) -> str:
    """What an event made the target serve: a configuration where there are such, or a release."""
    return str(event.get("config", event["release"]))
