"""The release log of a target: its events, oldest first, each `released` or `rolled back`."""

import json
from typing import Any

from ...errors import UserError
from ...store import store

Event = dict[str, Any]


def parse(content: bytes, name: str) -> list[Event]:
    """The events of a log's content; UserError names the log if it can't be read."""
    try:
        events: list[Event] = json.loads(content)
    except ValueError as error:
        raise UserError(f"{name} is no JSON: {error}") from None
    if not (isinstance(events, list) and all(map(_is_event, events))):
        raise UserError(f"{name} is no list of events with the texts `event` and `release`")
    return events


def event(release: str, back: bool, **more: Any) -> Event:
    """What happened now: a release, or a rollback to one."""
    name = "rolled back" if back else "released"
    return {"at": store.now(), "event": name, "release": release, **more}


def served(events: list[Event]) -> list[Event]:
    """The events of the releases up to the current one, without those rolled back.

    A release that was released twice in a row is listed once.
    """
    releases: list[Event] = []
    for each in events:
        if each["event"] == "rolled back":
            releases[-2:] = [each]
        elif not releases or _served(releases[-1]) != _served(each):
            releases.append(each)
    return releases


def _served(event: Event) -> str:
    """What the target serves after an event: a configuration on SageMaker, else a release."""
    return str(event.get("config", event["release"]))


def _is_event(value: Any) -> bool:
    names = ("event", "release")
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)
