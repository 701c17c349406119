"""The pipeline in projects of many combinations of answers: trained, released, asked.

Each project has the environment that its own `make` installs: the projects of a use case share a
folder, and what one does not ask for is removed from it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from conftest import Project, bake, share_bytecode
from forks import shared

from combinations import COVERING, SUPPORTED, Combination

QUICK = """

from dataclasses import replace as _replace

CANDIDATES = tuple(_replace(each, grid=each.grid[:1]) for each in CANDIDATES[:1])
"""
"""For candidates.py: the first one competes, with one setting."""
CLIENTS = {"comet": "comet_ml", "mlflow": "mlflow", "wandb": "wandb"}
CLOUD_ONLY = ("cfnlint", "moto")
INSTALLED = """
import json, sys
from importlib.util import find_spec

print(json.dumps([name for name in sys.argv[1:] if find_spec(name)]))
"""
REST = [each for each in SUPPORTED if each.licence == "MIT" and each not in COVERING]
FIRST = {(each.use_case, each.cloud): each for each in reversed(COVERING)}
"""Of each use case with and without a cloud: tracker and licence change no code."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Combination], Project]]:
    """Makes the project of a combination, and installs what it asks for."""
    servers: dict[str, dict[str, str]] = {}
    with ExitStack() as stack:

        def make(combination: Combination) -> Project:
            project = bake(tmp_path_factory.mktemp("made"), **combination.answers)
            project = replace(project, shared="combinations-venv")
            if project.use_case not in servers:
                project.fresh()
            done = project.make("setup")
            assert done.returncode == 0, done.stderr
            if project.use_case not in servers:
                share_bytecode(project.venv)
                started = stack.enter_context(shared(project.venv / "bin" / "python"))
                servers[project.use_case] = started
            return replace(project, variables=servers[project.use_case])

        yield make


def do(project: Project, *words: str) -> str:
    """The output of a command that must succeed."""
    done = project.make(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_installed(project: Project, combination: Combination) -> None:
    """It has the client of its tracker and no other, and nothing that only AWS needs."""
    names = (*CLIENTS.values(), *CLOUD_ONLY)
    found = set(json.loads(project.run("python", "-P", "-c", INSTALLED, *names).stdout))
    client = {CLIENTS[combination.tracker]} if combination.tracker in CLIENTS else set()
    assert found == client | (set(CLOUD_ONLY) if combination.cloud == "aws" else set())


def check_pipeline(project: Project, combination: Combination) -> None:
    """A model of the sample is trained, logged, released on this machine, and answers."""
    (candidates,) = project.path.glob("*/candidates.py")
    with candidates.open("a") as file:
        file.write(QUICK)
    if project.use_case == "intent":
        do(project, "data", "SESSIONS=20000")
    assert "passed: model " in do(project, "train")
    assert "released: model " in do(project, "deploy")
    (run,) = (project.path / "store" / "runs").iterdir()
    logged = [*project.path.glob(f"store/tracking/{run.name}-*.zip")]
    assert len(logged) == (combination.tracker != "none")
    assert json.loads(do(project, "status"))["release"]["run"] == run.name
    assert f"model of run {run.name}" in do(project, "predict")


@pytest.mark.parametrize("combination", COVERING, ids=str)
def test_it_is_linted_trained_released_and_asked(
    combination: Combination, made: Callable[[Combination], Project]
) -> None:
    project = made(combination)
    check_installed(project, combination)
    if combination in FIRST.values():
        do(project, "lint")
    check_pipeline(project, combination)


@pytest.mark.parametrize("combination", [FIRST["tabular", "none"]], ids=str)
def test_without_a_cloud_no_environment_and_no_target_leads_to_one(
    combination: Combination, made: Callable[[Combination], Project]
) -> None:
    project = made(combination)
    done = project.make("deploy", "ENV=staging")
    sentence, verdict = done.stderr.splitlines()
    assert sentence.startswith("error: there is no environment 'staging': the project has no")
    assert verdict.endswith("Error 2")
    assert project.make("bootstrap").returncode == 2
    shown = project.make("help").stdout
    assert "AWS" not in shown and "staging" not in shown and "bootstrap" not in shown


@pytest.mark.nightly
@pytest.mark.parametrize("combination", REST, ids=str)
def test_so_is_each_other_one(
    combination: Combination, made: Callable[[Combination], Project]
) -> None:
    project = made(combination)
    check_installed(project, combination)
    check_pipeline(project, combination)


@pytest.mark.nightly
@pytest.mark.parametrize("combination", [*COVERING, *REST], ids=str)
def test_its_own_tests_pass(
    combination: Combination, made: Callable[[Combination], Project]
) -> None:
    do(made(combination), "test")
