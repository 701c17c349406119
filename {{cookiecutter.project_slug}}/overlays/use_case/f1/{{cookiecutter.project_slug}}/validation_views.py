"""The frames that expectations look at: the raw tables, and what is derived from several of them.

The index of a derived frame names its rows as people do ("2021 round 12").
"""

from collections.abc import Mapping

import pandas as pd

from .data import ALL_RESULTS_COUNT_FROM, DID_NOT_START, Tables, columns

COLUMNS = columns()

OWNERS = {
    "race_id": "races",
    "driver_id": "drivers",
    "constructor_id": "constructors",
    "circuit_id": "circuits",
    "status_id": "status",
}
"""The table in which an id must be known."""

SPRINTS_FROM = 2021


def views(tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables, and the frames derived from them unless a table or a column is missing.

    `references`: one row per id that a table uses; `unknown` is the id if its owner lacks it.
    `race_summary`: one row per race: whether it has results (1, or 0 before the newest that has),
    the number of starters, the last place, the numbers of winners and of drivers who qualified but
    have no result, the shares of starters without qualifying, without a known start place and from
    the pit lane, the number of results whose position is not that in their text; null for a race
    without results.
    `grids`: the same two shares over all races.
    `driver_points`, `driver_points_before_1991`, `driver_points_without_sprints` (of seasons that
    may have had sprints), `constructor_points`: one row per season and driver or constructor;
    `difference` is the points of all races less the final standing's.
    """
    if any(not set(names) <= set(tables.get(t, ())) for t, names in COLUMNS.items()):
        return dict(tables)
    drivers = _points(tables, "driver")
    modern = drivers["year"] >= ALL_RESULTS_COUNT_FROM
    races = tables["races"]
    sprints = races.loc[races["race_id"].isin(tables["sprint_results"]["race_id"]), "year"]
    lacking = (drivers["year"] >= SPRINTS_FROM) & ~drivers["year"].isin(sprints)
    grids = _starters(tables)[["unknown_grid", "pit_lane"]]
    return {
        **tables,
        "references": _references(tables),
        "race_summary": _race_summary(tables),
        "grids": grids.mean().to_frame("all races").T,
        "driver_points": drivers[modern & ~lacking],
        "driver_points_before_1991": drivers[~modern],
        "driver_points_without_sprints": drivers[lacking],
        "constructor_points": _points(tables, "constructor"),
    }


def feature_views(
    frame: pd.DataFrame, ranges: Mapping[str, tuple[float, float]]
) -> dict[str, pd.DataFrame]:
    """The feature table as `features`, `feature_races` by race and `feature_columns` by feature.

    `misplaced` is the number of a race's rows whose target isn't their rank among its n starters;
    `null` and `implausible` count a feature's missing values and those outside of its range.
    """
    ranks = frame.groupby("group")["target"].rank(method="first")
    misplaced = frame["target"].ne(ranks).groupby(frame["group"]).sum()
    values = frame[list(ranges)]
    bounds = pd.DataFrame(dict(ranges))
    low, high = bounds.loc[0], bounds.loc[1]
    by_feature = pd.DataFrame(
        {"null": values.isna().sum(), "implausible": ((values < low) | (values > high)).sum()}
    )
    return {
        "features": frame,
        "feature_races": misplaced.to_frame("misplaced"),
        "feature_columns": by_feature,
    }


def _references(tables: Tables) -> pd.DataFrame:
    parts: list[pd.Series[str]] = []
    for table, names in COLUMNS.items():
        for column in names:
            owner = OWNERS.get(column, table)
            if owner != table:
                used = pd.Series(tables[table][column].dropna().unique(), dtype="str")
                unknown = used.where(~used.isin(tables[owner][column]))
                parts.append(unknown.set_axis([f"{table}.{column}"] * len(used)))
    return pd.concat(parts).to_frame("unknown")


def _starters(tables: Tables) -> pd.DataFrame:
    """By starter: the race, and whether the start place is unknown, or the pit lane."""
    results = tables["results"]
    starters = results[~results["position_text"].isin(DID_NOT_START)]
    return pd.DataFrame(
        {
            "race_id": starters["race_id"],
            "unknown_grid": starters["grid"].isna(),
            "pit_lane": starters["grid"].eq(0).fillna(False).astype(bool),
        }
    )


def _race_summary(tables: Tables) -> pd.DataFrame:
    races, results, qualifying = tables["races"], tables["results"], tables["qualifying"]
    race = results["race_id"]
    start = ["race_id", "driver_id"]
    told = pd.to_numeric(results["position_text"], errors="coerce")
    agreed = results["position"].astype("float64").fillna(0).eq(told.fillna(0))
    both = results[start].merge(qualifying[start], how="outer", indicator="found")
    counts = pd.DataFrame(
        {
            "starters": race.groupby(race).size(),
            "last_place": results["position_order"].groupby(race).max(),
            "contradictory": (~agreed).groupby(race).sum(),
            "winners": results["position"].eq(1).groupby(race).sum(),
            "without_result": both["found"].eq("right_only").groupby(both["race_id"]).sum(),
            "without_qualifying": both["found"].eq("left_only").groupby(both["race_id"]).mean(),
        }
    )
    summary = races[["race_id", "year"]].assign(year_of_date=races["date"].dt.year)
    counts = counts.join(_starters(tables).groupby("race_id").mean())
    summary = summary.join(counts.reindex(race.unique()), on="race_id")
    held = summary["starters"].notna()
    past = races["date"] <= races.loc[held, "date"].max()
    summary["with_results"] = held.astype(float).where(past)
    label = races["year"].astype("str") + " round " + races["round"].astype("str")
    return summary.set_axis(label)


def _points(tables: Tables, kind: str) -> pd.DataFrame:
    """Points of races and sprints against the standing after the newest race of each season.

    A season under way whose newest race has no standings yet is left out.
    """
    key = f"{kind}_id"
    races, standings = tables["races"], tables[f"{kind}_standings"]
    held = races["race_id"].isin(tables["results"]["race_id"])
    newest = races[held].sort_values("date").groupby("year").tail(1)
    past = races["date"] <= newest["date"].max()
    under_way = newest["year"].isin(races.loc[~past, "year"])
    newest = newest[~under_way | newest["race_id"].isin(standings["race_id"])]

    # The sprint of a race to come is in no standings yet.
    entries = pd.concat([tables["results"], tables["sprint_results"]])[["race_id", key, "points"]]
    entries = entries.merge(races.loc[past, ["race_id", "year"]])
    scored = entries.groupby(["year", key])["points"].sum()
    final = standings.merge(newest[["race_id", "year"]]).groupby(["year", key])["points"].sum()
    both = pd.concat([scored, final], axis=1, keys=["scored", "standing"]).fillna(0).reset_index()
    both = both[both["year"].isin(newest["year"])]

    owners = tables[f"{kind}s"].drop_duplicates(key).set_index(key)["name"]
    name = both[key].map(owners).fillna(both[key])
    label = both["year"].astype("str") + " " + name
    return both.assign(difference=(both["scored"] - both["standing"]).round(3)).set_axis(label)
