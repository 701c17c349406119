"""docs/your-table.md: each of its commands, as it stands there, from nothing to an answer."""

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from conftest import BIN, ROOT, share_bytecode
from pages import blocks

PAGE = ROOT / "docs" / "your-table.md"
STEPS = [block.text.strip() for block in blocks(PAGE)]
MOST = 10
PORT = "8317"


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """The folder of the project, and what each step printed."""
    folder = tmp_path_factory.mktemp("table")
    project = folder / "tumour_predictor"
    printed = []
    try:
        for step in STEPS:
            printed.append(run(step, folder if step.startswith("cruft ") else project, project))
        yield project, printed
    finally:
        run("make stop", project, project)


def run(step: str, folder: Path, project: Path) -> str:
    """The output of a step that must succeed; the second one changes into the project itself."""
    step = step.replace("https://github.com/ORG/TEMPLATE", str(ROOT)).replace("8000", PORT)
    step = step.replace("BACKGROUND=1", f"BACKGROUND=1 PORT={PORT}")
    if step.startswith("cd "):
        folder = project.parent
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    if step.startswith("curl ") and not shutil.which("curl"):
        return requests.post(step.split()[-1], json=json.loads(step.split("'")[1]), timeout=60).text
    done = subprocess.run(
        step, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
    if "make setup" in step:
        share_bytecode(project / ".venv")
    return done.stdout


def test_there_are_at_most_ten_steps() -> None:
    assert len(STEPS) <= MOST
    assert len(re.findall(r"^## \d+\.", PAGE.read_text(), re.MULTILINE)) == len(STEPS)


def test_the_steps_lead_to_an_answer(walked: tuple[Path, list[str]]) -> None:
    _, printed = walked
    (prediction,) = json.loads(printed[8])["predictions"]
    assert prediction["prediction"] in ("benign", "malignant")
    assert 0 < prediction["threshold"] < 0.5  # a missed one costs more


def test_the_description_is_of_this_table(walked: tuple[Path, list[str]]) -> None:
    project, printed = walked
    described = (project / "config" / "problem.toml").read_text()
    assert 'target = "target"' in described and '[columns."mean radius"]' in described
    assert "569 rows" in printed[3]


def test_the_winner_is_good_and_every_row_is_scored(walked: tuple[Path, list[str]]) -> None:
    project, _ = walked
    (run,) = (project / "store" / "runs").iterdir()
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["passed"] and evaluation["failures"] == {}
    assert evaluation["metrics"]["test"]["roc_auc"] > 0.97
    with (project / "scored.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 569
    missed = [row for row in rows if (row["target"], row["prediction"]) == ("malignant", "benign")]
    alarms = [row for row in rows if (row["target"], row["prediction"]) == ("benign", "malignant")]
    assert len(missed) <= 6  # of 212
    assert 10 * len(missed) + len(alarms) < 90  # to act on all of them would cost 357


def test_the_table_may_lie_elsewhere(walked: tuple[Path, list[str]]) -> None:
    project, _ = walked
    (project / "elsewhere").mkdir()
    shutil.copy(project / "tumours.csv", project / "elsewhere")
    assert "snapshot " in run("make data DIR=elsewhere", project, project)
    assert "changed" in run("make describe", project, project)


@pytest.mark.nightly
def test_the_projects_own_tests_pass_with_this_table(walked: tuple[Path, list[str]]) -> None:
    """Also where it is not at hand, as on a runner of GitHub that has the code alone."""
    project, _ = walked
    assert " passed" in run("make test", project, project)
    (project / "tumours.csv").rename(project / "elsewhere.csv")
    told = run('make test PART="test_project.py test_table.py"', project, project)
    assert "the table (tumours.csv) is not on this machine" in told and " passed" not in told
