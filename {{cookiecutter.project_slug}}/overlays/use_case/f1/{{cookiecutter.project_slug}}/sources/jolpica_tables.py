"""What one object of the Jolpica API says, in the rows of the Ergast schema.

The API's own ids (texts such as "max_verstappen") are the ids; a status is its own id; a race's id
is season and round.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

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


def records(kind: str, season: int, round_: int, item: Json) -> list[Record]:
    """All rows that one object of an answer stands for.

    Args:
        kind: The last part of the request's path: "results", "driverstandings" ...
        season: The year.
        round_: The race's number in the season.
        item: A race, a result or a standing as the API gives it.

    Raises:
        KeyError: A field is missing.
        TypeError: A field has another shape.
    """
    return _RECORDS[kind](f"{season}-{round_:02d}", item)


def typed(all_records: Iterable[Record]) -> dict[str, pd.DataFrame]:
    """The tables that the records name, typed; of a repeated id the last row counts.

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
        found[table] = ergast.typed(table, frame, f"{table} of the API")
    return found


def _text(item: Json, name: str) -> str:
    if not isinstance(item[name], str | int | float):
        raise TypeError(f"{name} is not a text")
    return str(item[name])


def _maybe(item: Json, name: str) -> str | None:
    return None if item.get(name) is None else _text(item, name) or None


def _place(item: Json) -> str | None:
    """The classified position: `position` is also given for who retired, `positionText` tells."""
    text = _maybe(item, "positionText") or ""
    return text if text.isdigit() else None


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
        "grid": _maybe(item, "grid") or "0",
        "position": _place(item),
        "positionOrder": _text(item, "position"),
        "points": _text(item, "points"),
    }


def _result(race_id: str, item: Json) -> list[Record]:
    status = _text(item, "status")
    row = _finish(race_id, item) | {
        "positionText": _text(item, "positionText"),
        "laps": _maybe(item, "laps") or "0",
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
    return row | {"position": _place(item)}


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
