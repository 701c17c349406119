"""The tabular project with other tables than its sample, and on the emulated AWS."""

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, Project
from sklearn import datasets

GUARD = ROOT / "tests" / "smallboat" / "guard"


@pytest.fixture
def fresh(tabular: Project, tmp_path: Path) -> Project:
    """A copy of the project that has trained nothing."""
    folder = shutil.copytree(tabular.path, tmp_path / "mine", symlinks=True)
    for name in ("store", "endpoint", ".cache", ".metaflow"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return replace(tabular, path=folder)


def smallboat(project: Project, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the project as its Makefile does, in this copy's own package."""
    return project.run("python", "-m", "smallboat", *words)


def do(project: Project, *words: str) -> str:
    """The output of a command that must succeed."""
    done = smallboat(project, *words)
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


FIRST_SETTINGS = """
from dataclasses import replace

CANDIDATES = tuple(replace(each, grid=each.grid[:1]) for each in CANDIDATES)
"""
SIMPLEST = "\nCANDIDATES = (LINEAR,)\n"


def quick(project: Project, candidates: str = SIMPLEST) -> None:
    """Let fewer models compete."""
    with (project.path / "table_predictor" / "candidates.py").open("a") as file:
        file.write(candidates)


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
    quick(fresh, FIRST_SETTINGS)
    file = bring(fresh, name)
    if name == "wine":  # a class has 48 rows in all: a third of them is tested on
        setting(fresh, "class_rows", "10")
    do(fresh, "describe", "--csv", file.name, "--target", "target")
    assert "passed: model" in do(fresh, "train")
    (evaluation,) = (fresh.path / "store" / "runs").glob("*/evaluation.json")
    told = json.loads(evaluation.read_text())
    assert told["failures"] == {} and len(told["candidates"]) == 4
    assert told["metrics"]["test"][error[0]] < error[1]
    assert "released: " in do(fresh, "deploy")
    columns = do(fresh, "predict").splitlines()[0].split()
    assert answer <= set(columns)
    do(fresh, "score", "--file", file.name, "--out", "scored.csv")
    with (fresh.path / "scored.csv").open(newline="") as scored:
        found = list(csv.DictReader(scored))
    assert len(found) == rows
    if name == "diabetes":
        inside = [float(r["low"]) <= float(r["target"]) <= float(r["high"]) for r in found]
        assert sum(inside) > 0.8 * rows


AWKWARD = {
    "one class": ("a,y\n" + "1,no\n" * 60, "there is nothing to learn"),
    "one row": ("a,y\n1,no\n", "there is nothing to learn"),
    "a page": ("<!doctype html><html></html>", "a page of HTML"),
    "two names": ("a,a,y\n" + "1,2,no\n1,2,yes\n" * 60, "2 columns of the name"),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_what_is_no_table_gets_a_sentence(fresh: Project, name: str) -> None:
    content, message = AWKWARD[name]
    (fresh.path / "mine.csv").write_text(content)
    before = (fresh.path / "config" / "problem.toml").read_text()
    done = smallboat(fresh, "describe", "--csv", "mine.csv", "--target", "y")
    assert done.stderr.splitlines()[0].startswith("error: ") and message in done.stderr
    assert (fresh.path / "config" / "problem.toml").read_text() == before


def test_a_column_that_decides_alone_stops_the_run_until_it_is_known(fresh: Project) -> None:
    quick(fresh)
    file = fresh.path / "data" / "sample" / "subscriptions.csv"
    lines = file.read_text().splitlines()
    leaking = [f"{lines[0]},refund", *(f"{line},{int(line[-3:] == 'yes')}" for line in lines[1:])]
    file.write_text("\n".join(leaking) + "\n")
    described = fresh.path / "config" / "problem.toml"
    text = described.read_text() + '\n[columns.refund]\ntype = "number"\n'
    described.write_text(text)
    done = smallboat(fresh, "train")
    assert done.returncode == 2
    assert "no column decides cancelled alone" in done.stderr and "refund" in done.stderr
    described.write_text(f'{text}leak = "known"\n')
    done = smallboat(fresh, "train")
    assert done.returncode == 3
    assert "no leakage" in done.stderr + done.stdout  # another gate still sees it


PREPARE = """
from smallboat.cloud import lambda_zip, osls
osls.install()
lambda_zip.contents()
"""
"""Installs what deploys the API, which is fetched, so not under the guard."""


class Emulated:
    """A project and an emulated AWS; nothing that it runs reaches another host."""

    def __init__(self, project: Project) -> None:
        self.project = project
        kept = (
            ROOT / ".cache" / "toy" / "serving" / "api" / "node_modules"
        )  # of the library's tests
        if kept.exists():
            (project.path / "serving" / "api" / "node_modules").symlink_to(kept)
        done = project.run("python", "-c", PREPARE)
        assert done.returncode == 0, done.stderr
        own = [GUARD, project.path, project.path / "vendor" / "smallboat"]
        self.environ = {
            "PATH": f"{project.venv / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(map(str, own)),
            "NODE_OPTIONS": f"--require {GUARD / 'loopback.cjs'}",
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the emulator as `make cloud-local` does, and end it."""
        words = ["-m", "smallboat.emulator", "--problem", "table_predictor", "--port", "0"]
        process = subprocess.Popen(
            [self.project.venv / "bin" / "python", *words, "--folder", "cloud", "--instructions"],
            cwd=self.project.path,
            env=self.environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        try:
            for line in process.stdout:
                if line.startswith("make bootstrap"):
                    break
                if line.startswith("export "):
                    name, _, value = line.removeprefix("export ").strip().partition("=")
                    self.environ[name] = value
            yield
        finally:
            process.terminate()
            process.wait(20)

    def do(self, *words: str) -> str:
        """The output of a command on staging that must succeed."""
        done = subprocess.run(
            ["python", "-m", "smallboat", *words, "--env", "staging"],
            cwd=self.project.path,
            env=self.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.nightly  # the same walk as that of the library's toy problem
@pytest.mark.skipif(shutil.which("npm") is None, reason="the API is deployed by osls, with npm")
def test_on_the_emulated_aws_it_is_released_asked_scored_retrained_and_rolled_back(
    fresh: Project,
) -> None:
    quick(fresh)
    do(fresh, "train")
    do(fresh, "deploy")
    aws = Emulated(fresh)
    with aws.running():
        aws.do("bootstrap")
        assert "released: " in aws.do("deploy", "--from", "local")
        first = json.loads(aws.do("status"))["release"]["run"]
        assert "probability" in aws.do("predict")
        aws.do("score", "--file", "data/sample/subscriptions.csv", "--out", "scored.csv")
        assert len((fresh.path / "scored.csv").read_text().splitlines()) == 2901
        sample = fresh.path / "data" / "sample" / "subscriptions.csv"
        sample.write_text("\n".join(sample.read_text().splitlines()[:-150]) + "\n")
        told = aws.do("retrain")
        assert "released: " in told or "kept: " in told
        released = json.loads(aws.do("status"))["release"]
        assert first != released["features_run"]
        assert "rolled back" in aws.do("rollback")
        assert json.loads(aws.do("status"))["release"]["features_run"] == first
        assert "nothing is left" in aws.do("destroy", "--confirm", "staging", "--force")
