"""Commits to a copy of the project: other data, other candidates, a fault that is served."""

import csv
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = Path("data", "sample")
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
    file = project / SAMPLE / "results.csv"
    file.write_text(file.read_text() + file.read_text().splitlines()[-1] + "\n")


def newest(project: Path) -> None:
    """Bring the sample back."""
    shutil.copytree(ROOT / SAMPLE, project / SAMPLE, dirs_exist_ok=True)
