"""What must hold of the answers to requests and to changed ones, whatever the model learned."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .answer import Answer
from .request import Online
from .schema import MOST_EVENTS, Request

Ask = Callable[[list[Request]], list[Answer]]
Found = tuple[str, bool, str]
SAME = 1e-4
"""How far two answers to one question may lie apart: answers have four digits."""
TOLERANCE = 0.01
"""What a visitor who empties the cart may gain on average, as a probability."""


def questions(online: Online) -> list[Request]:
    """Requests that every release must answer: every other example."""
    return [session["request"] for session in online["sessions"][::2]]


def invariants(ask: Ask, online: Online) -> list[Found]:
    """What must hold of a model's answers whatever it learned.

    Args:
        ask: answers, each with `predictions` and `warnings`, to requests.
        online: the release's online features.

    Returns:
        Name, whether it holds, and what was found.
    """
    visits = questions(online)
    plain = ask(visits)
    turned = ask([{"events": visit["events"][::-1]} for visit in visits])
    doubled = ask([{"events": _doubled(visit["events"])} for visit in visits])
    bought = ask([{"events": _bought(visit["events"])} for visit in visits])
    alone = [ask([visit])[0] for visit in visits]
    return [
        _shares(plain),
        _same("the order of the events does not matter", plain, turned),
        _same("an event that was sent twice counts once", plain, doubled),
        _same("what follows the purchase does not matter", plain, bought),
        _same("a batch is answered as its requests are one by one", plain, alone),
        _emptied(ask, visits),
        _strangers(ask, visits),
    ]


def _shares(answers: list[Answer]) -> Found:
    found = [_probability(answer) for answer in answers]
    message = f"from {min(found):.3g} to {max(found):.3g}"
    return "a probability lies within 0 and 1", min(found) >= 0 and max(found) <= 1, message


def _same(name: str, ours: list[Answer], theirs: list[Answer]) -> Found:
    pairs = zip(ours, theirs, strict=True)
    worst = max(abs(_probability(here) - _probability(there)) for here, there in pairs)
    return name, worst <= SAME, f"differences up to {worst:.1g}"


def _doubled(events: list[Any]) -> list[Any]:
    return [*events, *events[: MOST_EVENTS - len(events)]]


def _bought(events: list[Any]) -> list[Any]:
    """The visit, then a purchase, then another one's beginning."""
    end = max(event["time"] for event in events)
    later = ("purchase", "search", "detail", "add", "remove")
    more = [{"action": action, "time": end + 1 + 1000 * n} for n, action in enumerate(later)]
    return [*events[: MOST_EVENTS - len(more)], *more]


def _emptied(ask: Ask, visits: list[Request]) -> Found:
    """Against a visitor who looks at what is in the cart instead: doing more is another sign."""
    emptied, looked = (
        [_probability(answer) for answer in ask([_goes_on(visit, action) for visit in visits])]
        for action in ("remove", "detail")
    )
    gain = float(np.mean(emptied) - np.mean(looked))
    message = f"gains {gain:+.3f} on average of {TOLERANCE:g}"
    return "who empties the cart is not likelier to buy", gain <= TOLERANCE, message


def _goes_on(visit: Request, action: str) -> Request:
    """The visit with the action on each product in the cart."""
    events = visit["events"]
    end = max(event["time"] for event in events)
    more = [
        {**event, "action": action, "time": end + 10_000 * number}
        for number, event in enumerate(_cart(events), start=1)
    ]
    return {"events": [*events, *more]}


def _cart(events: list[Any]) -> list[Any]:
    """The adds whose products were not taken out again."""
    left: list[Any] = []
    for event in sorted(events, key=lambda each: int(each["time"])):
        if event["action"] == "add":
            left.append(event)
        elif event["action"] == "remove":
            left = [each for each in left if each.get("sku") != event.get("sku")]
    return left


def _strangers(ask: Ask, visits: list[Request]) -> Found:
    skus = [{event.get("sku") for event in visit["events"]} - {None} for visit in visits]
    named = [visit for visit, each in zip(visits, skus, strict=True) if each]
    answers = ask([{"events": [_strange(event) for event in visit["events"]]} for visit in named])
    told = sum(any("catalogue" in warning for warning in each["warnings"]) for each in answers)
    message = f"{told} of {len(named)} visits with a warning"
    return "unknown products are answered with a warning", told == len(named), message


def _strange(event: Any) -> Any:
    return {**event, "sku": f"nobody-{event['sku']}"[:100]} if event.get("sku") else event


def _probability(answer: Answer) -> float:
    (prediction,) = answer["predictions"]
    return float(prediction["probability"])
