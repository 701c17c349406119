"""What people read at the end of `make train`."""

from pathlib import Path
from typing import Any

import pytest
from smallboat.reports import report

SCORES = {"error": 3.0, "hits": 0.7}
DIFFERENCE = {"value": -0.25, "low": -0.5, "high": 0.125}


def evaluation(**changed: Any) -> dict[str, Any]:
    known = {"metrics": SCORES, "baseline": SCORES}
    ridge = known | {"candidate": "ridge", "score": 3.0, "trials": [1, 2]}
    forest = known | {"candidate": "forest", "score": 2.0, "trials": [1]}
    gate = {"gate": "parity", "expected": "<= 1", "actual": "2", "passed": False,
            "warning": None, "next_step": "change it"}  # fmt: skip
    return {
        "run": "7",
        "snapshot": "abc",
        "periods": {"validation": [2022, 2022], "test": [2023, 2024]},
        "candidates": [ridge | {"disqualified": None}, forest | {"disqualified": "it differs"}],
        "failures": {"boosting": "it crashed"},
        "tied": ["ridge", "boosting"],
        "winner": "ridge",
        "primary": "hits",
        "warnings": [],
        "metrics": {"validation": SCORES, "test": SCORES},
        "baseline": {"validation": SCORES, "test": SCORES},
        "difference": {name: DIFFERENCE for name in SCORES},
        "gates": [gate],
        "passed": False,
        "model_hash": "0123",
    } | changed


def test_candidates_are_listed_best_first_with_what_kept_them_out() -> None:
    told = report.table(evaluation(), [])
    assert told.index("forest") < told.index("* ridge") < told.index("boosting")
    assert "disqualified: it differs" in told
    assert "failed: it crashed" in told


def test_the_test_periods_and_a_failed_gate_are_told() -> None:
    told = report.table(evaluation(), [])
    assert "on test 2023 to 2024" in told
    assert "FAILED  parity: expected <= 1, found 2\n        next: change it\n" in told
    assert told.endswith("not passed: model 0123")


@pytest.mark.parametrize(("first", "shown"), [(8, "test folds 8 to 9"), (9, "test fold 9")])
def test_folds_are_named_as_such(first: int, shown: str) -> None:
    periods = {"validation": [7, 7], "test": [first, 9]}
    told = report.table(evaluation(split_by="folds", periods=periods), [])
    assert f"ridge on {shown} " in told and "candidates on validation fold 7 " in told


def test_periods_have_their_names_and_a_long_title_moves_no_column() -> None:
    names = {"validation": "weeks 12 to 13 of 2019", "test": "March 2019"}
    told = report.table(evaluation(period_names=names), []).splitlines()
    at = told.index("candidates on validation weeks 12 to 13 of 2019")
    assert told[at + 1].split() == ["hits", "(decides)", "error", "fits"]
    (test,) = (line for line in told if line.startswith("ridge on test March 2019 "))
    assert test.index("error") == told[at + 1].index("error")


def test_it_is_told_why_the_winner_won() -> None:
    def table(*candidates: dict[str, Any], **changed: Any) -> str:
        return report.table(evaluation(candidates=list(candidates), **changed), [])

    ridge, forest = evaluation()["candidates"]
    forest |= {"disqualified": None}
    assert "* the simplest of the 2 that are within one standard" in table(ridge, forest)
    better = table(ridge, forest, tied=["ridge"])
    assert "* better than the others by more than one standard error" in better
    disqualified = report.table(evaluation(tied=["ridge"]), [])
    assert "* the only candidate that can be served\n" in disqualified
    assert "* the only candidate\n" in table(ridge, tied=["ridge"])


def test_the_metric_that_decides_comes_first_and_is_marked() -> None:
    told = report.table(evaluation(), [])
    heads = [line for line in told.splitlines() if "(decides)" in line]
    assert [head[36:].split() for head in heads] == [
        ["hits", "(decides)", "error", "fits"], ["hits", "(decides)", "error"]
    ]  # fmt: skip
    assert "\nhits decides; lower is better\n" in told
    ends = {line.index("0.700") + 5 for line in told.splitlines() if "0.700" in line}
    assert ends == {heads[0].index("(decides)") + 9}


def test_a_warning_stands_below_its_gate_and_is_counted() -> None:
    gate = evaluation()["gates"][0] | {"passed": True, "warning": "it may be chance"}
    told = report.table(evaluation(gates=[gate], passed=True, warnings=["it may be chance"]), [])
    assert "found 2\n        warning: it may be chance\n" in told
    assert told.endswith("passed with 1 warning: model 0123")


def test_a_run_without_a_winner_is_told() -> None:
    forest = evaluation()["candidates"][1]
    told = report.table(evaluation(candidates=[forest], winner=None, tied=[]), [])
    assert "disqualified: it differs" in told and "evaluation model" not in told
    assert told.endswith("not passed: no model")
    told = report.table(evaluation(candidates=[], winner=None, tied=[]), [])
    assert "candidates\n  boosting                           failed: it crashed\n" in told


def test_the_difference_from_the_baseline_comes_with_its_interval() -> None:
    told = report.table(evaluation(), [])
    assert [
        next(line for line in told.splitlines() if word in line).split()[-1]
        for word in ("difference", "interval, from", "    to ")
    ] == ["-0.250", "-0.500", "+0.125"]


def test_a_decision_is_told_where_there_is_one() -> None:
    assert "act from" not in report.table(evaluation(), [])
    decision = {"threshold": 0.253, "expected_cost": 0.512, "without_model": 0.631}
    told = report.table(evaluation(decision=decision), [])
    costs = "costs 0.512 per row on validation, 0.631 without the model"
    assert f"\nact from 0.253 on: {costs}\n" in told


@pytest.mark.parametrize("passed", [True, False])
def test_the_last_line_tells_whether_it_passed(passed: bool) -> None:
    last = report.table(evaluation(passed=passed), [("card", Path("a.html"))]).splitlines()[-1]
    assert last.startswith("passed") == passed


def test_where_to_look_is_told() -> None:
    told = report.table(evaluation(), [("bundle", Path("store/runs/7")), ("card", Path("a.html"))])
    assert "bundle  store/runs/7\ncard    a.html\n" in told


def test_a_snapshot_is_told_in_a_few_lines() -> None:
    about = {
        "source": "files: x",
        "licence": "CC0",
        "data_until": "2024-12-08",
        "rows": {"a": 12345},
    }
    told = report.snapshot("abc", about)
    assert "snapshot abc from files: x" in told
    assert "12,345 a" in told
    assert told.endswith("\n  newest   2024-12-08")
    del about["data_until"]
    assert report.snapshot("abc", about) == told.removesuffix("\n  newest   2024-12-08")


def test_how_good_the_shown_probabilities_are_is_told_where_it_is_known() -> None:
    assert "probabilities" not in report.table(evaluation(), [])
    calibration_metrics = {
        "metrics": {"log_loss": 1.2},
        "intervals": {"log_loss": [1.0, 1.5]},
        "baseline": {"log_loss": 1.4},
        "difference": {"log_loss": {"value": -0.2, "low": -0.3, "high": 0.1}},
    }
    told = report.table(evaluation(calibration_metrics=calibration_metrics), [])
    (line,) = [line.split() for line in told.splitlines() if "log_loss" in line]
    assert " ".join(line) == (
        "log_loss 1.200 (1.000 to 1.500), baseline 1.400, difference -0.200 (-0.300 to +0.100)"
    )
