"""The tabular project with other tables than its sample, and on the emulated AWS."""

import csv
import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from sklearn import datasets


@pytest.fixture
def fresh(tabular: Project, tmp_path: Path) -> Project:
    """A copy of the project that has trained nothing."""
    kept = shutil.ignore_patterns("store", "endpoint", ".cache", "__pycache__")
    folder = shutil.copytree(tabular.path, tmp_path / "mine", symlinks=True, ignore=kept)
    return replace(tabular, path=folder)


def do(project: Project, *words: str) -> str:
    """The output of a command that must succeed."""
    done = project.make(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bring(project: Project, name: str) -> Path:
    """A table that comes with scikit-learn, as CSV in the project's folder."""
    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    table = loaded.frame
    if "target_names" in loaded:
        table["target"] = loaded.target.map(dict(enumerate(loaded.target_names)))
    file = project.path / f"{name}.csv"
    table.to_csv(file, index=False)
    return file


def setting(project: Project, key: str, value: str) -> None:
    """Change a value of config/base.toml."""
    file = project.path / "config" / "base.toml"
    text, found = re.subn(rf"(?m)^{key} = \S+", f"{key} = {value}", file.read_text())
    assert found
    file.write_text(text)


@pytest.mark.parametrize(
    ("name", "rows", "answer", "error"),
    [
        ("wine", 178, {"prediction", "probabilities"}, ("error_rate", 0.12)),
        ("diabetes", 442, {"prediction", "low", "high"}, ("mae", 50.0)),
    ],
)
def test_a_table_of_another_kind_goes_all_the_way(
    fresh: Project, name: str, rows: int, answer: set[str], error: tuple[str, float]
) -> None:
    file = bring(fresh, name)
    if name == "wine":  # a class has 48 rows in all: a third of them is tested on
        setting(fresh, "class_rows", "10")
    do(fresh, "describe", f"CSV={file.name}", "TARGET=target")
    assert "passed: model" in do(fresh, "train")
    (evaluation,) = (fresh.path / "store" / "runs").glob("*/evaluation.json")
    told = json.loads(evaluation.read_text())
    assert told["failures"] == {} and len(told["candidates"]) == 4
    assert told["metrics"]["test"][error[0]] < error[1]
    assert "released: " in do(fresh, "deploy")
    columns = do(fresh, "predict").splitlines()[0].split()
    assert answer <= set(columns)
    do(fresh, "score", f"FILE={file.name}", "OUT=scored.csv")
    with (fresh.path / "scored.csv").open(newline="") as scored:
        found = list(csv.DictReader(scored))
    assert len(found) == rows
    if name == "diabetes":
        inside = [float(r["low"]) <= float(r["target"]) <= float(r["high"]) for r in found]
        assert sum(inside) > 0.8 * rows


AWKWARD: dict[str, tuple[str | bytes, str]] = {
    "one class": ("a,y\n" + "1,no\n" * 60, "has one value"),
    "one row": ("a,y\n1,no\n", "row"),
    "a page": ("<!doctype html><html></html>", "a page of HTML"),
    "two names": ("a,a,y\n" + "1,2,no\n1,2,yes\n" * 60, "two columns of the name"),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_what_is_no_table_gets_a_sentence(fresh: Project, name: str) -> None:
    content, message = AWKWARD[name]
    (fresh.path / "mine.csv").write_text(str(content))
    before = (fresh.path / "config" / "problem.toml").read_text()
    done = fresh.make("describe", "CSV=mine.csv", "TARGET=y")
    assert done.stderr.splitlines()[0].startswith("error: ") and message in done.stderr
    assert (fresh.path / "config" / "problem.toml").read_text() == before


def test_a_column_that_decides_alone_stops_the_run_until_it_is_known(fresh: Project) -> None:
    file = fresh.path / "data" / "sample" / "subscriptions.csv"
    lines = file.read_text().splitlines()
    leaking = [f"{lines[0]},refund", *(f"{line},{int(line[-3:] == 'yes')}" for line in lines[1:])]
    file.write_text("\n".join(leaking) + "\n")
    described = fresh.path / "config" / "problem.toml"
    text = described.read_text() + '\n[columns.refund]\ntype = "number"\n'
    described.write_text(text)
    done = fresh.make("train")
    assert "no column decides cancelled alone" in done.stderr and "refund" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("Error 2")
    described.write_text(f'{text}leak = "known"\n')
    done = fresh.make("train")
    assert "decides" not in done.stderr


@contextmanager
def emulated(project: Project) -> Iterator[Project]:
    """The project with the variables of an emulated AWS, which its own command starts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(project.venv / "bin" / "python"), "-m", "smallboat.emulator", "--problem"]
    words += [project.path.name, "--port", str(port), "--folder", ".cache/cloud", "--instructions"]
    ...
    yield project
