"""Made-up seasons as typed tables, for the tests of features and models."""

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]
TEAMS = 5
RACES = 6


def make(seasons: int = 3, seed: int = 0) -> Tables:
    """Seasons of 6 races with 5 teams of two; driver 0 is the fastest, now and then one retires."""
    rng = np.random.default_rng(seed)
    races, results, qualifying = [], [], []
    drivers = np.arange(2 * TEAMS)
    for number in range(seasons * RACES):
        year, week = 2001 + number // RACES, number % RACES
        race = f"r{number}"
        races.append(
            (
                race,
                year,
                week + 1,
                f"c{week % 4}",
                pd.Timestamp(year, 3, 1 + 7 * (week % 4)) + pd.Timedelta(days=28 * (week // 4)),
            )
        )
        pace = drivers + rng.normal(0, 2, len(drivers))
        grid = pace.argsort().argsort() + 1
        retired = rng.random(len(drivers)) < 0.15
        order = (pace + rng.normal(0, 2, len(drivers)) + 100 * retired).argsort().argsort() + 1
        for driver in drivers:
            place = int(order[driver])
            results.append(
                (
                    race,
                    f"d{driver}",
                    f"t{driver // 2}",
                    int(grid[driver]),
                    pd.NA if retired[driver] else place,
                    "R" if retired[driver] else str(place),
                    place,
                    max(0.0, 12.0 - 2.0 * place),
                    50,
                    "1",
                )
            )
            lap = 80 + pace[driver] / 10
            qualifying.append(
                (
                    race,
                    f"d{driver}",
                    f"t{driver // 2}",
                    int(grid[driver]),
                    lap + 0.5,
                    lap if grid[driver] < 8 else np.nan,
                    np.nan,
                )
            )
    tables = {
        "races": pd.DataFrame(races, columns=[
            "race_id", "year", "round", "circuit_id", "date"]).assign(
            name=lambda races: "Race " + races["round"].astype(str)),
        "results": pd.DataFrame(results, columns=[
            "race_id", "driver_id", "constructor_id", "grid", "position", "position_text",
            "position_order", "points", "laps", "status_id"]).astype({"position": "Int64"}),
        "qualifying": pd.DataFrame(qualifying, columns=[
            "race_id", "driver_id", "constructor_id", "position", "q1", "q2", "q3"]),
        "drivers": pd.DataFrame({
            "driver_id": [f"d{n}" for n in drivers], "ref": [f"driver_{n}" for n in drivers],
            "name": [f"Driver {n}" for n in drivers],
            "dob": [pd.Timestamp(1975 + n, 1 + n, 5) for n in range(2 * TEAMS)],
            "nationality": ["British", "Italian"] * TEAMS}),
        "constructors": pd.DataFrame({
            "constructor_id": [f"t{n}" for n in range(TEAMS)],
            "ref": [f"team_{n}" for n in range(TEAMS)],
            "name": [f"Team {n}" for n in range(TEAMS)]}),
        "circuits": pd.DataFrame({
            "circuit_id": [f"c{n}" for n in range(4)], "ref": [f"circuit_{n}" for n in range(4)],
            "name": [f"Circuit {n}" for n in range(4)],
            "country": ["UK", "Italy", "Spain", "France"]}),
    }  # fmt: skip
    sprints = ["race_id", "driver_id", "constructor_id", "grid", "position", "points"]
    return tables | {"sprint_results": tables["results"][sprints].head(0)}


def before(tables: Tables, race_id: str) -> Tables:
    """The tables on the eve of a race: it is on the calendar, nothing of it is known."""
    races = tables["races"].set_index("race_id")
    date = races.loc[race_id, "date"]
    later = set(races.index[races["date"] >= date])
    per_race = {"results", "qualifying", "sprint_results"}
    return {
        name: table[~table["race_id"].isin(later)] if name in per_race else table
        for name, table in tables.items()
    }
