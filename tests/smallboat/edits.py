"""Edits of a copy of the toy project: other data, other candidates, a fault in the endpoint."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from smallboat.testing.toy import data

GOOD = """

CANDIDATES = tuple(each for each in CANDIDATES if each.name == "ridge")
"""
"""For candidates.py: one candidate that trains fast."""
WORSE = """
from dataclasses import replace

_POOR = {"max_depth": 1, "learning_rate": 0.05}
CANDIDATES = (replace(CANDIDATES[0], grid=(_POOR,)),)
"""
PERFECT_BASELINE = """

def baseline(frame): return frame["target"].to_numpy(float)
"""
"""For metrics.py: no model passes its gates."""
FAULTY = """

_online = online_features


def online_features(tables):
    fault = {"where": ["endpoint"], "how": "is wrong"}
    return _online(tables) | {"fault": fault}
"""
"""For features.py: the fault that `faulty_server.py` shows."""


def older(project: Path) -> None:
    """Make a project's sample end half a year earlier."""
    until(project, "2024-06-30")


def until(project: Path, date: str) -> None:
    """Make a project's sample end on a date."""
    _end_sample(project, f'newest = "{date}"\n')


def newest(project: Path) -> None:
    """Restore the whole, undamaged sample."""
    _end_sample(project, "")
    shutil.copy(data.__file__, project / "toy" / "data.py")


def _end_sample(project: Path, line: str) -> None:
    file = project / "config" / "base.toml"
    text = re.sub(r"(?m)^newest = .*\n", "", file.read_text())
    assert "[data]\n" in text, f"{file} has no table [data]"
    file.write_text(text.replace("[data]\n", f"[data]\n{line}"))


def broken(project: Path) -> None:
    """Repeat the sample's first parcel."""
    _change_sample(project, "pd.concat([parcels, parcels.head(1)])")


def _without_minutes(project: Path) -> None:
    """Remove the minutes of the sample's first parcel, which only the features' checks notice."""
    _change_sample(project, "parcels.assign(minutes=parcels['minutes'].where(parcels.index > 0))")


def _change_sample(project: Path, changed: str) -> None:
    with (project / "toy" / "data.py").open("a") as file:
        file.write(CHANGED.format(changed=changed))


CHANGED = """

_made_up = made_up


def made_up(days, seed):
    import pandas as pd

    parcels = _made_up(days, seed)
    return {changed}
"""
DAMAGES: dict[str, Callable[[Path], None]] = {
    "one row for each parcel": broken,
    "target has no nulls": _without_minutes,
}
"""The message about each kind of damage, and what causes it."""
