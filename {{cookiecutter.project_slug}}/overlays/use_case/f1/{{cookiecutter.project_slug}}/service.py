"""A race on its way into the model, and the model's answers in words: what the server calls.

Needs numpy alone, as inputs.py does, because the model server carries both.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .errors import RequestError
from .inputs import FEATURES, NAMES, Array, assemble

__all__ = [
    "KNOWN", "NAMES", "SCHEMA", "check", "example", "explain", "features", "from_csv", "invariants",
    "known", "page", "predictions", "questions",
]  # fmt: skip

Request = dict[str, Any]
Answer = dict[str, Any]
Lookup = Mapping[str, Any]

_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "A race and its grid",
    "type": "object",
    "additionalProperties": False,
    "required": ["season", "round", "circuit", "grid"],
    "properties": {
        "season": {"type": "integer", "minimum": 1950, "maximum": 2100},
        "round": {"type": "integer", "minimum": 1, "maximum": 60},
        "circuit": {**_NAME, "description": "reference name or id; a new one is allowed"},
        "grid": {
            "type": "array",
            "minItems": 1,
            "maxItems": 60,
            "description": "the cars that start, in any order",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["driver", "constructor", "grid"],
                "properties": {
                    "driver": {**_NAME, "description": "reference name or id"},
                    "constructor": {**_NAME, "description": "reference name or id"},
                    "grid": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 60,
                        "description": "start place; 0 = pit lane",
                    },
                    "qualifying_position": {"type": "integer", "minimum": 1, "maximum": 60},
                    "gap_to_pole": {
                        "type": "number",
                        "minimum": 0,
                        "maximum": 1000,
                        "description": "best qualifying lap behind the fastest of all, in seconds",
                    },
                },
            },
        },
    },
}
KNOWN: dict[str, Any] = {
    "type": "object",
    "required": ["season", "round"],
    "properties": {name: SCHEMA["properties"][name] for name in ("season", "round")},
}
"""The question that `known` answers."""
RACE = ("season", "round", "circuit")
TOLERANCE = 0.15
"""What a car may gain by changing places with the one behind, in standard deviations of the race's
scores: trees are not smooth (0.09 was seen); a model that has it backwards shows 0.17."""
REASONS = 5
PODIUM = 3


def check(request: Request, lookup: Lookup) -> None:
    """Refuse what SCHEMA can't: a driver who stands twice, two cars on one place.

    Raises:
        RequestError: names the field.
    """
    ids = lookup["ids"]["driver"]
    drivers: dict[str, int] = {}
    places: dict[int, int] = {}
    for row, entry in enumerate(request["grid"]):
        first = drivers.setdefault(ids.get(entry["driver"], entry["driver"]), row)
        if first != row:
            raise RequestError(f"grid[{row}].driver", f"is the driver of grid[{first}] too")
        first = places.setdefault(int(entry["grid"]), row) if entry["grid"] else row
        if first != row:
            raise RequestError(f"grid[{row}].grid", f"is the place of grid[{first}] too")


def example(lookup: Lookup) -> Request:
    """A valid request: the newest race whose grid is known."""
    request: Request = lookup["races"][-1]["request"]
    return request


def known(lookup: Lookup, asked: Mapping[str, Any]) -> Request:
    """The request of a race whose grid the look-up features know.

    Args:
        lookup: what `features.lookup` returned.
        asked: `season` and `round`, as numbers or as text.

    Raises:
        RequestError: the question is wrong, or names `grid`, which only the asker can know.
    """
    for name in asked:
        if name not in KNOWN["required"]:
            raise RequestError(name[:80], "is not known; known are season, round")
    season, number = (_whole(name, asked.get(name)) for name in KNOWN["required"])
    for race in lookup["races"]:
        request: Request = race["request"]
        if (request["season"], request["round"]) == (season, number):
            return request
    raise RequestError(
        "grid", f"of season {season}, round {number} is not known: POST the race with its grid"
    )


def from_csv(rows: Sequence[Mapping[str, str]]) -> list[Request]:
    """Requests from the rows of a CSV file: neighbours with the same race are one request.

    Columns are season, round, circuit, and those of an entry of `grid`; an empty cell is a value
    that isn't known. What is no number stays text, for SCHEMA to refuse.
    """
    requests: list[Request] = []
    for row in rows:
        cells = {name: _number(cell, name) for name, cell in row.items() if cell != ""}
        race = {name: cells.pop(name) for name in RACE if name in cells}
        if not requests or {name: requests[-1].get(name) for name in race} != race:
            requests.append({**race, "grid": []})
        requests[-1]["grid"].append(cells)
    return requests


def features(request: Request, lookup: Lookup) -> tuple[Array, list[str]]:
    """The model's inputs, float32 of shape [entries, len(NAMES)], and what had to be guessed."""
    values, warnings = assemble(request, request["grid"], lookup)
    race, newest = (request["season"], request["round"]), (lookup["season"], lookup["round"])
    as_of = f"the features are as of {lookup['as_of']}"
    if race <= newest:
        warnings.append(f"{as_of}: they know how this race and later ones ended")
    elif race not in ((newest[0], newest[1] + 1), (newest[0] + 1, 1)):
        warnings.append(f"{as_of}: the races between then and this one are not in them")
    return values, warnings


def predictions(
    request: Request, answers: Array, features: Array, evaluation: Mapping[str, Any]
) -> list[Answer]:
    """What the model says of each car, the predicted winner first.

    Args:
        request: the race.
        answers: of the model, shape [entries]; lower is better.
        features: what `features` returned for the request.
        evaluation: of the model; its `spread` is what `metrics.spread` returned.

    Returns:
        position, driver, constructor, grid, score (the model's answer), low and high (in 80 % of
        held-out races a car predicted there ended between these places), podium and win (shares).
    """
    order, size = _order(answers, features), len(answers)
    share = np.arange(size) / max(size - 1, 1)
    spread = evaluation["spread"]
    low, high, podium, win = (
        np.interp(share, spread["share"], spread[name]) for name in ("low", "high", "podium", "win")
    )
    columns = zip(
        order.tolist(),
        answers[order].tolist(),
        np.rint(1 + low * (size - 1)).astype(int).tolist(),
        np.rint(1 + high * (size - 1)).astype(int).tolist(),
        _shares(podium, PODIUM).tolist(),
        _shares(win, 1).tolist(),
        strict=True,
    )
    entries = request["grid"]
    return [
        {
            "position": position,
            "driver": entries[row]["driver"],
            "constructor": entries[row]["constructor"],
            "grid": entries[row]["grid"],
            "score": round(score, 4),
            "low": first,
            "high": last,
            "podium": round(podium_, 3),
            "win": round(win_, 3),
        }
        for position, (row, score, first, last, podium_, win_) in enumerate(columns, start=1)
    ]


def explain(
    answers: Array, features: Array, ask: Callable[[Array], Array]
) -> list[list[dict[str, Any]]]:
    """What moved each car most, in the order of `predictions`.

    Each feature in turn gets the mean of the race; `places` is how far the car lies from where it
    would be then (negative = the feature brings it forward). All are asked in one batch.

    Args:
        answers: of the model, shape [entries].
        features: what `features` returned.
        ask: the model: answers of shape [n] to features of shape [n, inputs].

    Returns:
        For each car up to REASONS features, the strongest first: feature, description, value
        (in the feature's unit), places.
    """
    size, width = features.shape
    changed = np.repeat(features[None], width, axis=0)
    each = np.arange(width)
    changed[each, :, each] = features.mean(axis=0)[:, None]
    otherwise = ask(changed.reshape(-1, width)).reshape(width, size)
    # Places, not scores: a ranker's score has no unit.
    ladder, steps = np.sort(answers), np.arange(size)
    moved = np.interp(answers, ladder, steps) - np.interp(otherwise, ladder, steps)
    strongest = np.argsort(-np.abs(moved), axis=0, kind="stable")[:REASONS]
    return [
        [
            {
                "feature": FEATURES[feature].name,
                "description": FEATURES[feature].description,
                "value": round(float(features[row, feature]), 3),
                "places": round(float(moved[feature, row]), 2),
            }
            for feature in strongest[:, row]
            if abs(moved[feature, row]) >= 0.05
        ]
        for row in _order(answers, features)
    ]


def page(lookup: Lookup) -> dict[str, Any]:
    """What the page offers: names to choose from, and races with their grids, newest last."""
    choices = {
        kind + "s": [{"id": ref, "name": name} for ref, name in sorted(names.items())]
        for kind, names in lookup["names"].items()
    }
    return {**choices, "races": lookup["races"]}


def questions(lookup: Lookup) -> list[Request]:
    """Requests that every release must answer."""
    return [race["request"] for race in lookup["races"][-3:]]


def invariants(
    ask: Callable[[list[Request]], list[Answer]], lookup: Lookup
) -> list[tuple[str, bool, str]]:
    """What must hold of a model's answers whatever it learned.

    Args:
        ask: answers, each with `predictions` and `warnings`, to requests.
        lookup: the release's look-up features.

    Returns:
        Name, whether it holds, and what was found.
    """
    races = questions(lookup)
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
    return name, worst <= 1e-3, f"scores differ by up to {worst:.1g}"


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
    says = (
        f"gains {mean:.3f} on average and {worst:.3f} at most of {TOLERANCE:g} standard deviations"
    )
    return "a car moved back gains nothing", worst <= TOLERANCE and mean <= 1e-3, says


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
    named = [name for name in (*names.values(), "nowhere") if name in told]
    whole = len(answer["predictions"]) == len(grid)
    return "unknown names are answered with a warning", whole and len(named) == 3, told


def _scores(answer: Answer) -> dict[str, float]:
    return {entry["driver"]: entry["score"] for entry in answer["predictions"]}


def _order(answers: Array, features: Array) -> Array:
    """Rows by answer; equal ones as they start, so the order of the request's rows is nothing."""
    return np.lexsort((features[:, 0], np.round(answers, 5)))


def _shares(shares: Array, total: int) -> Array:
    """Shares that add up to the total, none above 1; all are 1 if there are no more cars."""
    if len(shares) <= total:
        return np.ones(len(shares))
    whole = np.zeros(len(shares), dtype=bool)
    while True:
        free = np.where(whole, 0.0, shares)
        scaled: Array = np.where(whole, 1.0, free * (total - whole.sum()) / free.sum())
        if scaled.max() <= 1.0 + 1e-9:
            return scaled
        whole |= scaled > 1.0


def _number(cell: str, name: str) -> Any:
    if name in ("circuit", "driver", "constructor"):
        return cell
    try:
        value = float(cell)
    except ValueError:
        return cell
    if not math.isfinite(value):
        return cell
    return int(value) if value.is_integer() else value


def _whole(name: str, value: Any) -> int:
    number = _number(str(value), name)
    if not isinstance(number, int):
        raise RequestError(name, "must be a whole number")
    return number
