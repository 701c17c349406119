"""A server in a thread that answers as the Jolpica API does, out of tables in the Ergast schema."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
from ergast_tables import Raw

Json = dict[str, Any]

KINDS = {
    "races": ("races", None),
    "results": ("results", "Results"),
    "qualifying": ("qualifying", "QualifyingResults"),
    "sprint": ("sprint_results", "SprintResults"),
    "driverstandings": ("driver_standings", "DriverStandings"),
    "constructorstandings": ("constructor_standings", "ConstructorStandings"),
}


@dataclass
class Fault:
    """An answer that stands in for the right one."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Api:
    """What the API knows, and what it was asked."""

    def __init__(self, tables: Raw) -> None:
        """Take what the API knows."""
        self.url = ""
        self.requests: list[str] = []
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.before_answer: Callable[[], None] = lambda: None
        self.newest = (9999, 99)
        self.know(tables)

    def know(self, tables: Raw) -> None:
        """Let other tables be what the API knows."""
        races = tables["races"]
        self._tables = tables | {
            "results": tables["results"].sort_values("raceId", key=races_key(races))
        }
        self._races = {row["raceId"]: row for row in records(races)}
        self._by_id = {
            table: {row[key]: row for row in records(tables[table])}
            for table, key in (
                ("drivers", "driverId"),
                ("constructors", "constructorId"),
                ("circuits", "circuitId"),
                ("status", "statusId"),
            )
        }
        self._found: dict[str, list[Json]] = {}

    def hide_after(self, season: int, round_: int) -> None:
        """Let races after this one be still to come: they are in the calendar, without results."""
        self.newest = (season, round_)

    def answer(self, path: str, limit: int, offset: int) -> Json:
        """The envelope for a path such as "2023/5/results"."""
        season, *between, kind = path.split("/")
        table, name = KINDS[kind]
        rows = [
            row
            for row in self._rows(table, season)
            if (not between or between[0] == self._races[row["raceId"]]["round"])
            and (kind == "races" or self._raced(row["raceId"]))
        ]
        page = rows[offset : offset + limit]
        envelope = {"limit": str(limit), "offset": str(offset), "total": str(len(rows))}
        if "standings" in kind:
            lists = self._grouped(page, kind, name, lambda race: {})
            return {"MRData": envelope | {"StandingsTable": {"StandingsLists": lists}}}
        groups = self._grouped(page, kind, name, self._race)
        return {"MRData": envelope | {"RaceTable": {"season": season, "Races": groups}}}

    def _rows(self, table: str, season: str) -> list[Json]:
        key = f"{table} {season}"
        if key not in self._found:
            frame = self._tables[table]
            years = frame["raceId"].map(lambda race: self._races[race]["year"])
            found = records(frame[years == season])
            self._found[key] = sorted(found, key=lambda r: int(self._races[r["raceId"]]["round"]))
        return self._found[key]

    def _raced(self, race_id: str) -> bool:
        race = self._races[race_id]
        return (int(race["year"]), int(race["round"])) <= self.newest

    def _grouped(
        self, page: list[Json], kind: str, name: str | None, head: Callable[[Json], Json]
    ) -> list[Json]:
        groups: dict[str, Json] = {}
        for row in page:
            race = self._races[row["raceId"]]
            numbers = {"season": race["year"], "round": race["round"]}
            group = groups.setdefault(row["raceId"], numbers | head(race))
            if name:
                group.setdefault(name, []).append(self._item(kind, row))
        return list(groups.values())

    def _race(self, race: Json) -> Json:
        circuit = self._by_id["circuits"][race["circuitId"]]
        return {
            "raceName": race["name"],
            "date": race["date"],
            "Circuit": {
                "circuitId": circuit["circuitRef"],
                "circuitName": circuit["name"],
                "Location": {"locality": circuit["location"], "country": circuit["country"]},
            },
        }

    def _item(self, kind: str, row: Json) -> Json:
        if kind in ("results", "sprint"):
            item = {name: row[name] for name in ("positionText", "points", "grid")}
            item["position"] = row["positionOrder"]
            if kind == "results":
                item["laps"] = row["laps"]
                item["status"] = self._by_id["status"][row["statusId"]]["status"]
        elif kind == "qualifying":
            times = {
                name.upper(): row[name] for name in ("q1", "q2", "q3") if row[name] is not None
            }
            item = {"position": row["position"]} | times
        else:
            item = {name: row[name] for name in ("positionText", "points", "wins")}
            item |= {} if row["position"] is None else {"position": row["position"]}
        if kind == "driverstandings":
            return item | {"Driver": self._driver(row), "Constructors": []}
        if kind == "constructorstandings":
            return item | {"Constructor": self._constructor(row)}
        return item | {"Driver": self._driver(row), "Constructor": self._constructor(row)}

    def _driver(self, row: Json) -> Json:
        driver = self._by_id["drivers"][row["driverId"]]
        names = {
            "driverId": "driverRef",
            "code": "code",
            "givenName": "forename",
            "familyName": "surname",
            "dateOfBirth": "dob",
            "nationality": "nationality",
        }
        return {
            name: driver[column] for name, column in names.items() if driver[column] is not None
        }

    def _constructor(self, row: Json) -> Json:
        team = self._by_id["constructors"][row["constructorId"]]
        return {
            "constructorId": team["constructorRef"],
            "name": team["name"],
            "nationality": team["nationality"],
        }


def records(frame: pd.DataFrame) -> list[Json]:
    """Rows as dictionaries, with None for null."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def races_key(races: pd.DataFrame) -> Callable[[pd.Series], pd.Series]:
    """A sort key: the races in the order of the calendar."""
    order = races.astype({"year": int, "round": int}).sort_values(["year", "round"])["raceId"]
    places = {race: place for place, race in enumerate(order)}
    return lambda ids: ids.map(places)


@contextmanager
def serving(tables: Raw) -> Iterator[Api]:
    """The API at `api.url` on loopback, until the block ends."""
    api = Api(tables)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            path = parts.path.removeprefix("/ergast/f1/").removesuffix(".json")
            limit = min(100, int(query.get("limit", ["30"])[0]))
            offset = int(query.get("offset", ["0"])[0])
            api.requests.append(f"{path} {offset}")
            api.before_answer()
            fault = api.always or (api.faults.popleft() if api.faults else None)
            body = json.dumps(api.answer(path, limit, offset)).encode() if not fault else fault.body
            self.send_response(fault.status if fault else 200)
            for name, value in (fault.headers if fault else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    api.url = f"http://127.0.0.1:{server.server_port}/ergast/f1/"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
