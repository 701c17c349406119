"""Small made-up tables in the Ergast schema, as text, and a way to write them to a folder."""

import gzip
from pathlib import Path
from typing import Any

import pandas as pd

Raw = dict[str, pd.DataFrame]

SEASONS = (2021, 2022)
RACES = 6
DRIVERS = 18
POINTS = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)
SPRINT_ROUND = 3
SPRINT_POINTS = (8, 7, 6)


def small() -> Raw:
    """Two seasons of six races with 18 drivers: 108 results each, more than a page of the API.

    The last of each race is not classified, the last but one has no second qualifying time, and the
    third race of a season has a sprint.
    """
    rows: dict[str, list[dict[str, Any]]] = {
        table: []
        for table in (
            "races",
            "results",
            "qualifying",
            "sprint_results",
            "driver_standings",
            "constructor_standings",
        )
    }
    for season in SEASONS:
        points = dict.fromkeys(range(1, DRIVERS + 1), 0)
        wins = dict.fromkeys(range(1, DRIVERS + 1), 0)
        for number in range(1, RACES + 1):
            race = (season - SEASONS[0]) * RACES + number
            rows["races"].append(
                {
                    "raceId": race,
                    "year": season,
                    "round": number,
                    "circuitId": number,
                    "name": f"Grand Prix {number}",
                    "date": f"{season}-{2 * number - 1:02d}-15",
                }
            )
            order = [(place * 5 + race) % DRIVERS + 1 for place in range(DRIVERS)]
            for place, driver in enumerate(order, start=1):
                entry = {"raceId": race, "driverId": driver, "constructorId": team(driver)}
                retired = place == DRIVERS
                won = POINTS[place - 1] if place <= len(POINTS) else 0
                finish = {
                    "grid": (place + 2) % DRIVERS,
                    "position": None if retired else place,
                    "positionText": "R" if retired else place,
                    "positionOrder": place,
                }
                rows["results"].append(
                    entry | finish | {"points": won, "laps": 50, "statusId": 2 if retired else 1}
                )
                q2 = None if place == DRIVERS - 1 else f"1:2{place % 10}.250"
                rows["qualifying"].append(
                    entry
                    | {"position": place, "q1": f"1:2{place % 10}.500", "q2": q2, "q3": "59.125"}
                )
                points[driver] += won
                wins[driver] += place == 1
                if number == SPRINT_ROUND:
                    extra = SPRINT_POINTS[place - 1] if place <= len(SPRINT_POINTS) else 0
                    points[driver] += extra
                    rows["sprint_results"].append(entry | finish | {"points": extra})
            rows["driver_standings"] += standing(race, "driverId", points, wins)
            rows["constructor_standings"] += standing(
                race, "constructorId", by_team(points), by_team(wins)
            )
    frames = {table: pd.DataFrame(content) for table, content in rows.items()}
    return {table: text(frame) for table, frame in (frames | entities()).items()}


def team(driver: int) -> int:
    """The constructor that a driver drives for."""
    return (driver + 1) // 2


def by_team(values: dict[int, int]) -> dict[int, int]:
    """Drivers' points or wins, added up by constructor."""
    return {team(d): values[d] + values[d + 1] for d in range(1, DRIVERS + 1, 2)}


def standing(
    race: int, column: str, points: dict[int, int], wins: dict[int, int]
) -> list[dict[str, Any]]:
    """The championship after a race."""
    order = sorted(points, key=lambda key: -points[key])
    return [
        {
            "raceId": race,
            column: key,
            "points": points[key],
            "position": place,
            "positionText": place,
            "wins": wins[key],
        }
        for place, key in enumerate(order, start=1)
    ]


def entities() -> Raw:
    """Drivers, constructors, circuits and status."""
    drivers = [
        {
            "driverId": n,
            "driverRef": f"driver_{n:02d}",
            "code": None if n == 1 else f"D{n:02d}",
            "forename": "Zoë" if n == 2 else "Ada",
            "surname": f"Racer{n}",
            "dob": f"19{80 + n}-01-31",
            "nationality": "British",
        }
        for n in range(1, DRIVERS + 1)
    ]
    teams = [
        {
            "constructorId": n,
            "constructorRef": f"team_{n}",
            "name": f"Team {n}",
            "nationality": "Italian",
        }
        for n in range(1, DRIVERS // 2 + 1)
    ]
    circuits = [
        {
            "circuitId": n,
            "circuitRef": f"circuit_{n}",
            "name": f"Circuit {n}",
            "location": "Town, by the sea",
            "country": "Utopia",
        }
        for n in range(1, RACES + 1)
    ]
    status = [{"statusId": 1, "status": "Finished"}, {"statusId": 2, "status": "Engine"}]
    found: dict[str, list[dict[str, Any]]] = {
        "drivers": drivers,
        "constructors": teams,
        "circuits": circuits,
        "status": status,
    }
    return {table: pd.DataFrame(content) for table, content in found.items()}


def text(frame: pd.DataFrame) -> pd.DataFrame:
    """A table as a CSV file would give it: text, null where there is no value."""
    nulls = frame.isna()
    return frame.map(lambda v: str(int(v)) if isinstance(v, float) and v == v else str(v)).mask(
        nulls
    )


def raw(folder: Path) -> Raw:
    """The tables of a folder as text."""
    return {
        path.name.split(".")[0]: pd.read_csv(
            path, dtype=str, keep_default_na=False, na_values="\\N"
        )
        for path in sorted(folder.glob("*.csv*"))
    }


def write(tables: Raw, folder: Path, *, zipped: bool = False) -> Path:
    """The tables as `.csv` or `.csv.gz` files."""
    folder.mkdir(exist_ok=True)
    for table, frame in tables.items():
        content = frame.to_csv(index=False, na_rep="\\N").encode()
        path = folder / f"{table}.csv"
        if zipped:
            path.with_suffix(".csv.gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)
    return folder
