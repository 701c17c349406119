"""The monitor's report of what is seldom: few outcomes, other metrics, nothing but refusals."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smallboat.monitoring import quality
from smallboat.reports import monitor as report
from smallboat.testing import pages
from toy import data, features
from toy.problem import PROBLEM

Json = dict[str, Any]
MOVED = {
    "name": "depot", "of": "input", "drifted": True, "effect": 0.3, "p_value": 0.0,
    "reference_mean": None, "current_mean": None,
    "missing": {"reference": 0.0, "current": 0.2}, "unknown": {"reference": 0.0, "current": 0.5},
}  # fmt: skip
WINDOW = {
    "model": "a", "run": "1", "releases": ["a-1"], "rows": 500, "requests": 3, "complete": True,
    "first": "2026-11-01T00:00:00", "last": "2026-11-02T00:00:00", "redacted": [],
    "drift": [MOVED], "expected": None, "live": None, "worse": None,
    "waiting": 500, "known": 0, "replaced": 0,
}  # fmt: skip
REFUSED = {"requests": 3, "refused": 3, "failed": 0, "ms_p50": None, "ms_p95": None, "rows": 0}
LIFE = {
    "release": "a-1", "run": "1", "model_hash": "a", "features_run": None, "at": None,
    "until": None, "came": "first", "went": None, "evaluation": None, "live": None,
}  # fmt: skip


def found(**changed: Any) -> Json:
    """What verdict.json holds of a model that an older library trained."""
    return {
        "verdict": "drifted", "faults": [], "sentence": "depot has drifted", "notes": [],
        "causes": [{**MOVED, "kind": "input", "since": "2026-11-01", "windows": 2}],
        "at": "2026-11-30T00:00:00", "environment": "local", "since": "2026-10-01",
        "release": {"model_hash": "a", "run": "1", "release": "a-1"},
        "truth": {"snapshot": None, "until": None},
        "collected": {"new": 0, "source": "captured.jsonl"}, "windows": [WINDOW],
        "traffic": [{"date": "2026-11-01", **REFUSED}], "live": {"a": None},
        "promise": {"a": None}, "shadow": None, "releases": [LIFE], "next": [],
    } | changed  # fmt: skip


def text(page: str) -> str:
    """What a page shows, without its drawings."""
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]*>", " ", page, flags=re.DOTALL).split())


def without_outcomes(**changed: Any) -> str:
    return text(report.html(PROBLEM, found(**changed), pd.DataFrame(), np.empty(0)))


def test_what_drifted_is_told_by_mean_or_by_unknown_and_missing() -> None:
    assert (
        "PSI 0.300; in training 0.0 % unknown, 0.0 % missing; now 50.0 % unknown, 20.0 % missing"
        in (without_outcomes())
    )
    means = {"reference_mean": 1.5, "current_mean": 2.5, "unknown": None}
    none = {"reference": 0.0, "current": 0.0}
    told = without_outcomes(causes=[found()["causes"][0] | means | {"missing": none}])
    assert "PSI 0.300; in training mean 1.500; now mean 2.500" in told


def test_without_windows_and_with_refusals_only_there_is_a_page() -> None:
    told = without_outcomes(windows=[], causes=[], live={}, promise={})
    assert "Nothing has drifted in enough windows." in told
    assert "2026-11-01 3 3 0 none none" in told
    assert "No requests." in without_outcomes(windows=[], causes=[], traffic=[], releases=[])


def test_a_release_of_the_past_was_measured_by_other_metrics() -> None:
    live = {"rows": 3, "metrics": {"rmse": 1.0}}
    assert "not known not known 3 rows first" in without_outcomes(releases=[LIFE | {"live": live}])


@pytest.mark.parametrize("days", [1, 30])
def test_few_outcomes_have_metrics_without_slices(days: int) -> None:
    frame = features.build({"parcels": data.made_up(24, 1)})
    newest = frame["group"].drop_duplicates().tail(days)
    kept = frame[frame["group"].isin(newest)].reset_index(drop=True)
    predicted = kept["target"].to_numpy() + 1
    live = quality.measure(PROBLEM, kept, predicted)
    windows = [WINDOW | {"live": live}]
    told = text(report.html(PROBLEM, found(windows=windows, live={"a": live}), kept, predicted))
    assert f"All {len(kept)} predictions of the served model" in told
    assert "mae 1.000" in told


def test_the_monitors_report_is_readable(browser: Any, show: Any) -> None:
    frame = features.build({"parcels": data.made_up(24, 1)})
    predicted = frame["target"].to_numpy() + 1
    live = quality.measure(PROBLEM, frame, predicted)
    window, why = (
        WINDOW | {"live": live},
        "replaced by a run that is not inferior " * 4,
    )
    life = LIFE | {"came": why, "went": why, "run": "1796046180740612"}
    known = found(windows=[window] * 3, live={"a": live}, releases=[life])
    show(report.html(PROBLEM, known, frame, predicted))
    assert pages.all_faults(browser) == {}
