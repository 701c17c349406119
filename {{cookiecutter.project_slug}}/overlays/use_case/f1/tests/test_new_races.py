"""The drift between two snapshots of a folder whose newest races are new."""

import csv
import shutil
from pathlib import Path

import pytest
from smallboat.config import config
from smallboat.store import store
from smallboat.validation import preparation

from {{ cookiecutter.project_slug }}.problem import PROBLEM


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of tables, which a later delivery changes."""
    return Path(shutil.copytree(Path("data", "sample"), tmp_path / "tables"))


def snapshot(root: str, folder: Path) -> str:
    """Make a snapshot of a folder, and the newest one."""
    settings = config.override(
        PROBLEM, config.load(PROBLEM, "local"), source="files", directory=str(folder)
    )
    made = store.make_snapshot(PROBLEM, root, settings.model_dump())
    store.make_newest(root, made)
    return made


def without_races_after(folder: Path, date: str) -> None:
    """Cut the newest races from a folder's tables."""
    rows = csv.DictReader((folder / "races.csv").read_text().splitlines())
    gone = {row["raceId"] for row in rows if row["date"] > date}
    for file in sorted(folder.glob("*.csv")):
        lines = file.read_text().splitlines()
        names = lines[0].split(",")
        if "raceId" in names:
            place = names.index("raceId")
            kept = [line for line in lines[1:] if line.split(",")[place] not in gone]
            file.write_text("\n".join([lines[0], *kept]) + "\n")


def test_new_races_are_compared_with_all_of_the_last_snapshot_of_the_same_source(
    source: Path, tmp_path: Path
) -> None:
    root = str(tmp_path / "store")
    later = Path(shutil.copytree(source, tmp_path / "later"))
    without_races_after(source, "2024-12-31")
    first = snapshot(root, source)
    other = Path(shutil.copytree(source, tmp_path / "other"))
    without_races_after(other, "2023-12-31")
    snapshot(root, other)
    shutil.rmtree(source)
    later.rename(source)
    second = snapshot(root, source)
    frame, _, _ = preparation.engineer(PROBLEM, root, second)
    assert preparation.drifted(PROBLEM, root, first, frame) is None
    assert store.previous_snapshot(root, second) == first
    told = preparation.drifted(PROBLEM, root, second, frame)
    assert told is not None
    newer = frame[frame["date"] > "2024-12-31"]
    assert told["rows"] == max(len(newer), preparation.ENOUGH)
    (season,) = [row for row in told["features"] if row["feature"] == "season"]
    assert season["level"] == "large"
    before = frame[frame["date"] <= "2024-12-31"]
    assert season["reference_mean"] == pytest.approx(before["season"].mean())
    assert season["current_mean"] == pytest.approx(frame.tail(told["rows"])["season"].mean())
