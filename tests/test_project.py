"""A generated project, used as its user uses it."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Project, real


def last_evaluation(project: Project) -> dict:
    runs = sorted((project.path / "store" / "runs").iterdir())
    return json.loads((runs[-1] / "evaluation.json").read_text())


def runs(project: Project) -> int:
    folder = project.path / "store" / "runs"
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.fixture
def tables(f1: Project, tmp_path: Path) -> Path:
    """A copy of the sample tables, to be damaged."""
    return Path(shutil.copytree(f1.path / "data" / "sample", tmp_path / "tables"))


def test_lint(f1: Project) -> None:
    done = f1.make("lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_own_tests(f1: Project) -> None:
    done = f1.make("test")
    print(done.stdout[-3000:])
    assert done.returncode == 0


def test_train_on_the_sample(f1: Project) -> None:
    done = f1.make("train")
    assert done.returncode == 0, done.stdout + done.stderr
    evaluation = last_evaluation(f1)
    assert evaluation["passed"]
    assert len(evaluation["candidates"]) >= 5
    assert sum(len(c["trials"]) for c in evaluation["candidates"]) >= 40
    assert evaluation["metrics"]["test"]["mae"] < evaluation["baseline"]["test"]["mae"]
    assert f"passed: model {evaluation['model_hash']}" in done.stdout


@pytest.mark.parametrize("variable", ["F1_DATA", "F1_DATA_1950"])
def test_train_on_real_seasons(f1: Project, variable: str) -> None:
    done = f1.make("train", f"DIR={real(variable)}")
    print(done.stdout[-2500:])
    assert done.returncode == 0, done.stderr
    assert last_evaluation(f1)["passed"]
