"""The pipeline on Prefect's own server, with a task that fails once, and with wrong data."""

import json
from pathlib import Path

import pytest
from copies import Copy

ONE = """

CANDIDATES = (min(CANDIDATES, key=lambda each: each.complexity),)
"""
"""For candidates.py: the simplest alone."""

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
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """A copy of the project with few sessions, one candidate, and a home of Prefect's."""
    for name in ("PREFECT_API_KEY", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    copy = Copy(tmp_path, ONE)
    (copy.folder / ".cache").mkdir()
    (copy.folder / "once_away.py").write_text(ONCE_AWAY)
    return copy


def test_a_task_that_fails_once_is_tried_again_and_the_run_ends_with_a_release(
    project: Copy,
) -> None:
    done = project.run("once_away.py")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "Retry 1/2" in told and "2 tries" in told
    order = ["load", "dbt_build", "validate", "train", "release"]
    places = [told.index(f"Task run '{name}-") for name in order]
    assert places == sorted(places)
    endpoint = project.folder / "endpoint"
    served = (endpoint / "current").read_text().strip()
    facts = json.loads((endpoint / "releases" / served / "release.json").read_text())
    (bundle,) = (project.folder / "store" / "runs").iterdir()
    assert facts["run"] == bundle.name


def test_wrong_data_is_told_at_once_and_not_tried_again(project: Copy) -> None:
    done = project.run("orchestration/pipeline.py", "--source", "files", "--dir", "nowhere")
    told = done.stdout + done.stderr
    assert done.returncode == 2, told
    (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "nowhere" in sentence
    assert "Retry" not in told
    assert not (project.folder / "endpoint").exists()
