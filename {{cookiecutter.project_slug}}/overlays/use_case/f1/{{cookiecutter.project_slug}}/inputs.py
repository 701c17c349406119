"""What the model sees of one car in one race, and the code that training and serving share.

Needs numpy alone, because the model server carries it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from smallboat.problem import Feature as Feature

Array = np.ndarray[Any, np.dtype[Any]]

_SHARE = "share of the field"
FEATURES: tuple[Feature, ...] = (
    Feature("grid", "place", "start place; the pit lane counts as behind the last", 20.0),
    Feature("grid_log", "log(place)", "start place, those in front counting more", 3.0),
    Feature("qualifying", "place", "place in qualifying, else the start place", 20.0),
    Feature("gap", "s", "best qualifying lap behind the fastest, else by the place", 2.0),
    Feature("gap_in_race", "s", "qualifying gap against this grid's mean", 0.0),
    Feature("size", "cars", "cars that start", 20.0),
    Feature("season", "year", "season", 2020.0),
    Feature("round", "races", "number of the race in its season", 10.0),
    Feature("age", "years", "age of the driver at the start of the season", 27.0),
    Feature("home", "0 or 1", "the driver's country holds the race", 0.0),
    Feature("driver_starts", "races", "races the driver has started", 0.0),
    Feature("driver_wins", "races", "races the driver has won", 0.0),
    Feature("driver_podiums", "races", "races the driver ended among the first three", 0.0),
    Feature("driver_finish_3", _SHARE, "driver's mean finish in 3 races (0 = won, 1 = last)", 0.5),
    Feature("driver_finish_10", _SHARE, "driver's mean finish in 10 races", 0.5),
    Feature("driver_finish", _SHARE, "driver's mean finish, half-life 8 races", 0.5),
    Feature("driver_classified", _SHARE, "driver's mean classified finish, half-life 8 races", 0.5),
    Feature("driver_grid", _SHARE, "driver's mean start place, half-life 5 races", 0.5),
    Feature("driver_points", "share of the race's points", "driver's mean points in 10 races", 0.0),
    Feature("driver_retired", "share of races", "driver was not classified, in 20 races", 0.2),
    Feature("driver_gap", "%", "driver's mean gap in qualifying, in 5 races", 2.0),
    Feature("driver_mate", _SHARE, "driver's finish against the team-mates', in 20 races", 0.0),
    Feature("driver_mate_grid", _SHARE, "driver's start against the team-mates', in 20 races", 0.0),
    Feature("team_finish_3", _SHARE, "team's mean finish in 3 races", 0.5),
    Feature("team_finish", _SHARE, "team's mean finish, half-life 6 races", 0.5),
    Feature("team_classified", _SHARE, "team's mean classified finish, half-life 6 races", 0.5),
    Feature("team_grid", _SHARE, "team's mean start place, half-life 4 races", 0.5),
    Feature("team_points", "share of the race's points", "team's mean points in 10 races", 0.0),
    Feature("team_retired", "share of starts", "team's cars were not classified, in 15 races", 0.2),
    Feature("team_gap", "%", "team's mean gap in qualifying, in 4 races", 2.0),
    Feature("driver_here", _SHARE, "driver's mean finish in 5 races on this circuit", 0.5),
    Feature("team_here", _SHARE, "team's mean finish in 4 races on this circuit", 0.5),
    Feature("circuit_shuffle", _SHARE, "mean change from start to finish here, in 5 races", 0.2),
    Feature("circuit_retired", "share of starts", "cars were not classified here, in 5 races", 0.2),
    Feature("driver_standing", "place", "driver's place in the standings", 21.0),
    Feature("driver_total", "share of the leader's", "driver's points in the standings", 0.0),
    Feature("team_standing", "place", "team's place in the standings", 11.0),
    Feature("team_total", "share of the leader's", "team's points in the standings", 0.0),
    Feature("driver_finish_in_race", _SHARE, "driver's mean finish against this grid's mean", 0.0),
    Feature("driver_classified_in_race", _SHARE, "classified finish against this grid's mean", 0.0),
    Feature("driver_grid_in_race", _SHARE, "driver's mean start against this grid's mean", 0.0),
    Feature("driver_gap_in_race", "%", "driver's gap in qualifying against this grid's mean", 0.0),
    Feature("team_finish_in_race", _SHARE, "team's mean finish against this grid's mean", 0.0),
    Feature("team_classified_in_race", _SHARE, "team's classified finish against grid's mean", 0.0),
    Feature("team_gap_in_race", "%", "team's gap in qualifying against this grid's mean", 0.0),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
_DEFAULTS = np.array([feature.default for feature in FEATURES])
SECONDS_PER_PLACE = 0.13
_IN_RACE = {name: name.removesuffix("_in_race") for name in NAMES if name.endswith("_in_race")}
_STAND_IN = {
    "driver_finish_3": "team_finish_3",
    "driver_finish_10": "team_finish",
    "driver_finish": "team_finish",
    "driver_classified": "team_classified",
    "driver_grid": "team_grid",
    "driver_gap": "team_gap",
    "driver_here": "driver_finish",
    "team_here": "team_finish",
}


def start_places(grid: Array, qualifying: Array, race: Array) -> Array:
    """Grid places with the pit lane (0) behind the last car of its grid.

    Where the grid place is unknown, the place in qualifying stands in for it; where that is unknown
    too, the middle of the field.

    Args:
        grid: shape [n], places; 0 = pit lane, NaN = unknown.
        qualifying: shape [n], places; NaN = unknown.
        race: shape [n], codes from 0 of the race that a row belongs to.
    """
    grid = _first(_first(grid, qualifying), (np.bincount(race)[race] + 1) / 2)
    last = np.zeros(race.max(initial=-1) + 1)
    np.maximum.at(last, race, grid)
    return np.where(grid > 0, grid, last[race] + 1.0)


def complete(known: Mapping[str, Array], race: Array) -> Array:
    """Features of whole races from what is known before their start.

    Args:
        known: columns of shape [n] (NaN = unknown): grid, qualifying, gap in seconds, season,
            round, age, home, and every state of a look-up.
        race: shape [n], codes from 0 of the race that a row belongs to.

    Returns:
        float32 of shape [n, len(FEATURES)], finite.
    """
    columns: dict[str, Array] = {
        name: np.asarray(values, dtype=np.float64) for name, values in known.items()
    }
    columns["grid"] = start_places(columns["grid"], columns["qualifying"], race)
    columns["grid_log"] = np.log(columns["grid"])
    columns["qualifying"] = _first(columns["qualifying"], columns["grid"])
    columns["gap"] = _first(columns["gap"], SECONDS_PER_PLACE * (columns["qualifying"] - 1.0))
    columns["size"] = np.bincount(race)[race]
    for name, stand_in in _STAND_IN.items():
        columns[name] = _first(columns[name], columns[stand_in])
    of_race = np.array([columns[name] for name in _IN_RACE.values()])
    columns |= dict(zip(_IN_RACE, of_race - _means(of_race, race), strict=True))
    table = np.array([columns[name] for name in NAMES]).T
    return _first(table, _DEFAULTS).astype(np.float32, order="C")


def assemble(
    race: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], online: Mapping[str, Any]
) -> tuple[Array, list[str]]:
    """Features of a race to come.

    Args:
        race: `season`, `round`, `circuit`.
        entries: one a car: `driver`, `constructor`, `grid` (0 = pit lane), and where known
            `qualifying_position` and `gap_to_pole` in seconds. Drivers, constructors and circuits
            go by their id or by their reference name.
        online: what `features.online_features` returned.

    Returns:
        float32 of shape [len(entries), len(FEATURES)], and what had to be guessed.
    """
    warnings: list[str] = []
    circuit = _known("circuit", race["circuit"], online, warnings)
    drivers = [_known("driver", each["driver"], online, warnings) for each in entries]
    teams = [_known("constructor", each["constructor"], online, warnings) for each in entries]
    season = float(race["season"])
    owners = {
        "driver": drivers,
        "constructor": teams,
        "circuit": [circuit] * len(entries),
        "driver_circuit": [f"{driver}|{circuit}" for driver in drivers],
        "constructor_circuit": [f"{team}|{circuit}" for team in teams],
    }
    if season == online["season"]:
        # A new season starts without standings.
        owners |= {"driver_standing": drivers, "constructor_standing": teams}
    columns = [column for kind in owners for column in online[kind]["columns"]]
    rows: list[list[float | None]] = [[] for _ in entries]
    for kind, names in owners.items():
        table = online[kind]
        empty = [None] * len(table["columns"])
        for row, name in zip(rows, names, strict=True):
            row += table["rows"].get(name, empty)
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(columns))
    known: dict[str, Array] = dict.fromkeys(NAMES, np.full(len(entries), np.nan))
    known |= dict(zip(columns, values.T, strict=True))
    people = online["people"]
    country = online["countries"].get(circuit)
    known |= {
        "season": np.full(len(entries), season),
        "round": np.full(len(entries), float(race["round"])),
        "grid": _column(entries, "grid"),
        "qualifying": _column(entries, "qualifying_position"),
        "gap": _column(entries, "gap_to_pole"),
        "age": season - np.array([people.get(n, [None])[0] for n in drivers], dtype=np.float64),
        "home": np.array([people.get(name, [0, ""])[1] == country for name in drivers]),
    }
    return complete(known, np.zeros(len(entries), dtype=np.int64)), warnings


def _column(entries: Sequence[Mapping[str, Any]], name: str) -> Array:
    return np.array([each.get(name) for each in entries], dtype=np.float64)


def _known(kind: str, name: Any, online: Mapping[str, Any], warnings: list[str]) -> str:
    ids = online["ids"][kind]
    if str(name) not in ids:
        warnings.append(f"unknown {kind} {name}: its features are the defaults")
    return str(ids.get(str(name), name))


def _first(values: Array, otherwise: Array | float) -> Array:
    return np.where(np.isnan(values), otherwise, values)


def _means(values: Array, race: Array) -> Array:
    """Mean over its race of each value that is known, shape [columns, n]."""
    races = race.max(initial=-1) + 1
    cells = (np.arange(len(values))[:, None] * races + race).ravel()
    seen = ~np.isnan(values)
    count = np.bincount(cells, seen.ravel())
    total = np.bincount(cells, np.where(seen, values, 0.0).ravel())
    means: Array = (total / np.maximum(count, 1.0))[cells].reshape(values.shape)
    return means
