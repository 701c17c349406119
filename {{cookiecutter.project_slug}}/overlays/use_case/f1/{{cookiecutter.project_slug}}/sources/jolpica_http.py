"""How the Jolpica API is asked: page by page, within its limits, patiently, and never twice."""

import json
import os
import time
from itertools import chain
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from smallboat.errors import UserError
from smallboat.rate_limit import HOUR, Limiter, duration
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from . import jolpica_tables

Rounds = dict[int, list[dict[str, Any]]]
"""The API's objects (races, results, standings) by round."""

PAGE = 100
"""Rows a page, the most that the API gives."""

TIMEOUT = 30.0
TRIES = 7
CONNECTION_TRIES = 3
BACKOFF = 2.0
"""Seconds; doubled with each failure in a row."""

LONGEST_PAUSE = 900
"""Seconds between two tries, whatever the API asks for."""

LAYOUT = {
    "races": ("RaceTable", "Races", None),
    "results": ("RaceTable", "Races", "Results"),
    "qualifying": ("RaceTable", "Races", "QualifyingResults"),
    "sprint": ("RaceTable", "Races", "SprintResults"),
    "driverstandings": ("StandingsTable", "StandingsLists", "DriverStandings"),
    "constructorstandings": ("StandingsTable", "StandingsLists", "ConstructorStandings"),
}
"""Where the objects lie in an answer; where the third name is missing, the race is the object."""

KEPT = "What was fetched is kept; run `make data` again later and it goes on from there."


class Client:
    """Asks the API and keeps each answer in a folder, as `<path>-<offset>.json`."""

    def __init__(self, url: str, cache: Path, per_second: int, per_hour: int) -> None:
        """Take the API's address, the folder (made when needed) and the two limits."""
        self.made = 0
        self.cache = cache
        now = time.time()
        written = [path.stat().st_mtime for path in cache.rglob("*.json")]
        self.limiter = Limiter(per_second, per_hour, [t for t in written if now - HOUR < t <= now])
        self._url = url.rstrip("/")
        self._session = requests.Session()
        patience = _Patience(
            total=TRIES,
            connect=CONNECTION_TRIES,
            backoff_factor=BACKOFF,
            retry_after_max=LONGEST_PAUSE,
            status_forcelist=[429, 500, 502, 503, 504],
            raise_on_status=False,
        )
        patience.limiter = self.limiter
        adapter = HTTPAdapter(max_retries=patience)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def rows(self, path: str, *, again: bool = False, keep_empty: bool = True) -> Rounds:
        """All objects of a path such as "2023/results", whatever number of pages they fill.

        Args:
            path: Season, round if there is one, and kind (a key of `LAYOUT`).
            again: Ask anew although an answer is kept.
            keep_empty: Whether an answer without objects is final.

        Raises:
            UserError: The API can't be reached, throttles without end, or answers in another shape.
        """
        found: Rounds = {}
        offset, total, count = 0, 1, 0
        while offset < total:
            file = self.cache / f"{path}-{offset}.json"
            kept = None if again else _load(file)
            answer = self._ask(path, offset) if kept is None else kept
            total, step, objects = self._objects(path, answer, check=kept is None)
            if kept is None and (objects or keep_empty):
                _save(file, answer)
            for round_, item in objects:
                found.setdefault(round_, []).append(item)
            offset, count = offset + step, count + len(objects)
        if count != total:
            for file in (self.cache / path).parent.glob(f"{path.rpartition('/')[2]}-*.json"):
                file.unlink()
            raise UserError(f"{self._url}/{path}.json gave {count} of {total} rows. {KEPT}")
        return found

    def _ask(self, path: str, offset: int) -> Any:
        url = f"{self._url}/{path}.json"
        self.limiter.wait()
        self.made += 1
        try:
            answer = self._session.get(
                url, params={"limit": PAGE, "offset": offset}, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            raise UserError(
                f"{url} can't be reached ({type(error).__name__}); check the network, and `url` in "
                f"the configuration. {KEPT}"
            ) from error
        if answer.status_code == requests.codes.too_many_requests:
            raise UserError(f"{url} still throttles after {TRIES} more tries (429). {KEPT}")
        if not answer.ok:
            raise UserError(
                f"{url} answered {answer.status_code}; check `url` in the configuration. {KEPT}"
            )
        try:
            return answer.json()
        except requests.JSONDecodeError as error:
            sort = answer.headers.get("Content-Type", "no content type")
            raise UserError(
                f"{url} answered something that is not JSON ({sort}); `url` in the configuration "
                "must name the API, not a page for people."
            ) from error

    def _objects(
        self, path: str, answer: Any, *, check: bool
    ) -> tuple[int, int, list[tuple[int, Any]]]:
        """Total, step to the next page, and the objects with their rounds."""
        season, kind = path.split("/")[0], path.rpartition("/")[2]
        table, races, name = LAYOUT[kind]
        try:
            data = answer["MRData"]
            groups = [(int(g["round"]), g if name is None else g[name]) for g in data[table][races]]
            objects = [
                (n, item) for n, group in groups for item in ([group] if name is None else group)
            ]
            if check:
                records = [jolpica_tables.records(kind, int(season), n, o) for n, o in objects]
                jolpica_tables.typed(chain.from_iterable(records))
            return int(data["total"]), max(1, int(data["limit"])), objects
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{self._url}/{path}.json answered JSON of another shape "
                f"({type(error).__name__}: {error}); it must be that of the Jolpica API."
            ) from error


class _Patience(Retry):
    """Retries that say why nothing happens, and that count towards the limits."""

    limiter: Limiter

    def new(self, **changed: Any) -> "_Patience":
        following: _Patience = super().new(**changed)
        following.limiter = self.limiter
        return following

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        asked = self.get_retry_after(response) if response else None
        pause = asked or self.get_backoff_time()
        why = f"answers {response.status}" if response else "can't be reached"
        print(f"The API {why}: trying again in {duration(pause)}.", flush=True)
        super().sleep(response)
        self.limiter.wait()


def _load(file: Path) -> Any:
    """A kept answer; none where the file is absent or damaged."""
    try:
        return json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _save(file: Path, answer: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(json.dumps(answer), encoding="utf-8")
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
