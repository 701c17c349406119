"""The shipped sample is what the simulator writes, adds up, and can be learned from."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulate_f1

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "{{cookiecutter.project_slug}}/overlays/use_case/f1/data/sample"
Table = list[dict[str, str]]
Array = np.ndarray[Any, np.dtype[Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated")
    simulate_f1.simulate(path, 1950)
    return path


@pytest.fixture(scope="module")
def tables(folder: Path) -> dict[str, Table]:
    return {path.stem: read(path) for path in sorted(folder.glob("*.csv"))}


def read(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sample_is_what_the_simulator_writes(folder: Path) -> None:
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert written == {path.name: path.read_bytes() for path in SAMPLE.glob("*.csv")}


def test_another_seed_gives_another_championship(folder: Path, tmp_path: Path) -> None:
    simulate_f1.simulate(tmp_path, 1951)
    assert (tmp_path / "results.csv").read_bytes() != (folder / "results.csv").read_bytes()


def test_the_sample_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 500_000


@pytest.mark.parametrize("kind", ["driver", "constructor"])
def test_points_and_wins_add_up_to_every_standing(tables: dict[str, Table], kind: str) -> None:
    key = f"{kind}Id"
    races = {race["raceId"]: race for race in tables["races"]}
    scored: dict[tuple[str, str, int], float] = defaultdict(float)
    won: dict[tuple[str, str, int], int] = defaultdict(int)
    for row in tables["results"] + tables["sprint_results"]:
        race = races[row["raceId"]]
        scored[race["year"], row[key], int(race["round"])] += float(row["points"])
    for row in tables["results"]:
        race = races[row["raceId"]]
        won[race["year"], row[key], int(race["round"])] += row["position"] == "1"
    assert len(tables[f"{kind}_standings"]) > 1000
    for row in tables[f"{kind}_standings"]:
        race = races[row["raceId"]]
        rounds = range(1, int(race["round"]) + 1)
        assert float(row["points"]) == sum(scored[race["year"], row[key], r] for r in rounds)
        assert int(row["wins"]) == sum(won[race["year"], row[key], r] for r in rounds)


def test_standings_are_in_the_order_of_points(tables: dict[str, Table]) -> None:
    for race in {row["raceId"] for row in tables["driver_standings"]}:
        rows = [row for row in tables["driver_standings"] if row["raceId"] == race]
        assert [int(row["position"]) for row in rows] == list(range(1, len(rows) + 1))
        points = [float(row["points"]) for row in rows]
        assert points == sorted(points, reverse=True)


def test_each_race_has_every_place_once_and_one_winner(tables: dict[str, Table]) -> None:
    for rows in by_race(tables["results"]):
        assert [int(row["positionOrder"]) for row in rows] == list(range(1, len(rows) + 1))
        assert sum(row["position"] == "1" for row in rows) == 1
        assert len({row["driverId"] for row in rows}) == len(rows)
        grid = sorted(int(row["grid"]) for row in rows if row["grid"] != "0")
        assert grid == list(range(1, len(grid) + 1))


def test_the_traps_of_real_data_are_there(tables: dict[str, Table]) -> None:
    results = tables["results"]
    letters = {row["positionText"] for row in results if row["position"] == simulate_f1.NULL}
    assert letters == {"R", "D", "W"}
    assert any(row["grid"] == "0" for row in results)
    assert any(row["q1"] == simulate_f1.NULL for row in tables["qualifying"])
    qualified = {(row["raceId"], row["driverId"]) for row in tables["qualifying"]}
    assert any((row["raceId"], row["driverId"]) not in qualified for row in results)
    assert len({len(rows) for rows in by_race(results)}) > 1
    assert any(float(row["points"]) % 1 for row in results)
    assert tables["sprint_results"]


def test_the_newest_season_goes_on(tables: dict[str, Table]) -> None:
    held = {row["raceId"] for row in tables["results"]}
    qualified = {row["raceId"] for row in tables["qualifying"]}
    to_come = [race["raceId"] for race in tables["races"] if race["raceId"] not in held]
    assert len(to_come) > 1
    assert [race for race in to_come if race in qualified] == to_come[:1]


def test_every_id_is_known(tables: dict[str, Table]) -> None:
    for table, column in (
        ("races", "circuitId"),
        ("results", "driverId"),
        ("results", "constructorId"),
        ("results", "statusId"),
        ("qualifying", "driverId"),
    ):
        owner = {"statusId": "status"}.get(column, column.removesuffix("Id") + "s")
        known = {row[column] for row in tables[owner]}
        assert {row[column] for row in tables[table]} <= known


def test_people_come_and_go(tables: dict[str, Table]) -> None:
    races = {race["raceId"]: race["year"] for race in tables["races"]}
    seasons = defaultdict(set)
    for row in tables["results"]:
        seasons[races[row["raceId"]]].add(row["driverId"])
    first, last = seasons[min(seasons)], seasons[max(seasons)]
    assert len(first - last) >= 5
    assert len(last - first) >= 5


def test_the_grid_tells_as_much_as_in_real_seasons(tables: dict[str, Table]) -> None:
    races = list(by_race(tables["results"]))
    assert 3.2 < mean_error(races, [start_places(rows) for rows in races]) < 3.9
    correlations = [np.corrcoef(start_places(rows), np.arange(len(rows)))[0, 1] for rows in races]
    assert 0.55 < np.mean(correlations) < 0.70


def test_the_grid_counts_more_where_overtaking_is_hard(tables: dict[str, Table]) -> None:
    effects = {str(number): line[4] for number, line in enumerate(simulate_f1.CIRCUITS, 1)}
    effect = {race["raceId"]: effects[race["circuitId"]] for race in tables["races"]}
    error = {
        kind: mean_error(races, [start_places(rows) for rows in races])
        for kind in ("low", "high")
        if (races := [r for r in by_race(tables["results"]) if effect[r[0]["raceId"]] == kind])
    }
    assert error["high"] < 0.95 * error["low"]


def test_a_ridge_on_form_is_clearly_better_than_the_grid(tables: dict[str, Table]) -> None:
    races = list(by_race(tables["results"]))
    features = with_form(races)
    cut = int(0.6 * len(races))
    x = np.concatenate(features[:cut])
    y = np.concatenate([np.arange(1.0, len(rows) + 1) for rows in races[:cut]])
    centre, scale = x.mean(axis=0), x.std(axis=0)
    z = (x - centre) / scale
    weights = np.linalg.solve(z.T @ z + 10 * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    predicted = [(f - centre) / scale @ weights for f in features[cut:]]
    baseline = mean_error(races[cut:], [start_places(rows) for rows in races[cut:]])
    assert mean_error(races[cut:], predicted) < 0.92 * baseline


def by_race(results: Table) -> Iterator[Table]:
    """The rows of each race in the order of the finish; races are in order of time."""
    races: dict[str, Table] = defaultdict(list)
    for row in results:
        races[row["raceId"]].append(row)
    yield from races.values()


def start_places(rows: Table) -> Array:
    """Grid places; the pit lane is behind all."""
    return np.array([int(row["grid"]) or len(rows) + 1 for row in rows], dtype=float)


def mean_error(races: list[Table], predicted: list[Array]) -> float:
    """Mean absolute difference between the ranks predicted and the order of finish."""
    errors = [
        np.abs(np.argsort(np.argsort(p, kind="stable"), kind="stable") - np.arange(len(rows)))
        for rows, p in zip(races, predicted, strict=True)
    ]
    return float(np.concatenate(errors).mean())


def with_form(races: list[Table]) -> list[Array]:
    """Grid, and the mean of the last ten finishes and grids of driver and team before a race."""
    past: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    features = []
    for rows in races:
        grid = start_places(rows)
        owners = [(("driver", r["driverId"]), ("team", r["constructorId"])) for r in rows]
        form = [[np.mean(past[o][-10:] or [(13, 13)], axis=0) for o in pair] for pair in owners]
        features.append(np.column_stack([grid, np.array(form).reshape(len(rows), 4)]))
        for place, pair in enumerate(owners):
            for owner in pair:
                past[owner].append((place + 1, grid[place]))
    return features
