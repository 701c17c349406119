"""A visit on its way into the model: the questions that are refused, and the model's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from smallboat.errors import RequestError

from ..events import prefix
from ..inputs import Array, assemble
from .reasons import ORDINARY
from .schema import KNOWN, Request

Online = Mapping[str, Any]
TOGETHER = ("session",)
EARLIEST = 10**11
"""Milliseconds, March 1973: what lies before is a number of seconds."""
LATEST = 10**14
"""Milliseconds, year 5138: what lies after is a number of microseconds."""


def check(request: Request, online: Online) -> None:
    """Refuse what SCHEMA can't: times in another unit, and a visit without a cart.

    Raises:
        RequestError: names the field.
    """
    for row, event in enumerate(request["events"]):
        if not EARLIEST <= event["time"] < LATEST:
            unit = "seconds" if event["time"] < EARLIEST else "microseconds"
            message = f"looks like {unit}: send milliseconds since 1970-01-01, UTC"
            raise RequestError(f"events[{row}].time", message)
    added, bought = (_first(request["events"], action) for action in ("add", "purchase"))
    if added == LATEST or added > bought:
        raise RequestError(
            "events",
            "hold no add to cart before a purchase: whether a visitor will buy can be asked from "
            "the first product in the cart on",
        )


def example(online: Online) -> Request:
    """A valid request: the first of the example sessions."""
    request: Request = online["sessions"][0]["request"]
    return request


def known(online: Online, asked: Mapping[str, Any]) -> Request:
    """The request of an example session.

    Args:
        online: what `features.online_features` returned.
        asked: `session`, its name.

    Raises:
        RequestError: the question is wrong, or names no example session.
    """
    for name in asked:
        if name not in KNOWN["required"]:
            raise RequestError(name[:80] or "''", "is not known; known is session")
    if "session" not in asked:
        raise RequestError("session", "is missing")
    for session in online["sessions"]:
        if session["name"] == asked["session"]:
            request: Request = session["request"]
            return request
    raise RequestError(
        "session", "is no example session: the page lists them; POST the events of any other"
    )


def from_csv(rows: Sequence[Mapping[str, str]]) -> list[Request]:
    """Requests from the rows of a CSV file: neighbours of one session are one request.

    Columns are session, and those of an event; an empty cell is a value that isn't known. What is
    no number stays text, for SCHEMA to refuse.
    """
    requests: list[Request] = []
    last: str | None = None
    for row in rows:
        cells = {name: _cell(name, cell) for name, cell in row.items() if cell != ""}
        session = cells.pop("session", None)
        if not requests or session != last:
            requests.append({"events": []} | ({"session": session} if session else {}))
        last = session
        requests[-1]["events"].append(cells)
    return requests


def features(request: Request, online: Online) -> tuple[Array, list[str]]:
    """The model's inputs, float32 of shape [1, len(NAMES)], and what had to be guessed."""
    return assemble(request, online)


def keys(request: Request) -> list[str]:
    """The session and its events after the first add; by the session monitoring finds purchases."""
    if not request.get("session"):
        return [""]
    actions = [event.action for event in prefix(request["events"])]
    return [f"{request['session']}/{len(actions) - actions.index('add') - 1}"]


def page(online: Online) -> dict[str, Any]:
    """What the page offers: sessions to replay, what is known of their products, and ORDINARY."""
    sessions = online["sessions"]
    skus = {event.get("sku") for each in sessions for event in each["request"]["events"]}
    catalog = {sku: online["catalog"][sku] for sku in sorted(skus & online["catalog"].keys())}
    return {"sessions": sessions, "catalog": catalog, "ordinary": ORDINARY}


def _first(events: Sequence[Mapping[str, Any]], action: str) -> int:
    """The time of the first such event, LATEST if there is none."""
    return min((event["time"] for event in events if event["action"] == action), default=LATEST)


def _cell(name: str, cell: str) -> Any:
    if name not in ("time", "clicks"):
        return cell
    try:
        return int(cell)
    except ValueError:
        return cell
