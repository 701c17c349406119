"""The machinery of validation: nothing that fails, crashes or is missing may pass."""

import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pytest
from smallboat.errors import UserError
from smallboat.testing.toy.problem import PROBLEM as TOY
from smallboat.validation import checks, gx, validation
from smallboat.validation.checks import Check

FRAME = pd.DataFrame(
    {
        "key": ["a", "b", "b", None],
        "kind": "x",
        "value": pd.array([1, 2, 30, None], dtype="Int64"),
        "share": np.array([0, 0.5, np.inf, np.nan], dtype="float32"),
    }
)


SOUND = Check("table", gxe.ExpectColumnToExist(column="key"), "error", "it holds")
TOO_BIG = replace(SOUND, expectation=gxe.ExpectColumnValuesToBeBetween(column="value", max_value=9))


def only(check: Check, frame: pd.DataFrame = FRAME) -> gx.Result:
    [result] = validation.run([check], {"table": frame}).results
    return result


def test_a_check_that_holds_passes() -> None:
    report = validation.run([SOUND], {"table": FRAME})
    assert report.passed
    assert report.errors == report.warnings == []


def test_a_failure_tells_what_was_found_and_where() -> None:
    assert only(TOO_BIG) == {
        "view": "table",
        "expectation": "ExpectColumnValuesToBeBetween",
        "severity": "error",
        "description": "it holds",
        "passed": False,
        "observed": "1 of 4 rows",
        "unexpected": ["row 3: 30"],
    }


def test_an_index_of_text_names_the_examples() -> None:
    result = only(TOO_BIG, FRAME.set_axis(["spring", "summer", "autumn", "winter"]))
    assert result["unexpected"] == ["autumn: 30"]


@pytest.mark.parametrize(
    ("expectation", "observed", "unexpected"),
    [
        (gxe.ExpectColumnValuesToNotBeNull(column="key"), "1 of 4 rows", ["row 4: null"]),
        (
            gxe.ExpectColumnValuesToBeBetween(column="share", min_value=0, max_value=1),
            "1 of 4 rows",
            ["row 3: inf"],
        ),
        (
            gxe.ExpectCompoundColumnsToBeUnique(column_list=["key", "kind"]),
            "2 of 4 rows",
            ["row 2: key b, kind x", "row 3: key b, kind x"],
        ),
        (
            gxe.ExpectTableColumnsToMatchSet(column_set=["key", "age"], exact_match=False),
            "unexpected: kind, share, value; missing: age",
            [],
        ),
        (gxe.ExpectTableRowCountToBeBetween(min_value=5), "4", []),
    ],
)
def test_every_kind_of_answer_is_told(
    expectation: Any, observed: str, unexpected: list[str]
) -> None:
    result = only(replace(SOUND, expectation=expectation))
    assert not result["passed"]
    assert result["observed"] == observed
    assert result["unexpected"] == unexpected


def test_there_are_few_examples() -> None:
    frame = pd.DataFrame({"value": range(10, 2000)})
    result = only(TOO_BIG, frame)
    assert result["observed"] == "1,990 of 1,990 rows"
    assert len(result["unexpected"]) == gx.EXAMPLES


def test_a_crash_fails_its_check_alone() -> None:
    lost = replace(SOUND, expectation=gxe.ExpectColumnValuesToBeUnique(column="lost"))
    sound, crashed = validation.run([SOUND, lost], {"table": FRAME}).results
    assert sound["passed"]
    assert not crashed["passed"]
    assert crashed["observed"] == "there is no column lost"


def test_what_is_no_expectation_fails() -> None:
    [error] = validation.run([replace(SOUND, expectation="none")], {"table": FRAME}).errors
    assert error["observed"] == gx.UNFIT


def test_an_example_shows_what_its_ids_stand_for() -> None:
    drivers = pd.DataFrame({"driver_id": ["830", "1"], "name": ["Max Verstappen", None]})
    twice = pd.DataFrame({"race_id": ["7", "7", "8", "8"], "driver_id": ["830", "830", "1", "1"]})
    check = checks.unique("qualifying", ["race_id", "driver_id"], "warning")
    (result,) = validation.run([check], {"qualifying": twice, "drivers": drivers}).results
    assert result["unexpected"] == [
        "row 1: race_id 7, driver_id 830 (Max Verstappen)",
        "row 2: race_id 7, driver_id 830 (Max Verstappen)",
        "row 3: race_id 8, driver_id 1",
    ]


def test_a_missing_view_fails_its_checks() -> None:
    report = validation.run([SOUND, replace(SOUND, view="lost")], {"table": FRAME})
    [error] = report.errors
    assert (error["view"], error["observed"]) == ("lost", "there is no such table")


def test_the_same_expectation_may_stand_twice() -> None:
    report = validation.run([TOO_BIG, replace(TOO_BIG, severity="warning")], {"table": FRAME})
    assert len(report.errors) == len(report.warnings) == 1


def test_only_a_warning_is_let_through() -> None:
    assert validation.run([replace(TOO_BIG, severity="warning")], {"table": FRAME}).passed
    misspelt: Any = "Warning"
    assert not validation.run([replace(TOO_BIG, severity=misspelt)], {"table": FRAME}).passed


def test_errors_of_any_report_are_not_accepted() -> None:
    warned = validation.run([replace(TOO_BIG, severity="warning")], {"table": FRAME})
    failed = validation.run([SOUND, TOO_BIG], {"table": FRAME})
    validation.accept(warned)
    with pytest.raises(
        UserError, match=r"fails 1 expectation,.*table: it holds \(found 1 of 4 rows"
    ):
        validation.accept(warned, failed)


def test_a_table_that_could_not_be_made_is_not_told_beside_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = validation.run([TOO_BIG], {"table": FRAME})
    made = validation.crashed(TOY, "features", KeyError("grid"))
    with pytest.raises(UserError) as alone:
        validation.accept(made)
    assert re.search(r"the traceback is in \.cache/tracebacks/\w+\.txt", str(alone.value))
    assert "KeyError" not in str(alone.value)
    with pytest.raises(UserError, match=r"fails 1 expectation,") as both:
        validation.accept(failed, made)
    assert "traceback" not in str(both.value)


@pytest.mark.parametrize("value", [["a"], {"b": 1}, "text", pd.Timestamp("2024-03-02")])
def test_no_error_of_the_engine_is_told(value: Any) -> None:
    frame = pd.DataFrame({"key": ["a", "b"], "value": pd.Series([1, value], dtype=object)})
    result = only(TOO_BIG, frame)
    assert not result["passed"]
    assert "Error" not in result["observed"] and "Exception" not in result["observed"]


def test_results_keep_the_order_of_the_checks_and_are_plain_values() -> None:
    checks = [
        replace(TOO_BIG, view=view, description=str(n))
        for n, view in enumerate(["table", "other", "table", "lost"])
    ]
    report = validation.run(checks, {"table": FRAME, "other": FRAME})
    assert [result["description"] for result in report.results] == ["0", "1", "2", "3"]
    assert json.loads(json.dumps(report.results)) == report.results


def test_the_table_puts_errors_first() -> None:
    checks = [
        replace(SOUND, description="key exists"),
        replace(TOO_BIG, severity="warning", description="value is small"),
        replace(TOO_BIG, description="value is tiny"),
    ]
    assert validation.run(checks, {"table": FRAME}).table().splitlines() == [
        "3 expectations: 1 error, 1 warning",
        "error: table: value is tiny, found 1 of 4 rows; row 3: 30",
        "warning: table: value is small, found 1 of 4 rows; row 3: 30",
    ]


def test_it_works_without_a_network_and_in_silence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert validation.run([SOUND], {"table": FRAME}).passed
    assert capfd.readouterr() == ("", "")
