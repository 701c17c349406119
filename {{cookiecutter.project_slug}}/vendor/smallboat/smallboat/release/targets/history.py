"""What a target's history says: its events, oldest first, each `released` or `rolled back`."""

from typing import Any

Event = dict[str, Any]


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
