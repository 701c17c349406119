"""The drift between two snapshots of one source."""

import json
from pathlib import Path
from typing import Any

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
