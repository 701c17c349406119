"""Commits to a copy of the project: other data, other candidates, a fault that is served."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

SMALL: dict[str, Any] = {"sessions": 20_000}
"""For the table [data] of a configuration: what makes the sample small enough for tests."""
TOO_FEW = 300
"""Sessions among which hardly anybody fills a cart."""
PACKED = ("warehouse/dbt_project.yml", "warehouse/models/features.sql")
"""What a step on another machine needs beside the code and the configuration."""
GOOD = """

CANDIDATES = tuple(each for each in CANDIDATES if each.name == "logistic_regression")
"""
"""For candidates.py: one that is soon trained."""
POOR = {"n_estimators": 1, "learning_rate": 0.5, "max_depth": 2}
WORSE = f"""
from dataclasses import replace

(_boosted,) = (each for each in CANDIDATES if each.name == "xgboost")
CANDIDATES = (replace(_boosted, grid=({POOR},)),)
"""
FAULTY = """

_lookup = lookup


def lookup(tables):
    fault = {"where": ["endpoint"], "how": "is wrong"}
    return _lookup(tables) | {"fault": fault}
"""
"""For features.py: what `faulty_server.py` obeys."""


def _make_sessions(project: Path, number: int) -> None:
    """Let a project's sample have so many sessions; they are others then."""
    for file in (project / "config").glob("*.toml"):
        text, found = re.subn(r"(?m)^sessions = [\d_]+", f"sessions = {number}", file.read_text())
        assert found == 1, f"{file} names no sessions"
        file.write_text(text)


def older(project: Path) -> None:
    """Let a project's sample be as it was when the shop had fewer visitors."""
    _make_sessions(project, SMALL["sessions"] * 9 // 10)


def newest(project: Path) -> None:
    """Bring the sample back."""
    _make_sessions(project, SMALL["sessions"])


def broken(project: Path) -> None:
    """Leave too few sessions to learn from."""
    _make_sessions(project, TOO_FEW)


def _days_swapped(project: Path) -> None:
    """Let the sessions of the first day and of the last have each other's day."""
    with (project / "{{ cookiecutter.project_slug }}" / "data.py").open("a") as file:
        file.write(SWAPPED)


SWAPPED = """

_collect = collect


def collect(config, folder):
    about = _collect(config, folder)
    first, *_, last = sorted(folder.glob("browsing-*.parquet"))
    one, other = first.read_bytes(), last.read_bytes()
    first.write_bytes(other)
    last.write_bytes(one)
    return about
"""
DAMAGES: dict[str, Callable[[Path], None]] = {
    "at least 100 sessions fill a cart": broken,
    "no event lies before its session's day": _days_swapped,
}
"""What is said of data that are broken so."""
