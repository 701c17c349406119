"""Policies in operation, with models whose answers are known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smallboat.evaluation import reference
from smallboat.replay import calendar, operation, policies, results
from smallboat.replay.monitor import Monitor
from toy.problem import PROBLEM

CHANGE = "2024-01-01"


class Adding:
    """A model that answers the truth and so much more, but before CHANGE."""

    def __init__(self, bias: float, name: str, frame: pd.DataFrame) -> None:
        self.bias, self.name = bias, name
        held_out = frame[frame["date"] < "2023-01-01"]
        answers = held_out["target"].to_numpy() + 1
        self.facts = {
            "model_hash": name,
            "promise": {"metric": "mae", "value": 1.0, "interval": [0.9, 1.1]},
            "reference": reference.sketch(PROBLEM, held_out, answers),
        }

    def predict(self, rows: pd.DataFrame) -> Any:
        error = np.where(rows["date"] < CHANGE, 1.0, self.bias)
        return rows["target"].to_numpy() + error


@pytest.fixture
def rules() -> Any:
    return SimpleNamespace(
        window_rows=80,
        window_days=1,
        windows=3,
        needed=2,
        ignored=["depot_minutes"],  # a mean that settles: it does move in the toy
        false_alarms=0.01,
    )


def operated(frame: pd.DataFrame, rules: Any, policy: str, kept: bool = False) -> Any:
    """What a policy does whose first model is 4 off after CHANGE, and whose others are not."""
    live, moments = calendar.of(frame, "2023", "2024")
    due = policies.of(pd.Timedelta(days=1000))[policy]
    asked: list[Any] = []

    def retrain(day: pd.Timestamp, champion: Any) -> Any:
        asked.append((f"{day:%Y-%m-%d}", champion.name))
        return (None, "inferior") if kept else (Adding(1.0, f"{day:%Y-%m-%d}", frame), "better")

    first = Adding(4.0, "first", frame)
    monitor = Monitor(PROBLEM, rules, 0.25)
    return operation.operate(live, moments, first, due, retrain, monitor), live, asked


def test_drift_starts_a_retraining_after_a_planted_change(frame: pd.DataFrame, rules: Any) -> None:
    record, live, asked = operated(frame, rules, "on drift")
    ((day, champion),) = asked
    assert champion == "first"
    assert outcomes(record).count("released") == 1
    worse = [window for window in record.windows if window["worse"]]
    assert len(worse) == rules.needed
    assert all(window["last"] > CHANGE for window in worse)
    assert day == f"{live.loc[live['date'] > worse[-1]['last'], 'date'].min():%Y-%m-%d}"
    error = record.predicted - live["target"].to_numpy()
    later = (live["date"] >= day).to_numpy()
    assert np.allclose(error[later], 1.0)
    assert np.allclose(error[~later & (live["date"] >= CHANGE).to_numpy()], 4.0)


def test_without_a_change_nothing_is_retrained(frame: pd.DataFrame, rules: Any) -> None:
    stable = frame[frame["date"] < CHANGE]
    live, moments = calendar.of(stable, "2022", "2023")
    due = policies.of(pd.Timedelta(days=1000))["on drift"]
    found = operation.operate(
        live,
        moments,
        Adding(4.0, "first", frame),
        due,
        lambda *_: 1 / 0,
        Monitor(PROBLEM, rules, 0.25),
    )
    assert len(found.windows) == 4
    assert found.retrainings == []


def test_a_challenger_that_was_kept_out_does_not_serve(frame: pd.DataFrame, rules: Any) -> None:
    record, _, asked = operated(frame, rules, "weekly", kept=True)
    assert outcomes(record).count("kept") == len(asked) == 46
    assert {champion for _, champion in asked} == {"first"}
    never, _, none = operated(frame, rules, "never")
    assert none == []
    assert np.array_equal(record.predicted, never.predicted)


def test_one_cause_does_not_start_two_retrainings(
    frame: pd.DataFrame, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "CHANGE", "2023-01-01")
    record, _, asked = operated(frame, rules, "on drift", kept=True)
    assert len([window for window in record.windows if window["worse"]]) == 4
    assert len(asked) == 1
    assert record.retrainings[0]["drift"]
    assert "worse than promised" in record.windows[1]["asked"]


def test_a_window_belongs_to_one_release(frame: pd.DataFrame, rules: Any) -> None:
    record, _, _ = operated(frame, rules, "weekly")
    assert outcomes(record).count("released") == 46
    assert record.windows == []


def test_a_window_of_a_few_groups_says_nothing_about_the_error(
    frame: pd.DataFrame, rules: Any
) -> None:
    rules.window_rows = 24
    record, _, _ = operated(frame, rules, "never")
    assert {window["live"]["groups"] for window in record.windows} == {3}
    assert {window["worse"] for window in record.windows} == {None}


def test_a_shifted_input_is_named(frame: pd.DataFrame, rules: Any) -> None:
    later = frame["date"] >= CHANGE
    moved = frame.assign(distance=frame["distance"] + np.where(later, 3.0, 0.0))
    record, _, asked = operated(moved, rules, "on drift")
    assert "distance" in moved_inputs(record)
    assert len(asked) == 1
    rules.ignored += ["distance"]
    record, _, _ = operated(moved, rules, "never")
    assert "distance" not in moved_inputs(record)


def outcomes(record: Any) -> list[str]:
    return [each["outcome"] for each in record.retrainings]


def moved_inputs(record: Any) -> set[str]:
    return {each["name"] for window in record.windows for each in window["drift"]}


def policy(against_best: tuple[float, float], retrainings: int) -> Any:
    low, high = against_best
    pair = {"value": (low + high) / 2, "low": low, "high": high}
    return {
        "against_best": pair,
        "against_never": pair,
        "retrainings": [{}] * retrainings,
        "windows": [],
    }


def test_the_answer_is_the_fewest_retrainings_within_noise() -> None:
    same = results.answer({"never": policy((-0.1, 0.2), 0), "weekly": policy((0, 0), 50)}, "mae")
    assert same["helps"] is False
    assert same["title"] == "No policy beats another"
    assert "weekly +0.000 [+0.000, +0.000]" in same["why"]
    short = {"never": policy((0, 0), 0), "weekly": policy((0, 0), 0)}
    assert results.answer(short, "mae")["helps"] is False
    harmful = {"never": policy((0, 0), 0), "weekly": policy((0.1, 0.2), 50)}
    assert results.answer(harmful, "mae")["title"] == "Do not retrain"
    found = results.answer(
        {
            "never": policy((0.1, 0.2), 0),
            "yearly": policy((-0.1, 0.2), 2),
            "weekly": policy((0, 0), 50),
        },
        "mae",
    )
    assert found["helps"]
    assert found["title"] == "Retrain yearly"
