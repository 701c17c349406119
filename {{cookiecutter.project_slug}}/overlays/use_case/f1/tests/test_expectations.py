"""The expectations pass on sound tables and name what is wrong with each kind of broken one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallboat.validation import gx, validation

from {{ cookiecutter.project_slug }} import data, expectations, features, validation_views

SAMPLE = Path(__file__).parents[1] / "data" / "sample"


@pytest.fixture(scope="module")
def sample() -> data.Tables:
    return data.read(SAMPLE)


@pytest.fixture
def tables(sample: data.Tables) -> data.Tables:
    return {name: frame.copy() for name, frame in sample.items()}


def examine(tables: data.Tables, rows: dict[str, int] | None = None) -> validation.Report:
    return validation.run(expectations.raw(rows), expectations.views(tables))


def told(results: list[gx.Result]) -> set[tuple[str, str]]:
    return {(result["view"], result["description"]) for result in results}


def snapshot(source: Path, folder: Path) -> data.Tables:
    data.collect({"source": "files", "directory": str(source)}, folder)
    return data.read(folder)


def test_the_sample_has_no_fault(sample: data.Tables) -> None:
    report = examine(sample)
    assert report.errors == report.warnings == []


def test_real_seasons_have_no_error(real_f1: Path, tmp_path: Path) -> None:
    report = examine(snapshot(real_f1, tmp_path))
    assert report.errors == []
    assert {result["view"] for result in report.warnings} == {"qualifying", "constructor_points"}
    points = next(r for r in report.warnings if r["view"] == "constructor_points")
    assert points["unexpected"] == ["2018 Force India: 59", "2020 Racing Point: 15"]


def test_all_real_seasons_have_no_error(real_f1_1950: Path, tmp_path: Path) -> None:
    report = examine(snapshot(real_f1_1950, tmp_path))
    assert report.errors == []
    assert {result["view"] for result in report.warnings} == {
        "qualifying",
        "constructor_points",
        "driver_points_before_1991",
    }


def one_race(tables: data.Tables) -> pd.DataFrame:
    results = tables["results"].sort_values("position_order")
    newest: pd.DataFrame = results[results["race_id"] == tables["results"]["race_id"].iloc[-1]]
    return newest


def repeat_driver(tables: data.Tables) -> None:
    first, last = one_race(tables).index[[0, -1]]
    tables["results"].loc[last, "driver_id"] = tables["results"].loc[first, "driver_id"]


def repeat_place(tables: data.Tables) -> None:
    third = one_race(tables).index[2]
    tables["results"].loc[third, "position_order"] = 4


def add_winner(tables: data.Tables) -> None:
    tables["results"].loc[one_race(tables).index[1], "position"] = 1


def remove_winner(tables: data.Tables) -> None:
    tables["results"].loc[one_race(tables).index[0], "position"] = pd.NA


def take_points(tables: data.Tables) -> None:
    tables["results"].loc[one_race(tables).index[0], "points"] -= 1


def forget_standings(tables: data.Tables) -> None:
    races = tables["races"]
    ids = races.loc[races["year"] == 2020, "race_id"]
    for table in ("driver_standings", "constructor_standings"):
        tables[table] = tables[table][~tables[table]["race_id"].isin(ids)]


def lose_a_position(tables: data.Tables) -> None:
    tables["results"].loc[one_race(tables).index[3], "position"] = pd.NA


def negative_grid(tables: data.Tables) -> None:
    tables["results"].loc[5, "grid"] = -1


def unknown_driver(tables: data.Tables) -> None:
    tables["qualifying"].loc[5, "driver_id"] = "nobody"


def null_key(tables: data.Tables) -> None:
    tables["drivers"].loc[len(tables["drivers"])] = tables["drivers"].iloc[0]
    tables["drivers"].loc[len(tables["drivers"]) - 1, "driver_id"] = None


def wrong_year(tables: data.Tables) -> None:
    tables["races"].loc[40, "date"] = pd.Timestamp("2001-03-04")


def date_out_of_bounds(tables: data.Tables) -> None:
    tables["drivers"].loc[3, "dob"] = pd.Timestamp("1788-01-01")


def lose_the_head_of_a_race(tables: data.Tables) -> None:
    tables["results"] = tables["results"].drop(one_race(tables).index[:8])


def lose_the_tail_of_a_race(tables: data.Tables) -> None:
    tables["results"] = tables["results"].drop(one_race(tables).index[-8:])


def lose_the_starters_of_a_race(tables: data.Tables) -> None:
    tables["results"] = tables["results"].drop(one_race(tables).index[:-3])


def start_all_from_the_pit_lane(tables: data.Tables) -> None:
    tables["results"].loc[one_race(tables).index, "grid"] = 0


def start_many_from_the_pit_lane(tables: data.Tables) -> None:
    tables["results"].loc[tables["results"]["grid"] > 16, "grid"] = 0


def forget_many_start_places(tables: data.Tables) -> None:
    tables["results"].loc[::8, "grid"] = pd.NA


def lose_a_race(tables: data.Tables) -> None:
    results = tables["results"]
    tables["results"] = results[results["race_id"] != results["race_id"].iloc[0]]


ADDS_UP = "the points of a season's races and sprints add up to its final standing"
ONE_WINNER = "a race has exactly one winner"
COMPLETE = "the last place of a race is the number of its starters"
STARTERS = "a race with results has 5 to 60 starters"
CONTRADICTORY = "position is the number in positionText, and null where that is none"
PIT_LANE = "at most 50% of a race's starters start from the pit lane"
PIT_LANE_EVER = "at most 10% of all starts are from the pit lane"
UNKNOWN_EVER = "at most 10% of all start places are unknown"
RESULT_EACH = "at most 3 who qualified for a race have no result of it"

BREAKAGES: list[tuple[Callable[[data.Tables], None], set[tuple[str, str]]]] = [
    (repeat_driver, {("results", "one row for each race_id and driver_id")}),
    (repeat_place, {("results", "one row for each race_id and position_order")}),
    (add_winner, {("race_summary", ONE_WINNER), ("race_summary", CONTRADICTORY)}),
    (remove_winner, {("race_summary", ONE_WINNER), ("race_summary", CONTRADICTORY)}),
    (lose_a_position, {("race_summary", CONTRADICTORY)}),
    (take_points, {("driver_points", ADDS_UP)}),
    (forget_standings, {("driver_points", ADDS_UP)}),
    (negative_grid, {("results", "grid is between 0 and 34")}),
    (
        unknown_driver,
        {("references", "every id that a table uses is known to the table it names")},
    ),
    (null_key, {("drivers", "driver_id has no nulls")}),
    (wrong_year, {("race_summary", "the date of a race lies in its season")}),
    (date_out_of_bounds, {("drivers", "dob is between 1880-01-01 and 2100-12-31")}),
    (lose_the_tail_of_a_race, {("race_summary", RESULT_EACH)}),
    (
        lose_the_head_of_a_race,
        {
            ("race_summary", RESULT_EACH),
            ("race_summary", COMPLETE),
            ("race_summary", ONE_WINNER),
            ("driver_points", ADDS_UP),
        },
    ),
    (lose_a_race, {("driver_points", ADDS_UP)}),
    (
        lose_the_starters_of_a_race,
        {
            ("race_summary", STARTERS),
            ("race_summary", RESULT_EACH),
            ("driver_points", ADDS_UP),
            ("race_summary", COMPLETE),
            ("race_summary", ONE_WINNER),
        },
    ),
    (start_all_from_the_pit_lane, {("race_summary", PIT_LANE)}),
    (start_many_from_the_pit_lane, {("grids", PIT_LANE_EVER)}),
    (forget_many_start_places, {("grids", UNKNOWN_EVER)}),
]


@pytest.mark.parametrize(("damage", "errors"), BREAKAGES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_broken_table_is_an_error(
    tables: data.Tables, damage: Callable[[data.Tables], None], errors: set[tuple[str, str]]
) -> None:
    damage(tables)
    assert told(examine(tables).errors) == errors


def test_a_missing_column_is_named_and_fails_all_that_needs_it(tables: data.Tables) -> None:
    tables["results"] = tables["results"].drop(columns="grid")
    report = examine(tables)
    schema = next(r for r in report.errors if r["expectation"] == "ExpectTableColumnsToMatchSet")
    assert (schema["view"], schema["observed"]) == ("results", "missing: grid")
    assert ("results", "grid is between 0 and 34") in told(report.errors)
    assert ("race_summary", ONE_WINNER) in told(report.errors)


def test_a_missing_table_is_an_error(tables: data.Tables) -> None:
    del tables["circuits"]
    assert "circuits" in {result["view"] for result in examine(tables).errors}


def test_an_empty_table_is_an_error_unless_it_may_be(tables: data.Tables) -> None:
    races = tables["races"]
    tables["sprint_results"] = tables["sprint_results"].iloc[:0]
    without_sprints = races.loc[races["year"] < 2022, "race_id"]
    for table in ("results", "qualifying", "driver_standings", "constructor_standings"):
        tables[table] = tables[table][tables[table]["race_id"].isin(without_sprints)]
    assert examine(tables).errors == []
    tables["status"] = tables["status"].iloc[:0]
    assert ("status", "it has rows") in told(examine(tables).errors)


def test_nulls_beyond_the_usual_share_are_a_warning(tables: data.Tables) -> None:
    tables["qualifying"].loc[::10, "q1"] = np.nan
    report = examine(tables)
    assert report.passed
    assert told(report.warnings) == {("qualifying", "at most 5% of q1 are null")}


def test_a_driver_who_qualified_twice_is_a_warning(tables: data.Tables) -> None:
    again = tables["qualifying"].iloc[[-1]].assign(position=23)
    tables["qualifying"] = pd.concat([tables["qualifying"], again], ignore_index=True)
    report = examine(tables)
    assert report.passed
    assert told(report.warnings) == {("qualifying", "one row for each race_id and driver_id")}


@pytest.mark.parametrize("season", [1990, 1991])
def test_points_count_from_1991_on(tables: data.Tables, season: int) -> None:
    races = tables["races"]
    old = races["year"] == 2016
    races["date"] = races["date"].mask(old, pd.Timestamp(f"{season}-03-04"))
    races.loc[old, "year"] = season
    first = tables["results"]["race_id"] == races["race_id"].iloc[0]
    tables["results"].loc[first, "points"] = 0.0
    report = examine(tables)
    failed = {result["view"] for result in (report.errors if season == 1991 else report.warnings)}
    assert ("driver_points" if season == 1991 else "driver_points_before_1991") in failed
    assert report.passed == (season == 1990)


def test_starters_without_qualifying_are_a_warning(tables: data.Tables) -> None:
    qualifying = tables["qualifying"]
    newest = qualifying["race_id"] == tables["results"]["race_id"].iloc[-1]
    tables["qualifying"] = qualifying[~newest]
    report = examine(tables)
    assert report.passed
    [warning] = report.warnings
    assert warning["description"] == "at most 30% of a race's starters lack qualifying"
    assert warning["unexpected"] == ["2025 round 10: 1"]


def test_an_unknown_start_place_is_a_warning_and_the_qualifying_stands_in(
    tables: data.Tables,
) -> None:
    newest = one_race(tables)
    tables["results"].loc[newest.index[:2], "grid"] = pd.NA
    report = examine(tables)
    assert report.passed
    assert told(report.warnings) == {
        ("race_summary", "every starter of a race has a known start place")
    }
    built = features.build(tables).set_index(["group", "entity"]).sort_index()
    for row in newest.index[:2]:
        race = tuple(tables["results"].loc[row, ["race_id", "driver_id"]])
        assert built.loc[race, "grid"] == built.loc[race, "qualifying"]
    known = features.online_features(tables)["races"]
    rounds = [race["request"]["round"] for race in known]
    assert rounds == [*range(1, 10), 11]  # the last one is to come


def test_a_race_without_results_before_the_newest_is_a_warning_that_names_it(
    tables: data.Tables,
) -> None:
    lose_a_race(tables)
    warning = next(w for w in examine(tables).warnings if "cancelled" in w["description"])
    assert warning["unexpected"] == ["2016 round 1: 0"]


def test_a_missing_table_of_sprints_is_named_where_points_do_not_add_up(
    tables: data.Tables,
) -> None:
    tables["sprint_results"] = tables["sprint_results"].iloc[:0]
    (error,) = examine(tables).errors
    assert error["view"] == "driver_points_without_sprints"
    assert "sprint_results.csv is likely to be missing" in error["description"]


def test_constructors_points_are_a_warning(tables: data.Tables) -> None:
    standings = tables["constructor_standings"]
    newest = standings["race_id"] == standings["race_id"].iloc[-1]
    standings.loc[newest, "points"] += 15
    report = examine(tables)
    assert report.passed
    assert told(report.warnings) == {("constructor_points", ADDS_UP)}


def test_a_season_under_way_may_have_no_standings_yet(tables: data.Tables) -> None:
    for table in ("driver_standings", "constructor_standings"):
        newest = tables["results"]["race_id"].iloc[-1]
        tables[table] = tables[table][tables[table]["race_id"] != newest]
    report = examine(tables)
    assert report.errors == report.warnings == []


def test_a_sprint_may_come_before_its_race(tables: data.Tables) -> None:
    held = tables["results"]["race_id"].unique()
    coming = next(race for race in tables["races"]["race_id"] if race not in held)
    sprint = tables["sprint_results"].iloc[-20:].assign(race_id=coming)
    tables["sprint_results"] = pd.concat([tables["sprint_results"], sprint], ignore_index=True)
    report = examine(tables)
    assert report.errors == report.warnings == []


@pytest.mark.parametrize(
    ("factor", "warned"), [(1.01, True), (1, False), (0.7, False), (0.6, True)]
)
def test_row_counts_are_held_against_the_last_snapshot(
    sample: data.Tables, factor: float, warned: bool
) -> None:
    rows = {"results": int(factor * len(sample["results"])), "sprint_results": 0}
    report = examine(sample, rows)
    assert report.passed
    assert [result["view"] for result in report.warnings] == ["results"] * warned


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two races of three starters whose features all have their defaults."""
    labels = pd.DataFrame(
        {
            "period": 2024,
            "group": ["1", "1", "1", "2", "2", "2"],
            "date": pd.Timestamp("2024-03-02"),
            "entity": ["a", "b", "c", "a", "b", "c"],
            "target": [2.0, 1.0, 3.0, 3.0, 2.0, 1.0],
        }
    )
    defaults = {f.name: np.full(6, f.default, dtype=np.float32) for f in features.FEATURES}
    return labels.assign(**defaults)


def examine_features(frame: pd.DataFrame) -> validation.Report:
    return validation.run(expectations.feature(), expectations.feature_views(frame))


def test_a_sound_feature_table_has_no_fault(frame: pd.DataFrame) -> None:
    report = examine_features(frame)
    assert report.errors == report.warnings == []
    assert len(report.results) == len(expectations.feature())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9])
def test_a_feature_must_be_a_plausible_number(frame: pd.DataFrame, value: float) -> None:
    name = features.FEATURES[-1].name
    frame.loc[4, name] = value
    [error] = examine_features(frame).errors
    assert error["view"] == "feature_columns"
    assert error["unexpected"] == [f"{name}: 1"]


@pytest.mark.parametrize("targets", [[1, 1, 3], [1, 2, 4], [1.5, 1.5, 3], [0, 1, 2]])
def test_targets_must_be_ranks(frame: pd.DataFrame, targets: list[float]) -> None:
    frame.loc[3:, "target"] = np.array(targets, dtype=float)
    [error] = examine_features(frame).errors
    assert error["view"] == "feature_races"
    assert error["unexpected"][0].startswith("2: ")


def test_a_driver_has_one_feature_row_in_a_race(frame: pd.DataFrame) -> None:
    frame.loc[5, "entity"] = "a"
    assert told(examine_features(frame).errors) == {
        ("features", "one row for each group and entity")
    }


@given(st.lists(st.permutations(range(1, 6)), min_size=1, max_size=4))
def test_any_order_of_ranks_is_a_ranking(races: list[list[int]]) -> None:
    frame = pd.concat(
        [pd.DataFrame({"group": str(n), "target": order}) for n, order in enumerate(races)],
        ignore_index=True,
    )
    assert (
        validation_views.feature_views(frame, {"target": (0, 99)})["feature_races"]["misplaced"]
        == 0
    ).all()


def test_the_feature_table_of_the_sample_has_no_fault(sample: data.Tables) -> None:
    report = examine_features(features.build(sample))
    assert report.errors == report.warnings == []


def test_the_feature_table_of_all_real_seasons_has_no_fault(
    real_f1_1950: Path, tmp_path: Path
) -> None:
    report = examine_features(features.build(snapshot(real_f1_1950, tmp_path)))
    assert report.errors == report.warnings == []
