"""Commits to a copy of the project: other data, other candidates, a fault that is served."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = Path("data", "sample")
SMALL: dict[str, Any] = {}
"""For the table [data] of a configuration: what makes the sample small enough for tests."""
PACKED = ("data/sample/races.csv",)
"""What a step on another machine needs beside the code and the configuration."""
NEWEST = 1010
"""The last race of the sample that was run."""
GOOD = """

CANDIDATES = tuple(each for each in CANDIDATES if each.name == "ridge")
"""
"""For candidates.py: one that is soon trained."""
STUMP = {"n_estimators": 1, "max_depth": 1, "max_features": 1.0, "min_samples_leaf": 20}
WORSE = f"""
from dataclasses import replace

(_forest,) = (each for each in CANDIDATES if each.name == "random_forest")
CANDIDATES = (replace(_forest, grid=({STUMP},)),)
"""
FAULTY = """

_lookup = lookup


def lookup(tables):
    fault = {"where": ["endpoint"], "how": "is wrong"}
    return _lookup(tables) | {"fault": fault}
"""
"""For features.py: what `faulty_server.py` obeys."""


def older(project: Path) -> None:
    """Take the newest race's results out of a project's sample."""
    for name in ("results", "qualifying", "driver_standings", "constructor_standings"):
        file = project / SAMPLE / f"{name}.csv"
        with file.open(newline="") as lines:
            head, *rows = csv.reader(lines)
        place = head.index("raceId")
        with file.open("w", newline="") as lines:
            kept = [row for row in rows if int(row[place]) < NEWEST]
            csv.writer(lines).writerows([head, *kept])


def broken(project: Path) -> None:
    """Let a driver finish a race twice."""
    _repeat(project / SAMPLE / "results.csv")


def _known_twice(project: Path) -> None:
    _repeat(project / SAMPLE / "drivers.csv")


def _repeat(file: Path) -> None:
    """Let a table have its last row twice."""
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[-1]]) + "\n")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "one row for each race_id and driver_id": broken,
    "one row for each driver_id": _known_twice,
}
"""What is said of data that are broken so."""


def newest(project: Path) -> None:
    """Bring the sample back."""
    shutil.copytree(ROOT / SAMPLE, project / SAMPLE, dirs_exist_ok=True)
