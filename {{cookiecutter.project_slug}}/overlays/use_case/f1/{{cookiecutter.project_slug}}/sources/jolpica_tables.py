"""What one object of the Jolpica API says, in the rows of the Ergast schema.

The API's own ids (texts such as "max_verstappen") are the ids; a status is its own id; a race's id
is season and round.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
from smallboat import text_tables

from . import ergast

Json = dict[str, Any]
Row = dict[str, str | None]
Record = tuple[str, Row]
"""Name of a table, and a row of it."""

IDS = {
    "circuits": "circuitId",
    "drivers": "driverId",
    "constructors": "constructorId",
    "status": "statusId",
}
"""Tables of which the API repeats a row wherever it is referred to."""


class ShapeError(ValueError):
    """A value of an answer has another type than the API's; the message says which."""


def records(kind: str, season: int, round_: int, item: Json) -> list[Record]:
    """All rows that one object of an answer stands for.

    Args:
        kind: The last part of the request's path: "results", "driverstandings" ...
        season: The year.
        round_: The race's number in the season.
        item: A race, a result or a standing as the API gives it.

    Raises:
        KeyError: A field is missing.
        ShapeError, TypeError, AttributeError: A field has another shape.
    """
    return _RECORDS[kind](f"{season}-{round_:02d}", item)


def typed(all_records: Iterable[Record], origin: str) -> dict[str, pd.DataFrame]:
    """The tables that the records name, typed; of a repeated id the last row counts.

    Args:
        all_records: What `records` returned.
        origin: Where they are from, for messages.

    Raises:
        UserError: A value is not of its column's kind.
    """
    rows: dict[str, list[Row]] = {}
    for table, row in all_records:
        rows.setdefault(table, []).append(row)
    found = {}
    for table, content in rows.items():
        frame = pd.DataFrame(content, columns=list(ergast.SCHEMA[table]), dtype="str")
        if table in IDS:
            frame = frame.drop_duplicates(IDS[table], keep="last").sort_values(IDS[table])
        found[table] = text_tables.typed(frame, ergast.SCHEMA[table], f"{origin}, {table}")
    return found


def changes(
    kind: str, season: int, old: Mapping[int, list[Json]], new: Mapping[int, list[Json]]
) -> Iterator[tuple[int, str]]:
    """What is told otherwise than before of the rounds that were known: round and sentence."""
    for n in sorted(old.keys() & new.keys()):
        before, after = (_by_driver(kind, season, n, items) for items in (old[n], new[n]))
        for driver in sorted(before.keys() | after.keys()):
            one, other = before.get(driver, {}), after.get(driver, {})
            columns = [c for c in one | other if one.get(c) != other.get(c)]
            if not one or not other:
                yield n, f"{driver} was {'added' if other else 'removed'}"
            elif columns:
                fields = [f"{c} from {one[c] or 'none'} to {other[c] or 'none'}" for c in columns]
                yield n, f"{driver}: {', '.join(fields)}"


def _by_driver(kind: str, season: int, round_: int, items: list[Json]) -> dict[str, Row]:
    """The first record of each object, by the driver's name."""
    return {
        f"{item['Driver']['givenName']} {item['Driver']['familyName']}": records(
            kind, season, round_, item
        )[0][1]
        for item in items
    }


def _text(item: Json, name: str) -> str | None:
    """A value as text; an empty one is none."""
    value = item[name]
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise ShapeError(f"{name} is not a text")
    return None if value is None else str(value).strip() or None


def _maybe(item: Json, name: str) -> str | None:
    """The same, of a field that may be absent: what is not told is unknown, never 0."""
    return _text(item, name) if name in item else None


def _place(text: str | None) -> str | None:
    """The classified position: `position` is also given for who retired, `positionText` tells."""
    return text if text and text.isdigit() else None


def _race(race_id: str, race: Json) -> list[Record]:
    circuit, place = race["Circuit"], race["Circuit"]["Location"]
    circuit_id = _text(circuit, "circuitId")
    row: Row = {"raceId": race_id, "year": _text(race, "season"), "round": _text(race, "round")}
    row |= {"circuitId": circuit_id, "name": _text(race, "raceName"), "date": _text(race, "date")}
    where: Row = {"circuitId": circuit_id, "circuitRef": circuit_id}
    where |= {"name": _text(circuit, "circuitName")}
    where |= {"location": _maybe(place, "locality"), "country": _maybe(place, "country")}
    return [("races", row), ("circuits", where)]


def _driver(item: Json) -> Record:
    driver = item["Driver"]
    row = {"driverId": _text(driver, "driverId"), "driverRef": _text(driver, "driverId")}
    row |= {"forename": _text(driver, "givenName"), "surname": _text(driver, "familyName")}
    rest = {"code": "code", "dob": "dateOfBirth", "nationality": "nationality"}
    return "drivers", row | {column: _maybe(driver, name) for column, name in rest.items()}


def _constructor(team: Json) -> Record:
    row = {"constructorId": _text(team, "constructorId"), "name": _text(team, "name")}
    row["constructorRef"] = row["constructorId"]
    return "constructors", row | {"nationality": _maybe(team, "nationality")}


def _entry(race_id: str, item: Json) -> Row:
    """The ids that say whose row it is."""
    return {
        "raceId": race_id,
        "driverId": _text(item["Driver"], "driverId"),
        "constructorId": _text(item["Constructor"], "constructorId"),
    }


def _finish(race_id: str, item: Json) -> Row:
    return _entry(race_id, item) | {
        "grid": _maybe(item, "grid"),
        "position": _place(_text(item, "positionText")),
        "positionOrder": _text(item, "position"),
        "points": _text(item, "points"),
    }


def _result(race_id: str, item: Json) -> list[Record]:
    status = _text(item, "status")
    row = _finish(race_id, item) | {
        "positionText": _text(item, "positionText"),
        "laps": _maybe(item, "laps"),
        "statusId": status,
    }
    told: Record = ("status", {"statusId": status, "status": status})
    return [("results", row), _driver(item), _constructor(item["Constructor"]), told]


def _sprint(race_id: str, item: Json) -> list[Record]:
    row = _finish(race_id, item)
    return [("sprint_results", row), _driver(item), _constructor(item["Constructor"])]


def _qualifying(race_id: str, item: Json) -> list[Record]:
    row = _entry(race_id, item) | {"position": _text(item, "position")}
    row |= {name.lower(): _maybe(item, name) for name in ("Q1", "Q2", "Q3")}
    return [("qualifying", row), _driver(item), _constructor(item["Constructor"])]


def _standing(race_id: str, item: Json) -> Row:
    row = {"raceId": race_id, "points": _text(item, "points"), "wins": _text(item, "wins")}
    return row | {"position": _place(_maybe(item, "positionText"))}


def _driver_standing(race_id: str, item: Json) -> list[Record]:
    row = _standing(race_id, item) | {"driverId": _text(item["Driver"], "driverId")}
    teams = [_constructor(team) for team in item["Constructors"]]
    return [("driver_standings", row), _driver(item), *teams]


def _constructor_standing(race_id: str, item: Json) -> list[Record]:
    team = item["Constructor"]
    row = _standing(race_id, item) | {"constructorId": _text(team, "constructorId")}
    return [("constructor_standings", row), _constructor(team)]


_RECORDS: dict[str, Callable[[str, Json], list[Record]]] = {
    "races": _race,
    "results": _result,
    "qualifying": _qualifying,
    "sprint": _sprint,
    "driverstandings": _driver_standing,
    "constructorstandings": _constructor_standing,
}
