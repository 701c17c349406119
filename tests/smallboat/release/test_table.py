"""A problem that is one table, from data to answers.

It has no time, inputs that may be missing, and three classes.
"""

import json
from pathlib import Path
from typing import Any

import edits
import pytest
import variants
from copies import command, compete, copy
from smallboat.store import store

CHANGES = (*variants.MISSING, *variants.UNDATED, *variants.CLASSES)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of that kind that has released a model of most of its rows."""
    copy(tmp_path)
    variants.apply(tmp_path / "toy", *CHANGES)
    edits.until(tmp_path, "2024-06-30")
    done = command(tmp_path, "retrain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " on test fold 4 " in done.stdout and "\n  newest " not in done.stdout
    return tmp_path


def release(project: Path) -> dict[str, Any]:
    status = json.loads(command(project, "status").stdout)
    found: dict[str, Any] = status["release"]
    return found


def test_it_is_trained_released_asked_and_compared_with_its_champion(project: Path) -> None:
    first = release(project)
    assert "features_as_of" not in first
    run = store.run_folder(str(project / "store"), first["run"])
    signature = store.read_json(run / "signature.json")
    assert "trained_until" not in signature
    assert [each.get("missing") for each in signature["inputs"]] == [None, None, True]
    assert signature["output"]["classes"] == ["quick", "usual", "slow"]
    evaluation = store.read_json(run / "evaluation.json")
    assert "evaluation_trained_until" not in evaluation and evaluation["split_by"] == "folds"
    assert len(evaluation["importance"]) == 3
    tried = {each["candidate"]: each["disqualified"] for each in evaluation["candidates"]}
    assert tried == {"boosting": None, "ridge": None} and evaluation["failures"] == {}
    (gate,) = [each for each in evaluation["gates"] if "each class" in each["gate"]]
    assert gate["passed"]
    asked = command(project, "predict")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines()[-1] == f"model of run {first['run']}"
    _, *shares = (line.split()[1:] for line in asked.stdout.splitlines()[:4])
    assert [sum(map(float, row)) for row in shares] == pytest.approx([1, 1, 1], abs=0.003)

    compete(project, "good")
    edits.newest(project)
    edits.until(project, "2024-12-31")
    variants.apply(project / "toy", variants.UNDATED[4])
    done = command(project, "retrain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "against the champion on 50 groups" in done.stdout
    second = release(project)
    assert second["features_run"] > first["features_run"]
