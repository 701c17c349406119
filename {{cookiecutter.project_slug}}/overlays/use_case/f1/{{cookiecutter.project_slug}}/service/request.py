"""A race on its way into the model: what the online features say of it, and its inputs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from smallboat.errors import RequestError

from ..inputs import Array, assemble
from .schema import KNOWN, Request

Online = Mapping[str, Any]
TOGETHER = ("season", "round", "circuit")


def check(request: Request, online: Online) -> None:
    """Refuse what SCHEMA can't: a driver who stands twice, two cars on one place.

    Raises:
        RequestError: names the field.
    """
    ids = online["ids"]["driver"]
    drivers: dict[str, int] = {}
    places: dict[int, int] = {}
    for row, entry in enumerate(request["grid"]):
        first = drivers.setdefault(ids.get(entry["driver"], entry["driver"]), row)
        if first != row:
            raise RequestError(f"grid[{row}].driver", f"is the driver of grid[{first}] too")
        first = places.setdefault(int(entry["grid"]), row) if entry["grid"] else row
        if first != row:
            raise RequestError(f"grid[{row}].grid", f"is the place of grid[{first}] too")


def example(online: Online) -> Request:
    """A valid request: the race to come."""
    return dict(online["races"][-1]["request"])


def known(online: Online, asked: Mapping[str, Any]) -> Request:
    """The request of a race whose grid the online features know.

    Args:
        online: what `features.online_features` returned.
        asked: `season` and `round`, as numbers or as text.

    Raises:
        RequestError: the question is wrong, or names `grid`, which only the asker can know.
    """
    if unknown := [name for name in asked if name not in KNOWN["required"]]:
        raise RequestError(unknown[0][:80] or "''", "is not known; known are season, round")
    if missing := [name for name in KNOWN["required"] if name not in asked]:
        raise RequestError(missing[0], "is missing")
    season, number = (_whole(name, asked[name]) for name in KNOWN["required"])
    for race in online["races"]:
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
        race = {name: cells.pop(name) for name in TOGETHER if name in cells}
        if not requests or {name: requests[-1].get(name) for name in race} != race:
            requests.append({**race, "grid": []})
        requests[-1]["grid"].append(cells)
    return requests


def features(request: Request, online: Online) -> tuple[Array, list[str]]:
    """The model's inputs, float32 of shape [entries, len(NAMES)], and what had to be guessed."""
    values, warnings = assemble(request, request["grid"], online)
    race, newest = (request["season"], request["round"]), (online["season"], online["round"])
    coming = online["races"][-1]
    as_of = f"the features are as of {online['as_of']}"
    if race <= newest:
        warnings.append(f"{as_of}: they know how this race and later ones ended")
    elif race == (coming["request"]["season"], coming["request"]["round"]):
        warnings += [coming["note"]] if _cars(request) == _cars(coming["request"]) else []
    elif race != (newest[0] + 1, 1):
        warnings.append(f"{as_of}: the races between then and this one are not in them")
    return values, warnings


def keys(request: Request) -> list[str]:
    """Season, round and driver of each car, as the request spells them: what monitoring goes by."""
    race = f"{request['season']:g}/{request['round']:g}"
    return [f"{race}/{entry['driver']}" for entry in request["grid"]]


def _cars(request: Request) -> dict[str, Any]:
    return {entry["driver"]: entry for entry in request["grid"]}


def page(online: Online) -> dict[str, Any]:
    """What the page offers: names to choose from, and races with their grids, that to come last."""
    choices = {
        kind + "s": [{"id": ref, "name": name} for ref, name in sorted(names.items())]
        for kind, names in online["names"].items()
    }
    return {**choices, "races": online["races"]}


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
