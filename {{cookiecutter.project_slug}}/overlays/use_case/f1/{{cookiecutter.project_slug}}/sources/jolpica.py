"""Seasons from the Jolpica API (the successor of Ergast), and a cache of those that are over.

The API allows 4 requests a second and some hundreds an hour, so a first download of many seasons
takes hours. Each answer is kept as soon as it is here: whatever interrupts, the next call goes on
from there.
"""

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from smallboat.json_api import JsonApi

from ..data import ALL_RESULTS_COUNT_FROM
from . import ergast, jolpica_tables
from .jolpica_pages import Pages, Rounds

LICENCE = (
    "CC BY-NC-SA 4.0 (non-commercial use only), https://creativecommons.org/licenses/by-nc-sa/4.0/"
)
REQUESTS_A_SEASON = 15
FIRST_SPRINT = 2021
FIRST_CONSTRUCTORS_CHAMPIONSHIP = 1958
MOST_CHANGES = 20
"""Changes of a season that are told one by one."""


def fetch(config: Mapping[str, Any], today: dt.date | None = None) -> dict[str, pd.DataFrame]:
    """Typed tables of the Ergast schema, with the API's own ids.

    Stewards correct results. So a season is asked for again until the February after it, at least
    30 days after its last race; its standings a year longer. If the results that are kept do not
    add up to the standings, they are asked for again, too. What changed is printed. The standings
    are those after the newest race of each season.

    Args:
        config: `url`, `first_season`, `last_season`, `requests_per_second`, `requests_per_hour` and
            `cache`, the folder where answers are kept.
        today: The day in UTC; that of the clock if not given.

    Raises:
        UserError: The API can't be reached, throttles without end, or answers in another shape.
    """
    today = today or dt.datetime.now(dt.UTC).date()
    api = JsonApi(
        config["url"],
        Path(config["cache"], hashlib.sha256(config["url"].encode()).hexdigest()[:8]),
        config["requests_per_second"],
        config["requests_per_hour"],
    )
    print(f"The data of {config['url']} is licensed {LICENCE}.", flush=True)
    seasons = range(config["first_season"], config["last_season"] + 1)
    kept = {year: api.kept(f"{year}/races-0") for year in seasons}
    new = [year for year, answer in kept.items() if answer is None or answer[1] < _final(year)]
    if new:
        work = api.limiter.estimate(len(new) * REQUESTS_A_SEASON)
        print(f"{len(new)} of {len(seasons)} seasons to ask for: {work}.", flush=True)
    records: list[jolpica_tables.Record] = []
    for count, year in enumerate(seasons, start=1):
        before = api.made
        records += _records(year, _season(Pages(api, today), year))
        if api.made > before:
            left = sum(later > year for later in new) * REQUESTS_A_SEASON
            print(
                f"Season {year} ({count} of {len(seasons)}): {api.made - before} requests, "
                f"{api.made} in all. Left: {api.limiter.estimate(left) if left else 'none'}.",
                flush=True,
            )
    found = jolpica_tables.typed(records, "The API")
    return {table: ergast.empty(table) for table in ergast.SCHEMA} | found


def _final(year: int) -> dt.date:
    """The day from which a season's results are not asked for again."""
    return dt.date(year + 1, 2, 1)


def _season(pages: Pages, year: int) -> dict[str, Rounds]:
    """All that the API has of a season, by kind and round; prints what changed of it."""
    kinds = ["results", "qualifying"] + ["sprint"] * (year >= FIRST_SPRINT)
    kept = pages.api.kept(f"{year}/results-0")
    final = kept is not None and kept[1] >= _final(year)
    before = {kind: {} if final else pages.kept(f"{year}/{kind}") for kind in kinds}
    found = _asked(pages, year, kinds, _final(year))
    wrong = _contradictions(found) if final and year >= ALL_RESULTS_COUNT_FROM else {}
    if wrong:
        told = ", ".join(f"{driver} {points:+g}" for driver, points in sorted(wrong.items())[:5])
        print(
            f"The results of {year} that are kept do not add up to the standings (points: {told}): "
            "they are asked for again.",
            flush=True,
        )
        before, found = found, _asked(pages, year, kinds, dt.date.max)
    _tell(year, kinds, before, found)
    return found


def _tell(year: int, kinds: list[str], before: dict[str, Rounds], found: dict[str, Rounds]) -> None:
    """Print which rows of a season are told otherwise than before."""
    names = {n: races[0]["raceName"] for n, races in found["races"].items()}
    changes = [
        f"{year} round {n} ({names.get(n)}), {kind}: {change}"
        for kind in kinds
        for n, change in jolpica_tables.changes(kind, year, before[kind], found[kind])
    ]
    for change in changes[:MOST_CHANGES]:
        print(f"The API has changed {change}.", flush=True)
    if more := len(changes[MOST_CHANGES:]):
        print(f"The API has changed {more} more rows of {year}.", flush=True)


def _asked(pages: Pages, year: int, kinds: list[str], since: dt.date) -> dict[str, Rounds]:
    found = {kind: pages.rows(f"{year}/{kind}", since) for kind in ["races", *kinds]}
    newest = max(found["results"], default=None)
    standings = ["driverstandings"]
    standings += ["constructorstandings"] * (year >= FIRST_CONSTRUCTORS_CHAMPIONSHIP)
    for kind in standings if newest is not None else []:
        found[kind] = pages.rows(f"{year}/{newest}/{kind}", max(since, _final(year + 1)))
    return found


def _contradictions(season: Mapping[str, Rounds]) -> dict[str, float]:
    """The drivers whose points do not add up to the standings, and how many they have too many."""
    points: defaultdict[str, float] = defaultdict(float)
    if not season.get("driverstandings"):
        return {}
    for kind, sign in (("results", 1), ("sprint", 1), ("driverstandings", -1)):
        for items in season.get(kind, {}).values():
            for item in items:
                points[item["Driver"]["driverId"]] += sign * float(item["points"])
    return {driver: round(more, 2) for driver, more in points.items() if abs(more) > 0.01}


def _records(year: int, season: dict[str, Rounds]) -> Iterator[jolpica_tables.Record]:
    """The rows of a season."""
    for kind, rounds in season.items():
        for n in sorted(rounds):
            for item in rounds[n]:
                yield from jolpica_tables.records(kind, year, n, item)
