"""From raw tables to one row a starter, and to what a release knows of the next race."""

from typing import Any

import numpy as np
import pandas as pd
from smallboat.evaluation import truth as outcomes

from .data import Tables
from .inputs import FEATURES, NAMES, Feature, complete
from .race_entries import grids, race_entries
from .rolling_features import Array, History, Look

__all__ = ["FEATURES", "OTHER_COLUMNS", "Feature", "Tables", "build", "online_features", "truth"]

OTHER_COLUMNS = ("entity", "label")
GROUPS = {
    "start": ("grid*", "qualifying", "gap*"),
    "retirements": ("*_retired",),
    "circuit": ("*_here", "circuit_*"),
    "qualifying so far": ("*_grid*", "*_gap*"),
    "driver's results": ("driver_*",),
    "team's results": ("team_*",),
}

LOOKS: dict[str, dict[str, Look]] = {
    "driver": {
        "driver_starts": Look("start"),
        "driver_wins": Look("win"),
        "driver_podiums": Look("podium"),
        "driver_finish_3": Look("finish", 3),
        "driver_finish_10": Look("finish", 10),
        "driver_finish": Look("finish", 25, 8),
        "driver_classified": Look("classified", 25, 8),
        "driver_grid": Look("place", 15, 5),
        "driver_points": Look("points", 10),
        "driver_retired": Look("retired", 20),
        "driver_gap": Look("gap", 5),
        "driver_mate": Look("mate", 20),
        "driver_mate_grid": Look("mate_place", 20),
    },
    "constructor": {
        "team_finish_3": Look("finish", 3),
        "team_finish": Look("finish", 20, 6),
        "team_classified": Look("classified", 20, 6),
        "team_grid": Look("place", 12, 4),
        "team_points": Look("points", 10),
        "team_retired": Look("retired", 15),
        "team_gap": Look("gap", 4),
    },
    "circuit": {
        "circuit_shuffle": Look("shuffle", 5),
        "circuit_retired": Look("retired", 5),
    },
    "driver_circuit": {"driver_here": Look("finish", 5)},
    "constructor_circuit": {"team_here": Look("finish", 4)},
}
STANDINGS = {
    "driver": ("driver_standing", "driver_total"),
    "constructor": ("team_standing", "team_total"),
}
COUNTRIES = {
    "American": "USA", "Argentine": "Argentina", "Australian": "Australia", "Austrian": "Austria",
    "Belgian": "Belgium", "Brazilian": "Brazil", "British": "UK", "Canadian": "Canada",
    "Chinese": "China", "Dutch": "Netherlands", "French": "France", "German": "Germany",
    "Hungarian": "Hungary", "Indian": "India", "Italian": "Italy", "Japanese": "Japan",
    "Malaysian": "Malaysia", "Mexican": "Mexico", "Monegasque": "Monaco", "Monégasque": "Monaco",
    "Moroccan": "Morocco", "Portuguese": "Portugal", "Russian": "Russia",
    "South African": "South Africa", "Spanish": "Spain", "Swedish": "Sweden",
    "Swiss": "Switzerland",
}  # fmt: skip


def build(tables: Tables) -> pd.DataFrame:
    """The feature table: what was known before each start, and how it ended.

    Args:
        tables: what `data.read` returned; races without results are left out.

    Returns:
        One row a starter, by date, race, start place and driver: period (season), group (race),
        date, entity (driver), constructor and circuit by name, target (finishing place among the
        starters, 1 = won), label (what models learn), then FEATURES as float32, none NaN.
    """
    entries = race_entries(tables)
    race = entries["race"].to_numpy()
    known = _before(entries, tables)
    people = _people(tables).reindex(entries["entity"])
    country = _countries(tables).reindex(entries["circuit"])
    known |= {
        "grid": entries["grid"].to_numpy(np.float64, na_value=np.nan),
        "qualifying": entries["qualifying"].to_numpy(),
        "gap": entries["seconds"].to_numpy(),
        "season": entries["period"].to_numpy(),
        "round": entries["round"].to_numpy(),
        "age": entries["period"].to_numpy() - people["born"].to_numpy(),
        "home": people["country"].to_numpy() == country.to_numpy(),
    }
    values = pd.DataFrame(complete(known, race), columns=list(NAMES), index=entries.index)
    return pd.concat([_ended(tables, entries), values], axis=1)


def truth(tables: Tables, keys: list[str]) -> pd.DataFrame:
    """How the cars ended that `service.keys` names, of races of which all starters are named."""
    entries = race_entries(tables)
    rows = _ended(tables, entries).assign(known_at=entries["date"] + pd.Timedelta(days=1))
    race = entries["period"].astype(str) + "/" + entries["round"].astype(str) + "/"
    ref = entries["entity"].map(tables["drivers"].set_index("driver_id")["ref"])
    found = outcomes.named(rows, [race + entries["entity"], race + ref], keys)
    return outcomes.of_whole_groups(found, rows)


def _ended(tables: Tables, entries: pd.DataFrame) -> pd.DataFrame:
    kept = ["period", "group", "date", "entity", "constructor", "circuit", "target", "label"]
    names = {
        kind: entries[kind].map(tables[f"{kind}s"].set_index(f"{kind}_id")["ref"])
        for kind in ("constructor", "circuit")
    }
    return entries[kept].assign(**names)


def online_features(tables: Tables) -> dict[str, Any]:
    """What is known of each driver, team and circuit after the newest race; ready for JSON.

    Standings hold for the season of the newest race: the next season starts without.
    """
    entries = race_entries(tables)
    newest = entries.iloc[-1]
    known: dict[str, Any] = {
        "as_of": newest["date"].date().isoformat(),
        "season": int(newest["period"]),
        "round": int(newest["round"]),
    }
    for kind, looks in LOOKS.items():
        history = _history(entries, kind)
        known[kind] = {"columns": list(looks), "rows": history.last(history.after(looks))}
    for kind, columns in STANDINGS.items():
        table = _standings(tables, kind)
        table = table[table["race_id"] == newest["group"]]
        values = table[list(columns)].to_numpy(dtype=np.float64).tolist()
        rows = dict(zip(table["owner"], values, strict=True))
        known[f"{kind}_standing"] = {"columns": list(columns), "rows": rows}
    people = _people(tables)
    born = people["born"].astype(object).where(people["born"].notna(), None)
    values = zip(born, people["country"], strict=True)
    known["people"] = dict(zip(people.index, map(list, values), strict=True))
    known["countries"] = _countries(tables).dropna().to_dict()
    known["ids"] = {
        kind: _ids(tables[f"{kind}s"], kind) for kind in ("driver", "constructor", "circuit")
    }
    known["names"] = {
        kind: dict(zip(tables[f"{kind}s"]["ref"], tables[f"{kind}s"]["name"], strict=True))
        for kind in known["ids"]
    }
    known["races"] = grids(tables, entries, known["driver_standing"]["rows"])
    return known


def _ids(table: pd.DataFrame, kind: str) -> dict[str, str]:
    """The id by the reference name, and by itself."""
    ids = table[f"{kind}_id"]
    return dict(zip([*ids, *table["ref"]], [*ids, *ids], strict=True))


def _owner(entries: pd.DataFrame, kind: str) -> pd.Series:
    columns = {"driver": "entity"}
    first, *rest = (entries[columns.get(part, part)] for part in kind.split("_"))
    return first if not rest else first + "|" + rest[0]


def _history(entries: pd.DataFrame, kind: str) -> History:
    values = sorted({look.value for look in LOOKS[kind].values()})
    return History(_owner(entries, kind), entries["race"].to_numpy(), entries[values])


def _before(entries: pd.DataFrame, tables: Tables) -> dict[str, Array]:
    """Every state and standing on the eve of each start; NaN where there is none."""
    race = entries["race"].to_numpy()
    known: dict[str, Array] = {}
    for kind, looks in LOOKS.items():
        history = _history(entries, kind)
        states = history.before(history.after(looks), _owner(entries, kind), race)
        known |= {name: states[name].to_numpy() for name in looks}
    races = entries[["group", "period"]].drop_duplicates()
    races["race_id"] = races.groupby("period")["group"].shift()
    eve = entries[["group"]].merge(races, on="group", how="left")
    for kind, columns in STANDINGS.items():
        eve["owner"] = _owner(entries, kind)
        found = eve.merge(_standings(tables, kind), on=["race_id", "owner"], how="left")
        known |= {name: found[name].to_numpy(dtype=np.float64) for name in columns}
    return known


def _standings(tables: Tables, kind: str) -> pd.DataFrame:
    """Place and share of the leader's points after each race, sprints included.

    Points are added up from results: the API's standings tell the newest race alone.
    """
    place, total = STANDINGS[kind]
    races = tables["races"].set_index("race_id")
    scored = pd.concat([tables["results"], tables["sprint_results"]])
    scored = scored[scored["race_id"].isin(tables["results"]["race_id"])]
    points = scored.groupby(["race_id", f"{kind}_id"])["points"].sum().unstack()
    points = points.loc[races.loc[points.index].sort_values(["date", "year", "round"]).index]
    season = races["year"].reindex(points.index)
    sums = points.groupby(season).cumsum().groupby(season).ffill()
    leader = sums.max(axis=1)
    shares = sums.div(leader.where(leader > 0), axis=0).fillna(0.0).where(sums.notna())
    ranks = sums.rank(axis=1, method="min", ascending=False)
    table = pd.DataFrame({place: ranks.stack(), total: shares.stack()}).dropna()
    return table.rename_axis(["race_id", "owner"]).reset_index()


def _people(tables: Tables) -> pd.DataFrame:
    """By driver: born (year and share of it) and country; "" where it never held a race."""
    drivers = tables["drivers"].set_index("driver_id")
    born = drivers["dob"].dt.year + (drivers["dob"].dt.day_of_year - 1) / 366
    country = drivers["nationality"].map(COUNTRIES).fillna("")
    return pd.DataFrame({"born": born, "country": country})


def _countries(tables: Tables) -> pd.Series:
    return tables["circuits"].set_index("circuit_id")["country"]
