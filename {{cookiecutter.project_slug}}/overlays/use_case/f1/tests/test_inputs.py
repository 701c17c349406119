"""A request gets the very features that training would have made of its race."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import seasons
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.project_slug }} import data, features
from {{ cookiecutter.project_slug }}.inputs import FEATURES, NAMES, assemble, start_places

TABLES = seasons.make()
ONLINE = features.online_features(TABLES)
RACE = {"season": 2004, "round": 1, "circuit": "c0"}
ENTRIES: list[dict[str, Any]] = [
    {"driver": f"d{n}", "constructor": f"t{n // 2}", "grid": n + 1}
    for n in range(2 * seasons.TEAMS)
]


def _request(tables: features.Tables, rows: pd.DataFrame) -> tuple[dict[str, Any], list[Any]]:
    """The request that a client would make of a race: what qualifying and the grid tell."""
    first = rows.iloc[0]
    grid, rounds = (
        tables[name][tables[name]["race_id"] == first["group"]].set_index("driver_id")
        for name in ("results", "qualifying")
    )
    best = rounds[["q1", "q2", "q3"]].min(axis=1)
    gap = (best - best.min()).reindex(rows["entity"])
    entries = [
        {"driver": driver, "constructor": team, "grid": int(grid["grid"][driver])}
        | (
            {"qualifying_position": int(rounds["position"][driver])}
            if driver in rounds.index
            else {}
        )
        | ({"gap_to_pole": float(gap[driver])} if pd.notna(gap[driver]) else {})
        for driver, team in zip(rows["entity"], rows["constructor"], strict=True)
    ]
    return {"season": int(first["period"]), "round": int(first["round"]),
            "circuit": first["circuit"]}, entries  # fmt: skip


def _same_as_training(tables: features.Tables, race: str, frame: pd.DataFrame) -> None:
    rows = frame[frame["group"] == race]
    online = json.loads(json.dumps(features.online_features(seasons.before(tables, race))))
    served, warnings = assemble(*_request(tables, rows), online)
    assert warnings == []
    assert served.dtype == np.float32
    differs = (served != rows[list(NAMES)].to_numpy()).any(axis=0)
    assert not differs.any(), [name for name, bad in zip(NAMES, differs, strict=True) if bad]


@pytest.mark.parametrize("race", ["r17", "r12", "r7"])
def test_serving_makes_what_training_made(race: str) -> None:
    _same_as_training(TABLES, race, features.build(TABLES))


def test_serving_makes_what_training_made_of_real_races(real_f1: Path, tmp_path: Path) -> None:
    data.collect({"source": "files", "directory": str(real_f1)}, tmp_path)
    tables = data.read(tmp_path)
    frame = features.build(tables)
    races = frame["group"].unique()
    for race in [*races[-3:], races[-24], races[150]]:
        _same_as_training(tables, race, frame)


def test_reference_names_do_as_well_as_ids() -> None:
    named = [
        each | {"driver": each["driver"].replace("d", "driver_"),
                "constructor": each["constructor"].replace("t", "team_")}
        for each in ENTRIES
    ]  # fmt: skip
    found, warnings = assemble(RACE | {"circuit": "circuit_0"}, named, ONLINE)
    assert warnings == []
    assert np.array_equal(found, assemble(RACE, ENTRIES, ONLINE)[0])


def test_who_is_unknown_gets_the_defaults_and_a_warning() -> None:
    stranger = [{"driver": "nobody", "constructor": "new team", "grid": 3}]
    found, warnings = assemble(RACE | {"circuit": "nowhere"}, stranger, ONLINE)
    row = dict(zip(NAMES, found[0], strict=True))
    for each in FEATURES:
        if each.name.startswith(("driver_", "team_", "circuit_")):
            assert row[each.name] == np.float32(each.default), each.name
    assert [text.split(":")[0] for text in warnings] == [
        "unknown circuit nowhere", "unknown driver nobody", "unknown constructor new team"
    ]  # fmt: skip


def test_a_newcomer_is_taken_for_his_team() -> None:
    rookie = [{"driver": "rookie", "constructor": "t0", "grid": 1}]
    row = dict(zip(NAMES, assemble(RACE, rookie, ONLINE)[0][0], strict=True))
    assert row["driver_finish"] == row["team_finish"] != 0.5
    assert row["driver_starts"] == 0


def test_standings_hold_in_their_season_alone() -> None:
    column = NAMES.index("driver_total")
    within, _ = assemble(RACE | {"season": 2003, "round": 7}, ENTRIES, ONLINE)
    beyond, _ = assemble(RACE, ENTRIES, ONLINE)
    assert within[:, column].max() == 1
    assert not beyond[:, column].any()


def test_qualifying_is_guessed_from_the_grid() -> None:
    told = [each | {"qualifying_position": each["grid"]} for each in ENTRIES]
    assert np.array_equal(assemble(RACE, ENTRIES, ONLINE)[0], assemble(RACE, told, ONLINE)[0])


@given(st.permutations(range(len(ENTRIES))))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_cars_does_not_matter(order: list[int]) -> None:
    straight, _ = assemble(RACE, ENTRIES, ONLINE)
    mixed, _ = assemble(RACE, [ENTRIES[n] for n in order], ONLINE)
    np.testing.assert_allclose(mixed, straight[order], rtol=1e-6, atol=1e-6)


@given(st.lists(st.integers(0, 24), min_size=1, max_size=24))
def test_only_pit_lane_starts_move(grid: list[int]) -> None:
    places = start_places(
        np.array(grid), np.full(len(grid), np.nan), np.zeros(len(grid), dtype=int)
    )
    assert all(place == (start or max(grid) + 1) for place, start in zip(places, grid, strict=True))


def test_an_unknown_start_place_is_that_of_qualifying_or_the_middle_of_the_field() -> None:
    grid = np.array([1.0, np.nan, 0.0, np.nan, 4.0])
    qualifying = np.array([2.0, 3.0, np.nan, np.nan, 5.0])
    places = start_places(grid, qualifying, np.zeros(5, dtype=int))
    assert places.tolist() == [1.0, 3.0, 5.0, 3.0, 4.0]
