"""Live metrics beside the promise and the baseline."""

from typing import Any

import numpy as np
import pytest
from smallboat.errors import UserError
from smallboat.monitoring import quality
from smallboat.validation import checks
from toy import data, expectations, features
from toy.problem import PROBLEM

PROMISE = {"metric": "mae", "value": 1.2, "interval": [1.1, 1.3], "baseline": 4.0}


def rows(days: int) -> Any:
    """The newest days of the feature table."""
    frame = features.build({"parcels": data.made_up(24, 1)})
    kept = frame["group"].drop_duplicates().tail(days)
    return frame[frame["group"].isin(kept)].reset_index(drop=True)


def measured(days: int, error: float) -> Any:
    frame = rows(days)
    wrong = np.where(np.arange(len(frame)) % 2, error, -error)
    return quality.measure(PROBLEM, frame, frame["target"].to_numpy() + wrong)


def test_live_predictions_are_measured_like_the_hold_out() -> None:
    found = measured(10, 2.0)
    assert (found["rows"], found["groups"]) == (80, 10)
    assert found["metrics"]["mae"] == pytest.approx(2.0)
    assert found["intervals"]["mae"] == pytest.approx([2.0, 2.0])
    assert found["baseline"]["mae"] > 2.0
    assert found["difference"]["mae"]["high"] < 0


def test_few_groups_have_no_interval_and_no_verdict() -> None:
    found = measured(3, 9.0)
    assert "intervals" not in found
    assert quality.worse(found, PROMISE, 0.25) is None
    assert quality.measure(PROBLEM, rows(3)[:0], np.empty(0)) is None


@pytest.mark.parametrize(("error", "worse"), [(1.2, False), (1.44, False), (1.5, True), (9, True)])
def test_worse_than_promised_means_by_more_than_the_margin(error: float, worse: bool) -> None:
    assert quality.worse(measured(10, error), PROMISE, 0.25) is worse


def test_worse_than_the_baseline_is_worse_whatever_was_promised() -> None:
    found = measured(10, 9.0)
    assert quality.worse(found, PROMISE | {"value": 20.0, "interval": [19.0, 21.0]}, 0.25)


def test_live_rows_break_what_must_hold_but_not_what_is_only_usual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A few rows need not be as various as a table."""
    usual = checks.between("features", "target", 1e6, 1e7, "warning", "targets are large")
    must = expectations.feature()
    monkeypatch.setattr(expectations, "feature", lambda: [*must, usual])
    frame = rows(3)
    assert quality.broken(PROBLEM, frame) == []
    (told,) = quality.broken(PROBLEM, frame.assign(target=np.nan))
    assert told.startswith("features: ")


def test_a_metric_that_is_not_finite_is_a_sentence() -> None:
    frame = rows(10)
    frame.loc[3, "target"] = np.inf
    with pytest.raises(UserError, match=r"metrics.py returns NaN or infinity for 80 rows"):
        quality.measure(PROBLEM, frame, np.ones(len(frame)))


def test_without_a_promise_nothing_is_worse_and_redacted_inputs_cost_the_baseline() -> None:
    assert quality.worse(measured(10, 9.0), None, 0.25) is None
    frame = rows(10).assign(depot_minutes=np.nan)
    found = quality.measure(PROBLEM, frame, frame["target"].to_numpy() + 1)
    assert found is not None
    assert "baseline" not in found and found["metrics"]["mae"] == pytest.approx(1.0)
