"""From typed columns to the feature table, and to the online features."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from smallboat.errors import UserError
from smallboat.table import encoding, features, requests
from smallboat.table.data import Rows
from smallboat.table.schema import Column, Table, slice_column
from typed_tables import BINARY, MULTICLASS, REGRESSION, nothing, rows


@pytest.mark.parametrize("table", [BINARY, MULTICLASS, REGRESSION], ids=lambda t: str(t.kind))
def test_a_request_makes_the_inputs_that_its_row_has_in_training(table: Table) -> None:
    made = rows(table)
    frame = features.build(table, made, nothing)
    online = json.loads(json.dumps(features.online_features(table, made), allow_nan=False))
    asked, warnings = requests.features(table, nothing, {"rows": online["examples"]}, online)
    names = [feature.name for feature in table.features]
    assert warnings == []
    assert np.array_equal(asked, frame[names].to_numpy()[-len(asked) :], equal_nan=True)


def test_the_target_is_a_number_in_the_order_of_the_classes() -> None:
    made = rows(MULTICLASS)
    frame = features.build(MULTICLASS, made, nothing)
    named = np.array(MULTICLASS.classes)[frame["target"].astype(int)]
    assert named.tolist() == made.frame["left"].tolist()


@pytest.mark.parametrize("time", ["", "joined"])
def test_the_truth_of_a_row_is_found_by_its_id(time: str) -> None:
    table, made = replace(BINARY, id="id", time=time), rows(BINARY)
    made.frame["id"] = [f"0{number}" for number in range(400)]
    made.frame.loc[3, "left"] = None
    frame = features.build(table, made, nothing)
    found = features.truth(table, made, ["", "07", "03", "0399", "07", "9"])
    assert sorted(found.index) == ["0399", "07"]
    told = frame.set_index(made.frame["id"][made.frame["left"].notna()].to_numpy())
    if not time:
        same = [name for name in found if name != "known_at"]
        expected = told.loc[found.index, same].set_axis(found.index)
        pd.testing.assert_frame_equal(found[same], expected)
        assert found["known_at"].isna().all()
    else:
        assert (found["known_at"] == found["date"]).all()
    made.frame["id"] = "the same"
    assert len(features.truth(table, made, ["the same"])) == 1


def test_rows_without_a_target_are_left_out() -> None:
    made = rows(BINARY)
    made.frame.loc[:9, "left"] = None
    assert len(features.build(BINARY, made, nothing)) == 390


@pytest.mark.parametrize("named", [{}, {"id": "id"}, {"group": "household"}])
def test_a_row_keeps_its_fold_and_its_bucket_whatever_comes_beside_it(named: Any) -> None:
    table, made = replace(BINARY, **named), rows(BINARY)
    whole = features.build(table, made, nothing)[["period", "group"]].to_numpy()
    order = np.random.default_rng(1).permutation(400)[:150]
    part = features.build(table, Rows(made.frame.iloc[order], {}), nothing)
    assert np.array_equal(part[["period", "group"]].to_numpy(), whole[order])


@pytest.mark.parametrize(
    ("named", "folds"),
    [("id", [3, 5, 2, 1, 5, 2, 2, 3, 5, 8, 7, 9]), ("", [3, 6, 4, 5, 5, 2, 2, 4, 8, 5, 5, 1])],
)
def test_folds_are_the_same_forever(named: str, folds: list[int]) -> None:
    frame = features.build(replace(BINARY, id=named), rows(BINARY), nothing)
    assert frame["period"].head(12).tolist() == folds
    assert set(frame["period"]) == set(range(10))
    assert "date" not in frame


def test_a_group_is_never_split() -> None:
    table, made = replace(BINARY, group="household", id="id"), rows(BINARY)
    frame = features.build(table, made, nothing)
    for name in ("period", "group"):
        assert frame.groupby(made.frame["household"])[name].nunique().max() == 1


def test_with_a_time_rows_are_sorted_by_it_and_split_by_its_periods() -> None:
    table = replace(BINARY, time="seen", period="quarter")
    frame = features.build(table, rows(BINARY), nothing)
    assert frame["date"].is_monotonic_increasing
    assert frame["period"].unique().tolist() == [20231, 20232, 20233, 20234, 20241]


def test_examples_are_the_newest_rows() -> None:
    made = rows(BINARY)
    made.frame.loc[3, "seen"] = pd.NaT
    online = features.online_features(replace(BINARY, time="seen"), made)
    newest = [each["joined"] for each in online["examples"]]  # the first row is the newest one
    days = ("2020-03-05", "2020-03-04", "2020-03-02", "2020-03-01", "2020-02-29")
    assert newest == [f"{day}T13:30:00" for day in days]


@pytest.mark.parametrize(
    ("period", "number"),
    [("year", 2024), ("quarter", 20243), ("month", 202408), ("week", 202433), ("day", 20240815)],
)
def test_a_period_is_a_number_that_people_can_read(period: Any, number: int) -> None:
    made = rows(BINARY, size=1)
    made.frame["seen"] = pd.Timestamp("2024-08-15 09:00")
    frame = features.build(replace(BINARY, time="seen", period=period), made, nothing)
    assert frame["period"].tolist() == [number]


def test_there_are_at_most_200_buckets() -> None:
    frame = features.build(BINARY, rows(BINARY, 5000), nothing)
    assert set(frame["group"]) == set(range(200))


def test_features_of_the_projects_own_are_computed_of_the_inputs() -> None:
    def derive(inputs: Any) -> dict[str, Any]:
        return {"double": 2 * inputs["age"]}

    made = rows(BINARY)
    frame = features.build(BINARY, made, derive)
    assert np.array_equal(frame["double"], 2 * frame["age"], equal_nan=True)
    online = features.online_features(BINARY, made)
    asked, _ = requests.features(BINARY, derive, {"rows": online["examples"]}, online)
    assert np.array_equal(asked[:, -1], frame["double"].tail(5), equal_nan=True)


def test_slices_are_text_beside_the_numbers_of_a_category() -> None:
    made = rows(BINARY)
    frame = features.build(replace(BINARY, slices=("city",)), made, nothing)
    told = made.frame["city"].astype("str").fillna("missing")
    assert frame[slice_column("city")].tolist() == told.tolist()


def test_categories_of_the_same_number_are_refused_by_name(monkeypatch: Any) -> None:
    monkeypatch.setattr(encoding, "code", lambda text: 5.0)
    with pytest.raises(UserError, match=r"column city: .* have the same number in the model"):
        features.build(BINARY, rows(BINARY), nothing)


@given(st.text(min_size=1))
def test_a_category_is_a_whole_number_that_float32_holds(text: str) -> None:
    number = encoding.code(text)
    assert np.float32(number) == number == round(number)
    assert number != encoding.MISSING
    assert encoding.codes([text, None, ""]).tolist() == [number, 0.0, 0.0]


def test_ten_thousand_categories_seldom_share_a_number() -> None:
    found = [len(encoding.collisions(f"{at} {n}" for n in range(10_000))) for at in range(20)]
    assert sum(found) <= 6


@given(st.datetimes())
def test_the_parts_of_a_date_are_those_of_the_calendar(time: Any) -> None:
    parts = encoding.date_parts(np.array([time, None], dtype="datetime64[s]"))
    found = {name: value[0] for name, value in parts.items()}
    assert found["year"] == time.year and found["month"] == time.month
    assert found["weekday"] == time.weekday() and found["hour"] == time.hour
    assert found["days"] == (time.date() - type(time.date())(1970, 1, 1)).days
    assert all(np.isnan(value[1]) for value in parts.values())


def test_a_release_knows_what_is_usual_and_which_categories_there_are() -> None:
    known = features.online_features(BINARY, rows(BINARY))
    assert "as_of" not in known
    assert set(known["columns"]["city"]["levels"]) == {"Köln", "O'Hare", 'a "b"\nc', "x,y"}
    assert known["columns"]["age"]["range"] == [18.0, 89.0]
    assert known["columns"]["joined"]["typical"].endswith("T13:30:00")
    timed = features.online_features(replace(BINARY, time="seen"), rows(BINARY))
    assert timed["as_of"] == "2024-02-04"


def test_a_column_without_values_has_nothing_typical() -> None:
    made = rows(BINARY)
    made.frame["age"] = np.nan
    made.frame["city"] = pd.Categorical([None] * 400)
    known = features.online_features(BINARY, made)["columns"]
    assert known["age"] == known["city"] == {"typical": None}


def test_columns_of_any_name_become_features() -> None:
    names = ["a.b", "a b", 'a"b', "a\nb", "select", "ä", "😀"]
    table = replace(BINARY, columns=tuple(Column(name, "number") for name in names))
    made = rows(BINARY)
    for name in names:
        made.frame[name] = 1.0
    assert list(features.build(table, made, nothing))[3:] == names


def test_what_scoring_counts_as_missing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    cells = ["4,1,Ulm,yes,2024-03-02", "old,1,Ulm,maybe,", "NA,,,,", ",x,,,2024-03-02", "1e39,2,,,"]
    file.write_text("\n".join(["age,MS SubClass,city,member,joined", *cells]) + "\n")
    ((raw, inputs),) = features.pieces(BINARY, file, 1000, nothing)
    assert len(raw) == len(inputs) == 5
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "warning: 2 values of age counted as missing, as 'old': not of the column's type",
        "warning: 1 value of MS SubClass counted as missing, as 'x': not of the column's type",
        "warning: 1 value of member counted as missing, as 'maybe': not of the column's type",
    ]
