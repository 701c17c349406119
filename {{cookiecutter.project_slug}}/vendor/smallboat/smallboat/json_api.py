"""Asks an HTTP API for JSON, within its limits and patiently, and keeps its answers in a folder."""

import datetime as dt
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from . import disk
from .errors import UserError
from .rate_limit import HOUR, Limiter, duration

TIMEOUT = 30.0
TRIES = 7
CONNECTION_TRIES = 3
BACKOFF = 2.0
"""Seconds; doubled with each failure in a row."""

LONGEST_PAUSE = 900
"""Seconds between two tries, whatever the API asks for."""

KEPT = "What was fetched is kept; run `make data` again later and it goes on from there."


class JsonApi:
    """An API and the folder of its answers, `<name>.json`, each with the day it was given on."""

    def __init__(self, url: str, cache: Path, per_second: int, per_hour: int) -> None:
        """Take the API's address, the folder (made when needed) and the two limits."""
        self.made = 0
        self.url = url.rstrip("/")
        now = time.time()
        written = [path.stat().st_mtime for path in cache.rglob("*.json")]
        self.limiter = Limiter(per_second, per_hour, [t for t in written if now - HOUR < t <= now])
        self._cache = cache
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

    def ask(self, path: str, parameters: Mapping[str, Any]) -> Any:
        """The API's answer to a path below its address.

        Raises:
            UserError: It can't be reached, throttles without end, or answers no JSON.
        """
        url = f"{self.url}/{path}"
        self.limiter.wait()
        self.made += 1
        try:
            answer = self._session.get(url, params=parameters, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise UserError(
                f"{url} can't be reached; check the network, and `url` in the configuration. {KEPT}"
            ) from error
        if answer.status_code == requests.codes.too_many_requests:
            raise UserError(f"{url} still throttles after {TRIES} more tries (429). {KEPT}")
        if not answer.ok:
            raise UserError(
                f"{url} answered {answer.status_code}; check `url` in the configuration. {KEPT}"
            )
        try:
            return answer.json()
        except (ValueError, RecursionError) as error:
            sort = answer.headers.get("Content-Type", "no content type")
            raise UserError(
                f"{url} answered something that is not JSON ({sort}); `url` in the configuration "
                "must name the API, not a page for people."
            ) from error

    def kept(self, name: str) -> tuple[Any, dt.date] | None:
        """A kept answer and its day; none where the file is absent or damaged."""
        try:
            content = json.loads((self._cache / f"{name}.json").read_bytes())
            return content["answer"], dt.date.fromisoformat(content["day"])
        except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def keep(self, name: str, answer: Any, day: dt.date) -> None:
        """Keep an answer, completely or not at all."""
        file = self._cache / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        disk.replace(file, json.dumps({"day": day.isoformat(), "answer": answer}))

    def forget(self, pattern: str) -> None:
        """Remove the kept answers whose name matches, as in `2023/results-*`."""
        for file in self._cache.glob(f"{pattern}.json"):
            file.unlink()


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
