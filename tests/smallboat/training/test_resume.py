"""A run that was killed, wherever, goes on and ends with the model that it would have made."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from copies import PLAIN, command, compete, copy, forking, gone, here, trust
from smallboat.store import store
from smallboat.training import fork_server

pytestmark = pytest.mark.usefixtures("own_server")

# Where the process of a step kills itself, and what the command then says of the run.
KILLS = {
    "start": "was killed (start)",
    "validate_data": "was killed (validate_data)",
    "engineer_features": "was killed (engineer_features)",
    "accept_data": "was killed (accept_data)",
    "compete": "was killed (compete)",
    "train_candidate": "no candidate can be served: waiting: Task execution kept failing",
    "select_winner": "was killed (select_winner)",
    "make_bundle": "was killed (make_bundle)",
    "bundle made": "was killed (make_bundle)",
    "end": "was killed (end)",
}
DYING = """
import os
def die(where):
    if os.environ.get("KILL") == where: os.kill(os.getpid(), 9)
    if os.environ.get("INTERRUPT") == where:
        os.killpg(0, 2)  # what a terminal does at Ctrl-C
        import time; time.sleep(60)
"""
KEEPING = """
from toy import die
_settle = settle
def settle(folder, target):
    if "runs" in target.parts: die("bundle made")
    _settle(folder, target)
"""


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that kills itself where the variable KILL says so, and one undisturbed run."""
    project = tmp_path_factory.mktemp("mortal")
    copy(project)
    trust(project)
    compete(project, "waiting")
    settings = project / "config" / "base.toml"
    settings.write_text(settings.read_text().replace("workers = 2", "workers = 1"))
    flow = project / "flows" / "train.py"
    text, found = re.subn(
        r'(    @step\n    def (\w+)\(.*\n        """.*"""\n)',
        r"\1        import toy\n        toy.die('\2')\n",
        flow.read_text(),
    )
    assert found == 9
    flow.write_text(text)
    for name, code in (
        ("toy/__init__.py", DYING),
        ("vendor/smallboat/smallboat/store/store.py", KEEPING),
    ):
        with (project / name).open("a") as file:
            file.write(f"\n\n{code}\n")
    done = command(project, "train")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def models(project: Path) -> dict[str, str]:
    """The model of each run in the store that has one, after a look that each is whole."""
    folders = [path.parent for path in (project / "store" / "runs").glob("[!.]*/model.onnx")]
    assert len({tuple(sorted(file.name for file in folder.iterdir())) for folder in folders}) == 1
    return {path.name: store.read_json(path / "evaluation.json")["model_hash"] for path in folders}


@pytest.mark.parametrize(
    "kills",
    [["bundle made"], pytest.param([*KILLS], marks=pytest.mark.nightly)],
    ids=["one kill", "a kill in each step"],
)
def test_a_killed_run_ends_with_its_own_data_settings_and_model(
    mortal: Path, kills: list[str]
) -> None:
    (model,) = set(models(mortal).values())
    settings = mortal / "config" / "base.toml"
    told = settings.read_text()
    root = str(mortal / "store")
    snapshot = store.newest_snapshot(root)
    assert snapshot is not None
    going_on = "train"
    for kill in kills:
        done = command(mortal, going_on, KILL=kill)
        assert done.returncode == (3 if kill == "train_candidate" else 1), done.stdout + done.stderr
        message = done.stdout if kill == "train_candidate" else done.stderr.splitlines()[-1]
        assert KILLS[kill] in message
        going_on = "resume"
        settings.write_text(re.sub(r"(?m)^periods = \d+", "periods = 6", told))
        assert settings.read_text() != told
        store.make_newest(root, "a later one")
    done = command(mortal, "resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == [f"passed: model {model}", "next: make deploy"]
    assert set(models(mortal).values()) == {model}
    assert store.newest_snapshot(root) == "a later one"
    settings.write_text(told)
    store.make_newest(root, snapshot)


@contextmanager
def waiting(project: Path, word: str) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A command, its runner and its task, in a group of their own, while a candidate trains."""
    started = subprocess.Popen(
        [sys.executable, "-m", "smallboat", word],
        cwd=project,
        env=here(project) | {"WAITING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert started.stdout
        for line in started.stdout:
            if line.endswith("waiting\n"):
                task = int(re.findall(r"\(pid (\d+)\)", line)[0])
                break
        else:
            raise AssertionError(started.communicate()[1])
        yield started, int(Path(f"/proc/{task}/stat").read_text().split()[3]), task
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate()


def test_what_is_left_of_a_killed_run_ends_and_does_not_spoil_the_resumed_one(mortal: Path) -> None:
    model = set(models(mortal).values())
    with waiting(mortal, "train") as (started, runner, task):
        refused = command(mortal, "resume")
        assert refused.returncode == 2
        assert "a run is still going on in this folder" in refused.stderr
        server = forking(mortal)
        assert (server == []) == (PLAIN in os.environ or not fork_server.available())
        os.kill(runner, signal.SIGKILL)
        assert gone(task) and all(map(gone, server))
        assert "was killed (train_candidate)" in started.communicate()[1]
        assert started.returncode == 1
    with waiting(mortal, "resume") as (started, runner, task):
        assert command(mortal, "resume").stderr == refused.stderr
        server = forking(mortal)
        os.killpg(started.pid, signal.SIGKILL)
        assert gone(task) and gone(runner) and all(map(gone, server))
    done = command(mortal, "resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout
    assert set(models(mortal).values()) == model


@pytest.mark.nightly
@pytest.mark.parametrize("step", KILLS)
def test_an_interrupted_run_leaves_no_process_and_is_resumed(mortal: Path, step: str) -> None:
    before = models(mortal)
    interrupted = subprocess.Popen(
        [sys.executable, "-m", "smallboat", "train"],
        cwd=mortal,
        env=here(mortal) | {"INTERRUPT": step},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _, errors = interrupted.communicate(timeout=300)
    assert interrupted.returncode == 130, errors
    assert "Traceback" not in errors
    with pytest.raises(ProcessLookupError):
        os.killpg(interrupted.pid, 0)
    assert forking(mortal) == []
    assert len(models(mortal)) == len(before) + (step == "end")
    done = command(mortal, "resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(models(mortal).values()) == set(before.values())


@pytest.mark.nightly
def test_two_runs_at_once_make_the_same_model(mortal: Path) -> None:
    before = models(mortal)
    starting = [
        subprocess.Popen(
            [sys.executable, "-m", "smallboat", "train"],
            cwd=mortal,
            env=here(mortal),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for run in starting:
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0, output
    after = models(mortal)
    assert len(after) == len(before) + 2
    assert set(after.values()) == set(before.values())


def test_a_run_that_ended_well_has_nothing_to_resume(mortal: Path) -> None:
    done = command(mortal, "resume", "--run", min(models(mortal)))
    assert done.returncode == 2
    assert "ended well: there is nothing to resume" in done.stderr


def test_a_run_killed_before_its_first_step_cannot_be_resumed(mortal: Path) -> None:
    known = min(models(mortal))
    kept = mortal / ".metaflow" / "TrainFlow"
    broken = "1" + "0" * 15
    shutil.copytree(kept / known / "_meta", kept / broken / "_meta")
    file = kept / broken / "_meta" / "_self.json"
    file.write_text(file.read_text().replace(known, broken))
    done = command(mortal, "resume", "--run", broken)
    shutil.rmtree(kept / broken)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: run {broken} was killed before it began")


def test_an_unknown_run_is_told_with_the_nearest(mortal: Path) -> None:
    known = min(models(mortal))
    done = command(mortal, "resume", "--run", known[:-1])
    assert done.returncode == 2
    assert f"there is no run {known[:-1]!r}: did you mean {known!r}?" in done.stderr


def test_before_the_first_run_there_is_nothing_to_resume(project: Path) -> None:
    done = command(project, "resume")
    assert done.returncode == 2
    assert done.stderr == "error: no runs yet: `make train` makes one\n"
