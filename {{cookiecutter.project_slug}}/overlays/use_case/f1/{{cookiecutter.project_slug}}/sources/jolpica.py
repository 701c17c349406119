"""Seasons from the Jolpica API (the successor of Ergast), fetched once and kept in a cache.

The API allows 4 requests a second and some hundreds an hour, so a first download of many seasons
takes hours. Each answer is kept as soon as it is here: whatever interrupts, the next call goes on
from there. To have a season's later corrections, delete its folder in the cache.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from . import ergast, jolpica_tables
from .jolpica_http import Client, Rounds

LICENCE = (
    "CC BY-NC-SA 4.0 (non-commercial use only), https://creativecommons.org/licenses/by-nc-sa/4.0/"
)
REQUESTS_A_SEASON = 15
FIRST_SPRINT = 2021
FIRST_CONSTRUCTORS_CHAMPIONSHIP = 1958


def fetch(config: Mapping[str, Any], today: dt.date | None = None) -> dict[str, pd.DataFrame]:
    """Typed tables of the Ergast schema, with the API's own ids.

    A season that is over is never asked for again; of the season under way, its calendar and what
    is new. The standings are those after the newest race of each season.

    Args:
        config: `url`, `first_season`, `last_season`, `requests_per_second`, `requests_per_hour` and
            `cache`, the folder where answers are kept.
        today: The day up to which races may have results; today if not given.

    Raises:
        UserError: The API can't be reached, throttles without end, or answers in another shape.
    """
    client = Client(
        config["url"],
        Path(config["cache"], hashlib.sha256(config["url"].encode()).hexdigest()[:8]),
        config["requests_per_second"],
        config["requests_per_hour"],
    )
    print(f"The data of {config['url']} is licensed {LICENCE}.", flush=True)
    seasons = range(config["first_season"], config["last_season"] + 1)
    new = [year for year in seasons if not _over(client, year).exists()]
    if new:
        work = client.limiter.estimate(len(new) * REQUESTS_A_SEASON)
        print(f"{len(new)} of {len(seasons)} seasons to ask for: {work}.", flush=True)
    records: list[jolpica_tables.Record] = []
    for count, year in enumerate(seasons, start=1):
        before = client.made
        records += _records(year, _season(client, year, today or dt.date.today()))
        if year in new:
            left = sum(later > year for later in new) * REQUESTS_A_SEASON
            print(
                f"Season {year} ({count} of {len(seasons)}): {client.made - before} requests, "
                f"{client.made} in all. Left: {client.limiter.estimate(left) if left else 'none'}.",
                flush=True,
            )
    return {table: ergast.empty(table) for table in ergast.SCHEMA} | jolpica_tables.typed(records)


def _over(client: Client, year: int) -> Path:
    """The mark that all of a season is in the cache and nothing more is to come."""
    return client.cache / str(year) / "over"


def _season(client: Client, year: int, today: dt.date) -> dict[str, Rounds]:
    """All that the API has of a season, by kind and round.

    The first time, the whole season is asked for (a page holds some five races); later only the
    rounds that had no results then.
    """
    calendar = client.rows(f"{year}/races", again=not _over(client, year).exists())
    kinds = ["results", "qualifying"] + ["sprint"] * (year >= FIRST_SPRINT)
    found = {kind: client.rows(f"{year}/{kind}") for kind in kinds}
    due = {n for n, races in calendar.items() if str(races[0]["date"]) <= today.isoformat()}
    for n in sorted(due - set(found["results"])):
        results = client.rows(f"{year}/{n}/results", keep_empty=False)
        if results:
            found["results"] |= results
            for kind in kinds[1:]:
                found[kind] |= client.rows(f"{year}/{n}/{kind}")
    if found["results"]:
        newest = max(found["results"])
        for kind in ["driverstandings", "constructorstandings"]:
            if kind == "driverstandings" or year >= FIRST_CONSTRUCTORS_CHAMPIONSHIP:
                found[kind] = client.rows(f"{year}/{newest}/{kind}", keep_empty=False)
    if year < today.year and set(calendar) <= set(found["results"]):
        _over(client, year).touch()
    return {"races": calendar} | found


def _records(year: int, season: dict[str, Rounds]) -> Iterator[jolpica_tables.Record]:
    """The rows of a season; of a race to come only its place in the calendar counts."""
    for kind, rounds in season.items():
        for n in sorted(rounds):
            if kind == "races" or n in season["results"]:
                for item in rounds[n]:
                    yield from jolpica_tables.records(kind, year, n, item)
