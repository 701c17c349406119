"""Requests of a table: what is refused, what is warned of, and rows of CSV files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import fastjsonschema
import numpy as np
import pytest
from smallboat.errors import RequestError
from smallboat.table import data, features, requests
from typed_tables import BINARY, COLUMNS, nothing, rows

VALID = fastjsonschema.compile(requests.schema(BINARY))
ONLINE = features.online_features(BINARY, rows(BINARY))
ROW = {
    "age": 41,
    "MS SubClass": 2.5,
    "city": "Köln",
    "member": True,
    "joined": "2024-03-02T10:30:00",
}


def asked(*rows: dict[str, Any]) -> Any:
    """The inputs of rows, and the warnings."""
    request = VALID({"rows": list(rows)})
    requests.check(BINARY, request)
    return requests.features(BINARY, nothing, request, ONLINE)


def test_a_field_that_is_left_out_or_null_is_missing() -> None:
    inputs, warnings = asked({}, dict.fromkeys(ROW))
    missing = [feature.missing for feature in BINARY.features]
    for row in inputs:
        assert np.isnan(row).tolist() == missing
        assert row[~np.isnan(row)].tolist() == [0.0]  # the category
    assert warnings == []


def test_a_required_field_must_be_there_and_may_be_null() -> None:
    columns = tuple(replace(column, required=column.name == "age") for column in COLUMNS)
    valid = fastjsonschema.compile(requests.schema(replace(BINARY, columns=columns)))
    valid({"rows": [{"age": None}]})
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match="age"):
        valid({"rows": [{}]})


@pytest.mark.parametrize(
    "row",
    [
        {"age": "41"},
        {"age": True},
        {"city": 5},
        {"member": "yes"},
        {"member": 1},
        {"joined": 20240302},
        {"surplus": 1},
        {"city": "x" * 1001},
    ],
)
def test_a_value_of_another_type_is_refused_by_the_schema(row: dict[str, Any]) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        VALID({"rows": [ROW, row]})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"joined": "2.3.2024"}, r"rows\[1\].joined is no date: send it as 2024-03-02"),
        ({"joined": "2024-02-30"}, r"rows\[1\].joined is no date"),
        ({"age": 1e39}, r"rows\[1\].age is larger than float32 can hold"),
        ({"age": 10**400}, r"rows\[1\].age is larger than float32 can hold"),
    ],
)
def test_what_the_schema_can_not_refuse_is_refused_by_name(row: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        asked(ROW, row)


@pytest.mark.parametrize(
    ("row", "warning"),
    [
        ({"city": "Ulm"}, "rows[1].city: 'Ulm' is unknown, it counts as any other unknown value"),
        ({"age": 121}, "rows[1].age: 121 is outside of 0 to 120"),
        ({"MS SubClass": 99}, "rows[1].MS SubClass: 99 is outside of 1 to 8"),
    ],
)
def test_what_is_unusual_is_answered_with_a_warning(row: Any, warning: str) -> None:
    assert asked(ROW, {**ROW, **row})[1] == [warning]


def test_a_time_with_a_zone_is_the_same_moment_in_utc() -> None:
    one, _ = asked({"joined": "2024-03-02T00:30:00+02:00"})
    other, _ = asked({"joined": "2024-03-01T22:30:00"})
    assert np.array_equal(one, other, equal_nan=True)


def test_rows_of_a_csv_file_are_requests_and_wrong_cells_stay_text() -> None:
    row = {"age": "4,5", "city": " Köln ", "member": "Yes", "joined": "02.03.2024", "other": "x"}
    joined = replace(COLUMNS[-1], format="%d.%m.%Y")
    table = replace(BINARY, decimal=",", columns=(*COLUMNS[:-1], joined))
    (request,) = requests.from_csv(table, [row, {"age": "four", "member": "maybe"}])
    expected = {"age": 4.5, "city": "Köln", "member": True, "joined": "2024-03-02T00:00:00"}
    assert request == {"rows": [expected, {"age": "four", "member": "maybe"}]}


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize(
    "text", ["1.5", "1,5", "1.234", "1,234", "1.234,5", "1,234,567.5", "12,34", "NA", "?", "x", ""]
)
def test_a_number_in_a_csv_file_is_the_one_that_training_reads(
    tmp_path: Path, text: str, decimal: Any
) -> None:
    table = replace(BINARY, columns=COLUMNS[:1], decimal=decimal)
    (tmp_path / "t.csv").write_text(f'age;x\n"{text}";1\n')
    ((_, frame),) = data.pieces(table, tmp_path / "t.csv", 2048)
    ((request,),) = [each["rows"] for each in requests.from_csv(table, [{"age": text}])]
    asked = request["age"]
    assert (None if isinstance(asked, str) else asked) == frame["age"].replace(np.nan, None)[0]
    assert isinstance(asked, str) == (frame["age"].isna()[0] and text not in ("NA", "?", ""))


def test_many_rows_become_requests_of_a_thousand() -> None:
    made = requests.from_csv(BINARY, [{"age": "1"}] * 2500)
    assert [len(each["rows"]) for each in made] == [1000, 1000, 500]


def test_a_row_may_have_the_id_that_the_table_has() -> None:
    table = replace(BINARY, id="customer no.")
    valid = fastjsonschema.compile(requests.schema(table))
    given = [{"customer no.": each} for each in ("C/7", 12, 12.0, 0, "", None)]
    request = valid({"rows": [*given, {}]})
    assert requests.keys(table, request) == ["C/7", "12", "12", "0", "", "", ""]
    features, _ = requests.features(table, nothing, request, ONLINE)
    assert features.shape == (7, len(BINARY.features))
    (made,) = requests.from_csv(table, [{"age": "4", "customer no.": " 007 "}, {"age": "5"}])
    assert requests.keys(table, valid(made)) == ["007", ""]


def test_without_an_id_there_are_no_keys() -> None:
    table = replace(BINARY, id="")
    assert requests.keys(table, {"rows": [{"id": "1"}]}) == []
    assert requests.from_csv(table, [{"": "0", "age": "4"}]) == [{"rows": [{"age": 4.0}]}]
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match="id"):
        fastjsonschema.compile(requests.schema(table))({"rows": [{"id": "1"}]})
