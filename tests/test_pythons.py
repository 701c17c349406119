"""A project trains, releases and predicts with each Python that it allows, as far as it is here.

The other tests run with one of them; GitHub runs all of them with each.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import BIN, ROOT, bake

PYTHONS = ("3.11", "3.12", "3.13")


def python(version: str) -> str:
    """A Python of this version on this machine, or a skip that says so."""
    places = [
        shutil.which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    ]
    for place in filter(None, places):
        told = subprocess.run([place, "--version"], capture_output=True, text=True)
        if told.returncode == 0 and told.stdout.startswith(f"Python {version}."):
            return str(place)
    pytest.skip(f"there is no Python {version} on this machine")


def test_these_are_the_ones_that_template_project_and_library_allow_and_ci_runs() -> None:
    made = ROOT / "{{cookiecutter.project_slug}}"
    first, last = (int(PYTHONS[at].partition(".")[2]) for at in (0, -1))
    for folder in (ROOT, made, made / "vendor" / "smallboat"):
        (allowed,) = re.findall(
            r'(?m)^requires-python = "(.+)"', (folder / "pyproject.toml").read_text()
        )
        assert allowed == f">=3.{first},<3.{last + 1}"
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["check"]["strategy"]["matrix"]["python"] == list(PYTHONS)


@pytest.mark.nightly
@pytest.mark.parametrize("version", PYTHONS[1:])
def test_a_project_trains_releases_and_predicts(version: str, tmp_path: Path) -> None:
    folder = bake(tmp_path, use_case="f1").path
    words = ["make", f"PYTHON={python(version)}", "train", "deploy", "predict"]
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: model " in done.stdout and "\nreleased: model " in done.stdout
    assert "model of run " in done.stdout
    told = (folder / ".venv" / "pyvenv.cfg").read_text()
    assert re.search(rf"(?m)^version_info = {re.escape(version)}\.", told)
