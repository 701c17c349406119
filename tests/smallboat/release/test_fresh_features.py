"""Retrainings whose models fail their gates, one after another: the online features stay fresh."""

import json
from pathlib import Path
from typing import Any

import edits
import pytest
from copies import command, compete, copy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that released a model of the first quarter."""
    copy(tmp_path)
    compete(tmp_path, "good")
    edits.until(tmp_path, "2024-03-31")
    done = command(tmp_path, "retrain")
    assert done.returncode == 0, done.stdout + done.stderr
    return tmp_path


def served(project: Path) -> dict[str, Any]:
    release: dict[str, Any] = json.loads(command(project, "status").stdout)["release"]
    return release


def test_the_champion_gets_new_features_unless_the_data_is_broken(project: Path) -> None:
    first = served(project)
    with (project / "toy" / "metrics.py").open("a") as file:
        file.write(edits.PERFECT_BASELINE)
    edits.until(project, "2024-06-30")
    done = command(project, "retrain")
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    second = served(project)
    assert second["features_as_of"] > first["features_as_of"]
    assert second["model_hash"] == first["model_hash"]
    for message in (
        f"no candidate of run {second['features_run']} passed its gates: not worse than the base",
        f"the champion now serves its newer online features: model {first['model_hash']}",
        f"of run {first['run']} with features as of {second['features_as_of']}",
    ):
        assert message in last

    compete(project, "crashing")
    edits.until(project, "2024-09-30")
    done = command(project, "retrain")
    assert done.returncode == 3
    assert "no candidate can be served: crashing: boom" in done.stderr.splitlines()[-1]
    third = served(project)
    assert third["features_as_of"] > second["features_as_of"]
    assert third["model_hash"] == first["model_hash"]
    assert third["features_run"] in command(project, "runs").stdout

    edits.broken(project)
    edits.until(project, "2024-12-31")
    done = command(project, "retrain")
    assert done.returncode == 2
    assert "nothing was trained" in done.stderr
    assert served(project) == third
