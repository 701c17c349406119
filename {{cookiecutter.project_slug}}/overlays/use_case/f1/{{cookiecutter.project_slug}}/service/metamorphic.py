"""What must hold of the answers to requests and to changed ones, whatever the model learned."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from .answer import Answer
from .request import Online
from .schema import Request

TOLERANCE = 0.15
"""What a car may gain by changing places with the one behind, in standard deviations of the race's
scores: trees are not smooth (0.09 was seen); a model that has it backwards shows 0.17."""


def questions(online: Online) -> list[Request]:
    """Requests that every release must answer."""
    return [race["request"] for race in online["races"][-3:]]


def invariants(
    ask: Callable[[list[Request]], list[Answer]], online: Online
) -> list[tuple[str, bool, str]]:
    """What must hold of a model's answers whatever it learned.

    Args:
        ask: answers, each with `predictions` and `warnings`, to requests.
        online: the release's online features.

    Returns:
        Name, whether it holds, and what was found.
    """
    races = questions(online)
    together = ask(races)
    turned = ask([{**race, "grid": race["grid"][::-1]} for race in races])
    alone = [ask([race])[0] for race in races]
    return [
        _same("the order of the rows does not matter", together, turned),
        _same("a batch is answered as its requests are one by one", together, alone),
        _swaps(ask, races),
        _strangers(ask, races[-1]),
    ]


def _same(name: str, ours: list[Answer], theirs: list[Answer]) -> tuple[str, bool, str]:
    worst = max(
        abs(score - _scores(there)[driver])
        for here, there in zip(ours, theirs, strict=True)
        for driver, score in _scores(here).items()
    )
    return name, worst <= 1e-3, f"differences up to {worst:.1g}"


def _swaps(
    ask: Callable[[list[Request]], list[Answer]], races: list[Request]
) -> tuple[str, bool, str]:
    """Who changes grid places with the car behind gains nothing, least of all on average."""
    gains: list[float] = []
    for race in races:
        grid = sorted(race["grid"], key=lambda entry: entry["grid"])
        pairs = [(front, back) for front, back in pairwise(grid) if front["grid"]]
        before, *after = map(_scores, ask([race, *(_swapped(race, *pair) for pair in pairs)]))
        deviation = float(np.std(list(before.values()))) or 1.0
        names = [front["driver"] for front, _ in pairs]
        gains += [
            (before[name] - scores[name]) / deviation
            for name, scores in zip(names, after, strict=True)
        ]
    worst, mean = max(gains, default=0.0), float(np.mean(gains or [0.0]))
    message = (
        f"gains {mean:.3f} on average and {worst:.3f} at most of {TOLERANCE:g} standard deviations"
    )
    return "a car moved back gains nothing", worst <= TOLERANCE and mean <= 1e-3, message


def _swapped(race: Request, front: Mapping[str, Any], back: Mapping[str, Any]) -> Request:
    places = {front["driver"]: back["grid"], back["driver"]: front["grid"]}
    grid = [{**entry, "grid": places.get(entry["driver"], entry["grid"])} for entry in race["grid"]]
    return {**race, "grid": grid}


def _strangers(
    ask: Callable[[list[Request]], list[Answer]], race: Request
) -> tuple[str, bool, str]:
    names = {"driver": "nobody-1", "constructor": "nobody-2"}
    grid = [{**race["grid"][0], **names}, *race["grid"][1:]]
    answer = ask([{**race, "circuit": "nowhere", "grid": grid}])[0]
    told = " ".join(answer["warnings"])
    wanted = (*names.values(), "nowhere")
    named, cars = sum(name in told for name in wanted), len(answer["predictions"])
    message = f"{named} of {len(wanted)} named, {cars} of {len(grid)} cars answered"
    holds = (named, cars) == (len(wanted), len(grid))
    return "unknown names are answered with a warning", holds, message


def _scores(answer: Answer) -> dict[str, float]:
    return {entry["driver"]: entry["score"] for entry in answer["predictions"]}
