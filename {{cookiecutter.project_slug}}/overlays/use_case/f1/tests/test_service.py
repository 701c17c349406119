"""A race on its way into the model and back: checks, places, reasons, what always holds."""

import copy
import json
from typing import Any

import fastjsonschema
import numpy as np
import pytest
import seasons
from hypothesis import given
from hypothesis import strategies as st
from smallboat.errors import RequestError

from {{ cookiecutter.project_slug }} import features, metrics, service
from {{ cookiecutter.project_slug }}.inputs import NAMES, Array

TABLES = seasons.make()
ONLINE = json.loads(json.dumps(features.online_features(TABLES)))
FRAME = features.build(TABLES)
EVALUATION = {"calibration": metrics.calibration(FRAME, metrics.baseline(FRAME))}
RACE = ONLINE["races"][-2]["request"]  # finished
VALID = fastjsonschema.compile(service.SCHEMA)


def _by_grid(values: Array) -> Array:
    """A model that believes the grid, and the driver's form a little."""
    form = values[:, NAMES.index("driver_finish")]
    return values[:, 0].astype(np.float64) + form


def _ask(requests: list[Any]) -> list[Any]:
    return [_answer(request) for request in requests]


def _answer(request: Any, model: Any = _by_grid) -> dict[str, Any]:
    values, warnings = service.features(request, ONLINE)
    shown = service.predictions(request, model(values), values, EVALUATION)
    return {"predictions": shown, "warnings": warnings}


def test_every_known_race_is_a_valid_request() -> None:
    for race in ONLINE["races"]:
        VALID(race["request"])
        service.check(race["request"], ONLINE)
        about = {key: race["request"][key] for key in ("season", "round")}
        assert service.known(ONLINE, about) == race["request"]
    assert [race["request"]["round"] for race in ONLINE["races"]] == [1, 2, 3, 4, 5, 6, 7]


def test_a_known_race_has_the_grid_and_the_qualifying_of_the_tables() -> None:
    results = TABLES["results"].query("race_id == 'r17'").set_index("driver_id")["grid"]
    refs = TABLES["drivers"].set_index("driver_id")["ref"]
    found = {entry["driver"]: entry for entry in RACE["grid"]}
    assert {refs[driver]: grid for driver, grid in results.items()} == {
        name: entry["grid"] for name, entry in found.items()
    }
    pole = min(found.values(), key=lambda entry: entry["qualifying_position"])
    assert pole["gap_to_pole"] >= 0


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"season": 2003, "round": 8}, "grid"),
        ({"season": "2003", "round": "x"}, "round"),
        ({"season": 2003}, "round"),
        ({"season": "1e400", "round": 1}, "season"),
        ({"season": None, "round": [1]}, "season"),
        ({"season": 2003, "round": 1, "lap": 1}, "lap"),
        ({}, "season"),
    ],
)
def test_a_race_that_is_not_known_is_refused_by_its_field(asked: Any, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        service.known(ONLINE, asked)
    assert refused.value.field == field
    assert (refused.value.message == "is missing") == (field not in {**asked, "grid": 0})


@pytest.mark.parametrize(
    ("row", "change", "field"),
    [
        (3, {"driver": "driver_0"}, "grid[3].driver"),
        (3, {"driver": "d0"}, "grid[3].driver"),
        (3, {"grid": 1}, "grid[3].grid"),
    ],
)
def test_what_a_schema_can_not_say_is_refused_by_its_field(
    row: int, change: dict[str, Any], field: str
) -> None:
    grid = sorted(copy.deepcopy(RACE["grid"]), key=lambda entry: entry["driver"])
    grid = [{**entry, "grid": place} for place, entry in enumerate(grid, start=1)]
    service.check({**RACE, "grid": grid}, ONLINE)
    grid[row] |= change
    with pytest.raises(RequestError) as refused:
        service.check({**RACE, "grid": grid}, ONLINE)
    assert refused.value.field == field


def test_many_cars_may_start_from_the_pit_lane() -> None:
    service.check({**RACE, "grid": [{**entry, "grid": 0} for entry in RACE["grid"]]}, ONLINE)


@pytest.mark.parametrize("cars", [0, 61])
def test_no_car_and_61_cars_are_refused(cars: int) -> None:
    grid = [{"driver": f"n{n}", "constructor": "t", "grid": 0} for n in range(cars)]
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match=r"data\.grid"):
        VALID({**RACE, "grid": grid})


@given(cars=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_any_field_gets_places_bands_and_shares_that_add_up(cars: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.permutation(60)[:cars] + 1
    grid = [
        {"driver": f"n{n}", "constructor": "t", "grid": int(place)}
        for n, place in enumerate(places)
    ]
    request = {**RACE, "grid": grid}
    VALID(request)
    shown = _answer(request, lambda values: rng.normal(size=len(values)))["predictions"]
    assert [each["position"] for each in shown] == list(range(1, cars + 1))
    assert {each["driver"] for each in shown} == {entry["driver"] for entry in grid}
    assert sorted(shown, key=lambda each: each["score"]) == shown
    assert all(1 <= each["low"] <= each["high"] <= cars for each in shown)
    assert all(0 <= each["win"] <= each["podium"] <= 1 for each in shown)
    assert sum(each["win"] for each in shown) == pytest.approx(1, abs=0.01)
    assert sum(each["podium"] for each in shown) == pytest.approx(min(3, cars), abs=0.01)
    assert sorted(shown, key=lambda each: -each["win"]) == shown


def test_equal_answers_keep_the_order_of_the_start() -> None:
    shown = _answer(RACE, lambda values: np.zeros(len(values)))["predictions"]
    assert [each["grid"] for each in shown] == sorted(each["grid"] for each in shown)


def test_the_feature_that_decides_is_the_strongest_reason() -> None:
    values, _ = service.features(RACE, ONLINE)
    reasons = service.explain(_by_grid(values), values, _by_grid, ONLINE)
    shown = _answer(RACE)["predictions"]
    first, last = reasons[0][0], reasons[-1][0]
    assert (first["feature"], first["value"]) == ("grid", shown[0]["grid"])
    assert first["places"] == pytest.approx(-4.5, abs=0.6)
    assert (last["feature"], last["value"]) == ("grid", shown[-1]["grid"])
    assert last["places"] == pytest.approx(4.5, abs=0.6)
    assert {reason["feature"] for each in reasons for reason in each} <= {"grid", "driver_finish"}


def test_one_car_needs_no_reason() -> None:
    values, _ = service.features({**RACE, "grid": RACE["grid"][:1]}, ONLINE)
    assert service.explain(_by_grid(values), values, _by_grid, ONLINE) == [[]]


@pytest.mark.parametrize(
    ("season", "number", "message"),
    [(2003, 6, "know how this race"), (2004, 2, "are not in them"), (2003, 8, "are not in them")],
)
def test_features_too_new_or_too_old_give_a_warning(season: int, number: int, message: str) -> None:
    warnings = _answer({**RACE, "season": season, "round": number})["warnings"]
    assert [ONLINE["as_of"] in told and message in told for told in warnings] == [True]


@pytest.mark.parametrize(("season", "number"), [(2003, 7), (2004, 1)])
def test_of_the_next_race_nothing_is_to_be_told(season: int, number: int) -> None:
    assert _answer({**RACE, "season": season, "round": number})["warnings"] == []


def test_csv_rows_of_one_race_are_one_request() -> None:
    rows = [
        {"season": "2004", "round": "1", "circuit": "c0", "driver": f"d{n}", "constructor": "7",
         "grid": str(n + 1), "gap_to_pole": "0.25" if n else ""}
        for n in range(3)
    ]  # fmt: skip
    first, second = service.from_csv([*rows, {**rows[0], "round": "2"}])
    assert [len(request["grid"]) for request in (first, second)] == [3, 1]
    assert first["grid"][0] == {"driver": "d0", "constructor": "7", "grid": 1}
    assert first["grid"][1]["gap_to_pole"] == 0.25
    for request in (first, second):
        VALID(request)


def test_a_key_names_race_and_driver_in_the_order_of_the_grid() -> None:
    cars = [{"driver": name, "constructor": "7", "grid": 0} for name in ("a/b", "Räikkönen")]
    request = {"season": 2004.0, "round": 1, "circuit": "c", "grid": cars}
    VALID(request)
    assert service.keys(request) == ["2004/1/a/b", "2004/1/Räikkönen"]


@pytest.mark.parametrize("cell", ["nan", "inf", "-1e999", "x", "0x1", "1.5"])
def test_a_csv_cell_that_is_no_place_is_left_to_the_schema(cell: str) -> None:
    row = {"season": "2004", "round": "1", "circuit": "c", "driver": "d", "constructor": "t",
           "grid": cell}  # fmt: skip
    (request,) = service.from_csv([row])
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match="grid"):
        VALID(request)


def test_a_good_model_passes_the_invariants() -> None:
    assert all(ok for _, ok, _ in service.invariants(_ask, ONLINE))


def _last_row_first(values: Array) -> Array:
    return _by_grid(values) - 30.0 * (np.arange(len(values)) == len(values) - 1)


def _backwards(values: Array) -> Array:
    return -values[:, 0].astype(np.float64)


@pytest.mark.parametrize(
    ("model", "broken"),
    [(_last_row_first, "order of the rows"), (_backwards, "moved back")],
)
def test_a_bad_model_breaks_its_invariant(model: Any, broken: str) -> None:
    found = service.invariants(lambda requests: [_answer(r, model) for r in requests], ONLINE)
    assert any(broken in name for name, ok, _ in found if not ok)


def test_a_model_that_hides_its_guesses_breaks_an_invariant() -> None:
    found = service.invariants(lambda all_: [{**a, "warnings": []} for a in _ask(all_)], ONLINE)
    assert [(name, message) for name, ok, message in found if not ok] == [
        ("unknown names are answered with a warning", "0 of 3 named, 10 of 10 cars answered")
    ]


def test_a_model_that_leaves_a_stranger_out_breaks_an_invariant() -> None:
    def shy(requests: list[Any]) -> list[Any]:
        answers = _ask(requests)
        for answer in answers:
            if any("unknown" in warning for warning in answer["warnings"]):
                answer["predictions"].pop()
        return answers

    found = service.invariants(shy, ONLINE)
    failed = [message for _, ok, message in found if not ok]
    assert failed == ["3 of 3 named, 9 of 10 cars answered"]


def test_an_answer_that_depends_on_its_batch_breaks_an_invariant() -> None:
    def drifting(requests: list[Any]) -> list[Any]:
        return [_answer(r, lambda values: _by_grid(values) + len(requests)) for r in requests]

    found = {name: ok for name, ok, _ in service.invariants(drifting, ONLINE)}
    assert not found["a batch is answered as its requests are one by one"]


def test_the_page_offers_names_and_races() -> None:
    page = service.page(ONLINE)
    assert {"id": "driver_3", "name": "Driver 3"} in page["drivers"]
    assert set(page) == {"circuits", "constructors", "drivers", "races"}
    assert page["races"][-1]["request"] == service.example(ONLINE)


def test_where_the_grid_of_the_race_to_come_is_from_is_told_until_it_is_changed() -> None:
    race = service.example(ONLINE)
    assert (race["season"], race["round"]) == (2003, 7)
    assert _answer(race)["warnings"] == [ONLINE["races"][-1]["note"]]
    assert _answer({**race, "grid": race["grid"][::-1]})["warnings"] != []
    first, second, *rest = race["grid"]
    swapped = [{**first, "grid": second["grid"]}, {**second, "grid": first["grid"]}, *rest]
    assert _answer({**race, "grid": swapped})["warnings"] == []


def test_a_round_that_was_left_out_is_not_missed() -> None:
    tables = seasons.before(TABLES, "r16")
    races = tables["races"]
    online = features.online_features(tables | {"races": races[races["race_id"] != "r16"]})
    race = service.example(online)
    assert (online["round"], race["round"]) == (4, 6)
    assert "not in them" not in " ".join(service.features(race, online)[1])
