"""The feature table: complete, exact on a race counted by hand, and blind to the present."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import seasons

from {{ cookiecutter.project_slug }} import data, features, metrics
from {{ cookiecutter.project_slug }}.inputs import NAMES


@pytest.fixture(scope="module")
def tables() -> features.Tables:
    return seasons.make()


@pytest.fixture(scope="module")
def frame(tables: features.Tables) -> pd.DataFrame:
    return features.build(tables)


def test_a_row_for_each_starter_with_every_feature_a_finite_float32(frame: pd.DataFrame) -> None:
    assert len(frame) == 3 * seasons.RACES * 2 * seasons.TEAMS
    assert (frame[list(NAMES)].dtypes == np.float32).all()
    assert np.isfinite(frame[list(NAMES)]).all(axis=None)
    assert len(set(NAMES)) == len(NAMES)


def test_places_in_a_race_are_counted_from_1_without_gaps(frame: pd.DataFrame) -> None:
    places = frame.groupby("group")["target"].apply(sorted)
    assert all(each == list(range(1, 11)) for each in places)


def test_who_did_not_start_has_no_row_and_makes_no_gap(tables: features.Tables) -> None:
    results = tables["results"].copy()
    gone = results["race_id"].eq("r3") & results["position_order"].eq(4)
    results.loc[gone, "position_text"] = "W"
    results.loc[gone, "position"] = pd.NA
    race = features.build(tables | {"results": results}).query("group == 'r3'")
    assert sorted(race["target"]) == list(range(1, 10))
    assert results.loc[gone, "driver_id"].item() not in set(race["entity"])


def test_a_pit_lane_start_lies_behind_the_grid(tables: features.Tables) -> None:
    results = tables["results"].copy()
    pole = results["race_id"].eq("r3") & results["grid"].eq(1)
    results.loc[pole, "grid"] = 0
    race = features.build(tables | {"results": results}).query("group == 'r3'")
    assert race.iloc[-1]["entity"] == results.loc[pole, "driver_id"].item()
    assert race.iloc[-1]["grid"] == 11


def test_the_order_of_rows_tells_the_grid_and_not_the_outcome(frame: pd.DataFrame) -> None:
    assert frame.groupby("group")["grid"].apply(lambda grid: grid.is_monotonic_increasing).all()


def test_form_is_the_mean_over_the_races_before(frame: pd.DataFrame) -> None:
    driver = frame[frame["entity"] == "d0"].reset_index(drop=True)
    finish = (driver["target"] - 1) / 9
    assert driver["driver_finish_3"][3] == pytest.approx(finish[:3].mean())
    assert driver["driver_finish_3"][9] == pytest.approx(finish[6:9].mean())
    assert driver["driver_finish_10"][12] == pytest.approx(finish[2:12].mean())
    weights = 0.5 ** (np.arange(4)[::-1] / 8)
    assert driver["driver_finish"][4] == pytest.approx(np.average(finish[:4], weights=weights))
    assert list(driver["driver_starts"]) == list(range(18))
    assert list(driver["driver_wins"][1:]) == list((driver["target"] == 1).cumsum()[:-1])


def test_a_circuit_is_remembered(frame: pd.DataFrame) -> None:
    driver = frame[(frame["entity"] == "d3") & (frame["circuit"] == "circuit_3")]
    assert driver["driver_here"].iloc[1] == pytest.approx((driver["target"].iloc[0] - 1) / 9)


def test_standings_are_those_before_the_race_and_start_anew(
    frame: pd.DataFrame, tables: features.Tables
) -> None:
    first, third = frame[frame["group"] == "r6"], frame[frame["group"] == "r8"]
    assert (first["driver_total"] == 0).all()
    earlier = tables["results"].query("race_id in ['r6', 'r7']")
    points = earlier.groupby("driver_id")["points"].sum()
    standing = points.rank(method="min", ascending=False).reindex(third["entity"])
    assert list(third["driver_standing"]) == list(standing)
    share = (points / points.max()).reindex(third["entity"]).to_numpy()
    np.testing.assert_allclose(third["driver_total"], share, rtol=1e-6)


def test_a_sprint_counts_for_the_standing_after_its_race(
    frame: pd.DataFrame, tables: features.Tables
) -> None:
    sprint = tables["results"].query("race_id == 'r7'").assign(points=0.0).head(1)
    scored = sprint.assign(driver_id="d9", constructor_id="t4", points=1000.0)
    other = features.build(tables | {"sprint_results": scored})
    until = frame["date"] <= frame.loc[frame["group"] == "r7", "date"].iloc[0]
    pd.testing.assert_frame_equal(frame[until], other[until])
    after = other.query("group == 'r8' and entity == 'd9'").iloc[0]
    assert after["driver_standing"] == 1
    assert after["team_standing"] == 1


def test_a_retirement_is_learned_as_half_of_the_places_lost(
    frame: pd.DataFrame, tables: features.Tables
) -> None:
    results = tables["results"].rename(columns={"race_id": "group", "driver_id": "entity"})
    joined = frame.merge(results[["group", "entity", "position"]], on=["group", "entity"])
    retired = joined["position"].isna()
    assert (joined.loc[~retired, "label"] == joined.loc[~retired, "target"]).all()
    back = joined[retired & (joined["target"] > joined["grid"])]
    assert len(back)
    np.testing.assert_allclose(back["label"], (back["target"] + back["grid"]) / 2)


def test_home_and_age_are_those_of_the_driver(frame: pd.DataFrame) -> None:
    row = frame.query("group == 'r1' and entity == 'd1'").iloc[0]
    assert row["home"] == 1
    assert row["age"] == pytest.approx(2001 - 1976 - 35 / 366, abs=0.01)


@pytest.mark.parametrize("race", ["r4", "r9", "r13"])
def test_nothing_of_a_race_reaches_its_own_features(
    frame: pd.DataFrame, tables: features.Tables, race: str
) -> None:
    changed = tables["results"].copy()
    rows = changed["race_id"] == race
    turned = changed.loc[rows, "position_order"].to_numpy()[::-1]
    changed.loc[rows, "position_order"] = turned
    changed.loc[rows, "position"] = turned
    changed.loc[rows, "position_text"] = [str(place) for place in turned]
    changed.loc[rows, "points"] = changed.loc[rows, "points"].to_numpy()[::-1]
    other = features.build(tables | {"results": changed})
    until = frame["date"] <= frame.loc[frame["group"] == race, "date"].iloc[0]
    pd.testing.assert_frame_equal(frame.loc[until, list(NAMES)], other.loc[until, list(NAMES)])
    assert not frame.loc[~until, list(NAMES)].equals(other.loc[~until, list(NAMES)])


def test_dates_and_not_rounds_tell_what_was_before(
    frame: pd.DataFrame, tables: features.Tables
) -> None:
    rounds = tables["races"].set_index("race_id")["round"].copy()
    rounds[["r7", "r9"]] = rounds[["r9", "r7"]].to_numpy()
    moved = tables | {"races": tables["races"].assign(round=rounds.to_numpy())}
    names = ["driver_total", "driver_standing", "team_total", "driver_finish"]
    pd.testing.assert_frame_equal(features.build(moved)[names], frame[names])


def test_a_driver_without_a_birthday_leaves_readable_json(tables: features.Tables) -> None:
    unknown = tables["drivers"].assign(dob=pd.NaT)
    known = features.online_features(tables | {"drivers": unknown})
    assert json.loads(json.dumps(known, allow_nan=False)) == known


def test_a_race_to_come_changes_nothing(frame: pd.DataFrame, tables: features.Tables) -> None:
    to_come = pd.DataFrame([("next", 2004, 1, "c0", pd.Timestamp("2004-03-01"), "Next")],
                           columns=tables["races"].columns)  # fmt: skip
    longer = tables | {"races": pd.concat([tables["races"], to_come])}
    pd.testing.assert_frame_equal(frame, features.build(longer))
    known, longer_known = features.online_features(tables), features.online_features(longer)
    assert known.pop("races")[:-1] == longer_known.pop("races")[:-1]
    assert longer_known == known


def _to_come(tables: features.Tables) -> Any:
    return features.online_features(tables)["races"][-1]


def test_a_race_with_qualifying_and_without_results_is_the_one_to_come(
    tables: features.Tables,
) -> None:
    # Of two races to come, the first has no qualifying: it was cancelled.
    rounds = tables["qualifying"]
    eve = seasons.before(tables, "r16") | {"qualifying": rounds[rounds["race_id"] != "r16"]}
    race = _to_come(eve)
    assert (race["name"], race["request"]["round"], race["date"]) == ("Race 6", 6, "2003-04-05")
    assert race["request"]["circuit"] == "circuit_1"
    assert "qualifying" in race["note"]
    qualified = rounds[rounds["race_id"] == "r17"].sort_values("position")
    assert [(each["driver"], each["grid"]) for each in race["request"]["grid"]] == [
        (driver.replace("d", "driver_"), place)
        for place, driver in enumerate(qualified["driver_id"], start=1)
    ]
    finished = features.online_features(tables)["races"][-2]["request"]
    gaps = {each["driver"]: each["gap_to_pole"] for each in finished["grid"]}
    assert {each["driver"]: each["gap_to_pole"] for each in race["request"]["grid"]} == gaps


def test_before_qualifying_the_newest_cars_start_in_the_order_of_the_standings(
    tables: features.Tables,
) -> None:
    eve = seasons.before(tables, "r16")
    race = _to_come(eve)
    assert (race["request"]["round"], race["request"]["circuit"]) == (5, "circuit_0")
    assert "no qualifying yet" in race["note"] and "standings" in race["note"]
    races = eve["races"].set_index("race_id")
    held = eve["results"][eve["results"]["race_id"].map(races["year"]) == 2003]
    points = held.groupby("driver_id")["points"].sum()
    order = [points[each["driver"].replace("driver_", "d")] for each in race["request"]["grid"]]
    assert order == sorted(order, reverse=True)
    assert len(order) == 10 and "qualifying_position" not in race["request"]["grid"][0]


def test_without_a_calendar_another_race_follows_the_newest_one(tables: features.Tables) -> None:
    race = _to_come(tables)
    assert (race["request"]["season"], race["request"]["round"]) == (2003, 7)
    assert race["request"]["circuit"] == "circuit_1"
    assert race["note"].startswith("the calendar has no race to come")


def test_the_order_of_the_raw_rows_does_not_matter(
    frame: pd.DataFrame, tables: features.Tables
) -> None:
    shuffled = {name: table.sample(frac=1, random_state=3) for name, table in tables.items()}
    pd.testing.assert_frame_equal(frame, features.build(shuffled))


def _read(folder: Path, tmp_path: Path) -> features.Tables:
    data.collect({"source": "files", "directory": str(folder)}, tmp_path)
    return data.read(tmp_path)


def _until(tables: features.Tables, day: str) -> features.Tables:
    """What the snapshot of the morning after a day has."""
    races = tables["races"]["race_id"][tables["races"]["date"] <= day]
    return {
        name: table[table["race_id"].isin(races)] if "race_id" in table else table
        for name, table in tables.items()
    }


@pytest.mark.parametrize("day", ["2001-05-01", "2002-08-01", "2003-01-01"])
def test_later_races_change_no_row_of_an_earlier_one(
    frame: pd.DataFrame, tables: features.Tables, day: str
) -> None:
    """`make replay` builds the table once, and takes the rows of each morning from it."""
    cut = features.build(_until(tables, day))
    assert 0 < len(cut) < len(frame)
    pd.testing.assert_frame_equal(frame.iloc[: len(cut)], cut)


def test_later_races_change_no_row_of_real_seasons(real_f1: Path, tmp_path: Path) -> None:
    tables = _read(real_f1, tmp_path)
    frame = features.build(tables)
    for day in ("2016-07-01", "2022-03-20", "2024-03-02"):
        cut = features.build(_until(tables, day))
        assert cut["date"].max() <= pd.Timestamp(day)
        pd.testing.assert_frame_equal(frame.iloc[: len(cut)], cut)


def test_the_starters_are_those_of_the_published_baseline(real_f1: Path, tmp_path: Path) -> None:
    """The published table ranks two cars from one pit lane in the order in which they finished."""
    frame = features.build(_read(real_f1, tmp_path)).sort_values(["date", "target"])
    table = {
        (2014, 2021): (160, 3.61, 0.618, 0.531, 0.712, 0.761),
        (2022, 2024): (68, 3.48, 0.622, 0.515, 0.652, 0.769),
        (2024, 2024): (24, 2.85, 0.733, 0.458, 0.667, 0.838),
    }
    for seasons_, (races, *expected) in table.items():
        part = frame[frame["period"].between(*seasons_)]
        place = metrics.as_target(part, metrics.baseline(part))
        scores = metrics.score(part, metrics.baseline(part))
        top_10 = ((place <= 10) & (part["target"] <= 10)).sum() / races / 10
        found = [*scores.values(), top_10]
        assert part["group"].nunique() == races
        tolerance = [0.005, *[0.00051] * 4]
        assert (np.abs(np.subtract(found, expected)) <= tolerance).all()


def test_75_seasons_are_built_within_a_second(real_f1_1950: Path, tmp_path: Path) -> None:
    tables = _read(real_f1_1950, tmp_path)
    features.build(tables)
    started = time.process_time()
    frame = features.build(tables)
    assert time.process_time() - started < 1.0
    assert len(frame) > 24_000


def test_the_truth_of_a_race_is_told_when_all_its_starters_are_asked_for(
    tables: features.Tables, frame: pd.DataFrame
) -> None:
    race = frame.query("group == 'r3'").set_index("entity")
    about = f"{race['period'].iloc[0]}/{race['round'].iloc[0]:g}"
    refs = tables["drivers"].set_index("driver_id")["ref"]
    by_id, by_ref = (
        [f"{about}/{name}" for name in each] for each in (race.index, refs[race.index])
    )
    other = [f"{race['period'].iloc[0]}/1/{name}" for name in race.index][1:]
    for keys in (by_id, by_ref, [*by_ref[:4], *by_id[4:]], [*by_id, *by_ref]):
        found = features.truth(tables, [*keys, *other, "1/1/nobody"])
        assert len(found) == len(race) and set(found.index) <= set(keys)
        ended = found.set_index("entity")["target"]
        assert ended.to_dict() == race["target"].to_dict()
        assert (found["known_at"] > found["date"]).all()
        assert {*metrics.SLICES, "group"} <= {*found}
    assert features.truth(tables, by_id[1:]).empty
