"""`make doctor` in a generated project: before there is an environment, with one, and broken."""

import os
import re
from pathlib import Path

from conftest import Project, bake


def row(output: str, name: str) -> list[str]:
    """The cells of a row's first line."""
    found = re.search(rf"(?m)^{re.escape(name)}  .*$", output)
    assert found, output
    return re.split(r" {2,}", found[0])


def test_doctor_follows_a_project(f1: Project, tmp_path: Path) -> None:
    project = bake(tmp_path)
    alone = project.run("make", "--no-print-directory", "doctor")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert row(alone.stdout, ".venv")[1:] == [
        "note",
        "none yet",
        "nothing: the next command makes it",
    ]
    assert row(alone.stdout, "commit")[1:3] == ["missing", "make reproduce, the workflows"]
    assert not re.search(r"(?m)^config/", alone.stdout)
    staging = project.run("make", "--no-print-directory", "doctor", "ENV=staging").stdout
    to_do = "make setup, then make doctor ENV=staging"
    assert row(staging, "ENV=staging")[1:] == ["note", "not looked at yet", to_do]
    wrong = project.run("make", "--no-print-directory", "doctor", "PYTHON=python9")
    assert "error: there is no python9 here: name another Python" in wrong.stderr
    assert not list(project.path.rglob("__pycache__"))

    assert project.make("setup").returncode == 0
    ready = project.make("doctor")
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert re.match(r"Python 3\.\d+\.\d+, fresh", row(ready.stdout, ".venv")[2])
    assert row(ready.stdout, "config/local.toml")[1] == "ok"
    assert row(ready.stdout, "newest run")[1:] == ["note", "none yet", "make deploy", "make train"]
    assert ready.stdout.endswith("everything that local work needs is there; next: make train\n")

    mistyped = project.make("doctor", "ENV=stagin")
    told = "\nmissing or wrong, for other than local work: commit, config/stagin.toml\n"
    assert told in mistyped.stdout

    later = (project.path / "pyproject.toml").stat().st_mtime + 3600
    os.utime(project.path / "pyproject.toml", (later, later))
    config = project.path / "config" / "local.toml"
    config.write_text(config.read_text().replace("[store]", "[stores]"))
    broken = project.make("doctor")
    assert broken.returncode == 2
    assert "stale: pyproject.toml is newer" in row(broken.stdout, ".venv")[2]
    assert row(broken.stdout, "config/local.toml")[1] == "wrong"
    assert broken.stdout.endswith("\nnot ready for local work: config/local.toml\n")
