"""Inputs that no model can take, and the drift between two snapshots of one source."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smallboat.store import store
from smallboat.validation import preparation
from toy import data, features
from toy.problem import PROBLEM

NAMES = [feature.name for feature in features.FEATURES]
MOVES = NAMES[-1]
"""The feature that is the year; all others are 0."""
A_YEAR = 100
"""Rows of each year."""


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The source and the last year of what is collected next; change them."""
    told: dict[str, Any] = {"source": "files: here", "last": 2024}

    def collect(config: Any, folder: Path) -> dict[str, Any]:
        years = [year for year in range(2020, told["last"] + 1) for _ in range(A_YEAR)]
        (folder / "years.json").write_text(json.dumps({"of": told["source"], "years": years}))
        about = {"source": told["source"], "licence": "CC0", "data_until": f"{told['last']}-01-01"}
        return {**about, "rows": {"years": len(years)}}

    def build(folder: Path) -> pd.DataFrame:
        years = pd.Series(store.read_json(folder / "years.json")["years"])
        frame = pd.DataFrame(0.0, years.index, NAMES)
        return frame.assign(**{MOVES: years, "date": pd.to_datetime(years.astype(str))})

    monkeypatch.setattr(data, "collect", collect)
    monkeypatch.setattr(data, "read", lambda folder: folder)
    monkeypatch.setattr(features, "build", build)
    return told


def snapshot(root: str) -> str:
    """Make a snapshot, and the newest one."""
    made = store.make_snapshot(PROBLEM, root, {})
    store.make_newest(root, made)
    return made


@pytest.mark.parametrize("last", [2025, 2027])
def test_new_rows_are_compared_with_all_of_the_last_snapshot_of_the_same_source(
    delivered: dict[str, Any], tmp_path: Path, last: int
) -> None:
    root = str(tmp_path / "store")
    first = snapshot(root)
    delivered |= {"source": "files: elsewhere", "last": 2022}
    snapshot(root)
    delivered |= {"source": "files: here", "last": last}
    second = snapshot(root)
    frame = features.build(data.read(store.snapshot_folder(root, second)))
    assert preparation.drifted(PROBLEM, root, first, frame) is None
    assert store.previous_snapshot(root, second) == first
    told = preparation.drifted(PROBLEM, root, second, frame)
    assert told is not None
    assert told["rows"] == max((last - 2024) * A_YEAR, preparation.ENOUGH)
    moved, *others = told["features"]
    assert (moved["feature"], moved["level"]) == (MOVES, "large")
    assert moved["reference_mean"] == pytest.approx(
        frame[frame["date"] <= "2024-12-31"][MOVES].mean()
    )
    assert moved["current_mean"] == pytest.approx(frame.tail(told["rows"])[MOVES].mean())
    assert {row["level"] for row in others} == {"stable"}


@pytest.mark.parametrize(("added", "counted"), [(3 * A_YEAR, 3 * A_YEAR), (10, 200), (0, 200)])
def test_without_dates_new_rows_are_those_with_other_content(
    delivered: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    added: int,
    counted: int,
) -> None:
    """They may stand anywhere in the table; if they are few, others count, too."""
    build = features.build
    monkeypatch.setattr(features, "build", lambda folder: build(folder).drop(columns="date"))
    root = str(tmp_path / "store")
    snapshot(root)
    delivered["last"] = 2025
    second = snapshot(root)
    known = features.build(data.read(store.snapshot_folder(root, second))).head(5 * A_YEAR)
    new = known.head(added).assign(**{MOVES: 2025.0})
    told = preparation.drifted(PROBLEM, root, second, pd.concat([new, known]))
    assert told is not None and told["rows"] == counted
    text = known.assign(**{MOVES: "2025"})  # its check says what is wrong with it
    assert preparation.drifted(PROBLEM, root, second, text) is None
    moved = next(row for row in told["features"] if row["feature"] == MOVES)
    others = known[MOVES].tail(counted - added).sum()
    assert moved["current_mean"] == pytest.approx((2025 * added + others) / counted)


@pytest.mark.parametrize(
    ("value", "missing", "found"),
    [
        (np.nan, False, "column floor has 1 NaN; a feature may have none"),
        (np.nan, True, None),
        (np.inf, False, "column floor has 1 values that float32 can't hold"),
        (-np.inf, True, "column floor has 1 values that float32 can't hold"),
        (1e39, True, "column floor has 1 values that float32 can't hold"),
        ("three", True, "column floor is object; a feature must be a number"),
    ],
)
def test_only_an_input_that_may_be_missing_has_nan_and_none_is_infinite(
    root: str,
    snapshot: str,
    monkeypatch: pytest.MonkeyPatch,
    value: Any,
    missing: bool,
    found: str | None,
) -> None:
    """A model that takes NaN would else learn from one that no request can have."""
    build, floor = features.build, features.FEATURES[1]

    def damaged(tables: Any) -> pd.DataFrame:
        kind = object if isinstance(value, str) else np.float64
        frame = build(tables).astype({"floor": kind})
        frame.loc[5, "floor"] = value
        return frame

    stated = (features.FEATURES[0], replace(floor, missing=missing), features.FEATURES[2])
    monkeypatch.setattr(features, "FEATURES", stated)
    monkeypatch.setattr(features, "build", damaged)
    report = preparation.engineer(PROBLEM, root, snapshot)[2]
    assert [each["observed"] for each in report.errors] == ([found] if found else [])
