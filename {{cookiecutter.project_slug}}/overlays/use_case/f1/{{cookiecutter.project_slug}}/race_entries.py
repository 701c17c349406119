"""Who started which race, and what is to be remembered of the start.

A starter is who has a result other than W (withdrew, did not start), F (did not qualify) or
E (excluded before the start). Who was disqualified (D) or was not classified (N, R) did start.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .data import DID_NOT_START, Tables
from .inputs import start_places

# A car that crawled round in qualifying says nothing about pace: % of the fastest lap.
SLOWEST_GAP = 7.0
ENTRY = ("entity", "constructor", "grid", "qualifying", "seconds")


def race_entries(tables: Tables) -> pd.DataFrame:
    """One row a starter of each race with results.

    Rows come by race, start place (cars from the pit lane in the order of qualifying) and driver,
    so no order tells the outcome.

    Returns:
        Columns group (race), period (season), date, round, circuit, entity (driver), constructor,
        race (its number in time), grid (0 = pit lane, null = unknown), qualifying (place), seconds
        (behind the fastest lap of qualifying), target (finishing place among the starters), label
        (what models learn), and the values that `features.LOOKS` names.
    """
    results = tables["results"]
    entries = results[~results["position_text"].isin(DID_NOT_START)]
    entries = entries.merge(
        tables["races"][["race_id", "year", "round", "circuit_id", "date"]], on="race_id"
    )
    entries = entries.merge(_qualifying(tables), on=["race_id", "driver_id"], how="left")
    names = {"race_id": "group", "year": "period", "driver_id": "entity"}
    names |= {f"{kind}_id": kind for kind in ("constructor", "circuit")}
    entries = entries.rename(columns=names)
    calendar = entries[["group", "date", "period", "round"]].drop_duplicates("group")
    calendar = calendar.sort_values(["date", "period", "round"], kind="stable")
    order = pd.Series(np.arange(len(calendar)), index=calendar["group"])
    entries["race"] = entries["group"].map(order)
    entries["line_up"] = start_places(
        entries["grid"].to_numpy(np.float64, na_value=np.nan),
        entries["qualifying"].to_numpy(),
        entries["race"].to_numpy(),
    )
    entries = entries.sort_values(
        ["race", "line_up", "qualifying", "entity"], kind="stable", ignore_index=True
    )
    return _remembered(entries)


def grids(
    tables: Tables, entries: pd.DataFrame, standings: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    """The races of the newest season and the one to come, as people and requests name them.

    Args:
        tables: what `data.read` returned.
        entries: what `race_entries` returned of them.
        standings: the place of each driver after the newest race, and what else is known.

    Returns:
        For each race, in time, `name`, `date` and `request`: season, round, circuit and grid. The
        last one is to come; its `note` tells where its grid is from.
    """
    refs = {
        kind: tables[f"{kind}s"].set_index(f"{kind}_id")["ref"]
        for kind in ("driver", "constructor", "circuit")
    }
    names = tables["races"].set_index("race_id")["name"]
    known = entries[entries["grid"].notna().groupby(entries["group"]).transform("all")]
    newest = known[known["period"] == known["period"].max()]
    coming, note = _to_come(tables, entries, standings)
    finished = [(names[group], race) for group, race in newest.groupby("group", sort=False)]
    next_one = (names.get(coming["group"].iloc[0], "not in the calendar"), coming)
    return [
        {
            "name": name,
            "date": race["date"].iloc[0].date().isoformat(),
            "request": {
                "season": int(race["period"].iloc[0]),
                "round": int(race["round"].iloc[0]),
                "circuit": refs["circuit"][race["circuit"].iloc[0]],
                "grid": [
                    _entry(refs["driver"][driver], refs["constructor"][team], *where)
                    for driver, team, *where in race[list(ENTRY)].itertuples(index=False)
                ],
            },
            **({"note": note} if race is coming else {}),
        }
        for name, race in (*finished, next_one)
    ]


def _to_come(
    tables: Tables, entries: pd.DataFrame, standings: Mapping[str, Sequence[float]]
) -> tuple[pd.DataFrame, str]:
    """The entries of the next race, with the columns ENTRY, and where its grid is from.

    It is the first race after the newest one that has a qualifying, else the first in the calendar.
    """
    newest, races = entries.iloc[-1], tables["races"]
    later = races[races["date"] > newest["date"]].sort_values(["date", "year", "round"])
    later = later.rename(columns={"race_id": "group", "year": "period", "circuit_id": "circuit"})
    qualified = later[later["group"].isin(tables["qualifying"]["race_id"])]
    if len(qualified):
        later, cars = qualified, _qualified(tables, qualified["group"].iloc[0])
        note = "the grid is the order of qualifying: penalties are not in it"
    else:
        place = {driver: place for driver, (place, *_) in standings.items()}
        cars = entries[entries["group"] == newest["group"]]
        cars = cars.assign(line_up=cars["entity"].map(place), qualifying=np.nan, seconds=np.nan)
        note = "no qualifying yet: the newest cars start in the order of the drivers' standings"
    columns = ["group", "period", "round", "circuit", "date"]
    race = dict(newest[columns]) | {"group": None, "round": newest["round"] + 1}
    if len(later):
        race = dict(later.iloc[0][columns])
    else:
        note = f"the calendar has no race to come, so this is the newest circuit; {note}"
    cars = cars.sort_values("line_up").assign(**race)
    return cars.assign(grid=np.arange(1, len(cars) + 1)), note


def _qualified(tables: Tables, race: str) -> pd.DataFrame:
    rounds = tables["qualifying"].drop_duplicates(["race_id", "driver_id"])
    cars = rounds[["constructor_id"]].join(_qualifying(tables))
    cars = cars.rename(columns={"driver_id": "entity", "constructor_id": "constructor"})
    return cars[cars["race_id"] == race].assign(line_up=cars["qualifying"])


def _entry(
    driver: str, constructor: str, grid: int, qualifying: float, seconds: float
) -> dict[str, Any]:
    entry = {"driver": driver, "constructor": constructor, "grid": int(grid)}
    if not np.isnan(qualifying):
        entry["qualifying_position"] = int(qualifying)
    if not np.isnan(seconds):
        entry["gap_to_pole"] = round(float(seconds), 3)
    return entry


def _qualifying(tables: Tables) -> pd.DataFrame:
    """Place, and the best lap behind the fastest of all, in seconds and in %."""
    rounds = tables["qualifying"].drop_duplicates(["race_id", "driver_id"])
    best = rounds[["q1", "q2", "q3"]].min(axis=1)
    pole = best.groupby(rounds["race_id"]).transform("min")
    return pd.DataFrame(
        {
            "race_id": rounds["race_id"],
            "driver_id": rounds["driver_id"],
            "qualifying": rounds["position"].astype(float),
            "seconds": best - pole,
            "gap": (100 * (best / pole - 1)).where(lambda gap: gap <= SLOWEST_GAP),
        }
    )


def _remembered(entries: pd.DataFrame) -> pd.DataFrame:
    """Add the values of LOOKS; shares of the field run from 0 (first) to 1 (last)."""
    races = entries.groupby("race", sort=False)
    last = (races["race"].transform("size") - 1).clip(lower=1)
    entries["target"] = races["position_order"].rank(method="first")
    finish = (entries["target"] - 1) / last
    place = races.cumcount() / last
    classified = entries["position"].notna()
    points = races["points"].transform("sum")
    # A retirement says little of pace: learn that such a car would have come half of the way back.
    lost = (entries["target"] - entries["line_up"]).clip(lower=0).where(~classified, 0.0)
    return entries.assign(
        label=entries["target"] - lost / 2,
        start=1.0,
        win=(entries["target"] == 1).astype(float),
        podium=(entries["target"] <= 3).astype(float),
        finish=finish,
        place=place,
        classified=finish.where(classified),
        retired=(~classified).astype(float),
        points=entries["points"] / points.where(points > 0),
        shuffle=(finish - place).abs(),
        mate=finish - _mates(entries, finish),
        mate_place=place - _mates(entries, place),
    )


def _mates(entries: pd.DataFrame, values: pd.Series) -> pd.Series:
    """Mean over the other cars of the team in the race; NaN without a team-mate."""
    team = values.groupby([entries["race"], entries["constructor"]], sort=False)
    others = team.transform("size") - 1
    return (team.transform("sum") - values) / others.where(others > 0)
