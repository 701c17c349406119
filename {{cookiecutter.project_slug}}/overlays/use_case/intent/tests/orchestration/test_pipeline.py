"""The pipeline on Prefect's own server, with a task that fails once, and with wrong data."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import copies
import pytest

ROOT = Path(__file__).resolve().parents[2]

ONCE_AWAY = """
import sys

sys.path.insert(0, "orchestration")
import pipeline
from smallboat.store import store

pipeline.DELAYS[:] = [0, 0]
make_snapshot, tries = store.make_snapshot, []


def away_once(*arguments):
    tries.append(arguments)
    if len(tries) == 1:
        raise OSError("the disk is away")
    return make_snapshot(*arguments)


store.make_snapshot = away_once
code = pipeline.main()
print(f"{len(tries)} tries")
sys.exit(code)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with few sessions and one candidate."""
    copies.copy(tmp_path)
    for name in ("orchestration", "serving"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    copies.compete(tmp_path, "good", timeout_seconds=100)
    file = tmp_path / "config" / "local.toml"
    file.write_text(file.read_text().replace("comet = true", "comet = false"))
    (tmp_path / ".cache").mkdir()
    (tmp_path / "once_away.py").write_text(ONCE_AWAY)
    return tmp_path


def run(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the pipeline, with a home of Prefect's in the copy."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env=kept | copies.here(project),
        capture_output=True,
        text=True,
    )


def test_a_task_that_fails_once_is_tried_again_and_the_run_ends_with_a_release(
    project: Path,
) -> None:
    done = run(project, "once_away.py")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "Retry 1/2" in told and "2 tries" in told
    order = ["load", "dbt_build", "validate", "train", "release"]
    places = [told.index(f"Task run '{name}-") for name in order]
    assert places == sorted(places)
    served = (project / "endpoint" / "current").read_text().strip()
    facts = json.loads((project / "endpoint" / "releases" / served / "release.json").read_text())
    (bundle,) = (project / "store" / "runs").iterdir()
    assert facts["run"] == bundle.name


def test_wrong_data_is_told_at_once_and_not_tried_again(project: Path) -> None:
    words = ("orchestration/pipeline.py", "--source", "files", "--dir", "nowhere")
    done = run(project, *words)
    told = done.stdout + done.stderr
    assert done.returncode == 2, told
    (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "nowhere" in sentence
    assert "Retry" not in told
    assert not (project / "endpoint").exists()
