"""`make clean`: which runs go, that the others are whole, and that it may end at any moment."""

import fcntl
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from copies import ROOT, command, compete, copy, here, trust
from smallboat import integrity
from smallboat.errors import UserError
from smallboat.release import cleaning
from smallboat.store import store
from smallboat.training import flow, run_files
from toy.problem import PROBLEM

READ_ALL = """
import sys
from metaflow import Run, namespace
namespace(None)
for step in Run("TrainFlow/" + sys.argv[1]):
    for task in step:
        for artifact in task:
            artifact.data
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A project with two runs of another model each, the older one first."""
    project = tmp_path_factory.mktemp("trained")
    copy(project)
    trust(project)
    for line in ("good", "simplest"):
        compete(project, line)
        done = command(project, "train")
        assert done.returncode == 0, done.stdout + done.stderr
    first, second = sorted(os.listdir(project / "store" / "runs"))
    return project, first, second


def test_an_old_run_goes_from_store_and_metaflow_and_the_new_one_is_whole(
    trained: tuple[Path, str, str],
) -> None:
    project, old, new = trained
    before = sorted(project.glob(".metaflow/**/*"))
    for words, message in (
        ([], "there is no terminal to confirm on: repeat with CONFIRM=local"),
        (["--confirm", "staging"], "'staging' is not 'local': nothing was deleted"),
    ):
        refused = command(project, "clean", "--keep", "1", *words)
        assert refused.returncode == 2 and message in refused.stderr
        assert old in refused.stdout and new not in refused.stdout
        assert "to remove: 1 run and artifacts that no other has, " in refused.stdout
        assert "to keep: 1 run (1 newest)" in refused.stdout
    assert sorted(project.glob(".metaflow/**/*")) == before
    done = command(project, "clean", "--keep", "1", "--confirm", "local")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "removed: 1 run"
    assert os.listdir(project / "store" / "runs") == [new]
    assert not [path for path in project.glob(".metaflow/**/*") if old in str(path)]
    read = [sys.executable, "-c", READ_ALL, new]
    whole = subprocess.run(read, cwd=project, env=here(project), capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    again = command(project, "clean", "--keep", "1")
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "nothing to remove")
    assert command(project, "runs").stdout.count(new) == 1


def test_each_artifact_of_metaflow_is_one_that_a_run_lists(
    trained: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this relies on in Metaflow: else files would be lost, or stay for ever."""
    monkeypatch.chdir(trained[0])
    every = [path.name for path in Path(".metaflow", flow.FLOW).iterdir()]
    assert run_files.unused_artifacts(flow.FLOW, []) == []
    assert len(run_files.unused_artifacts(flow.FLOW, every)) > 20


class Runs:
    """Runs in the current folder, as few files as there can be of each."""

    def __init__(self) -> None:
        self.started: dict[str, Any] = {}

    def add(self, run: int, *, bundle: bool = True, tags: tuple[str, ...] = ()) -> None:
        """Add a run of that minute; it has an artifact of its own and one that all have."""
        name = str(run)
        task = run_files.ROOT / flow.FLOW / name / "start" / "1"
        task.mkdir(parents=True)
        (run_files.ROOT / "mf.cards" / flow.FLOW / "runs" / name).mkdir(parents=True)
        listed = {"own": f"a{name}", "shared": "b0"}
        (task / "0.data.json").write_text(json.dumps({"objects": listed}))
        (task / "0.DONE.lock").touch()
        for digest in listed.values():
            for file in (digest, f"{digest}_meta"):
                path = run_files.ROOT / flow.FLOW / "data" / digest[:2] / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        at = datetime(2026, 11, 21, 1, run)
        self.started[name] = SimpleNamespace(user_tags=frozenset(tags), created_at=at)
        if bundle:
            facts = {"run": name, "created": f"{at.isoformat()}+00:00", "winner": "ridge"}
            store.write_run("store", name, facts, {"model.onnx": b"model"})

    def left(self) -> tuple[set[str], set[str], set[str]]:
        """The runs in the store, those in Metaflow's folders, and the own artifacts."""
        base = run_files.ROOT / flow.FLOW
        tasks = {path.name for path in base.iterdir()} - {"data"}
        cards = {path.name for path in (run_files.ROOT / "mf.cards" / flow.FLOW / "runs").iterdir()}
        assert cards <= tasks
        data = {path.name[1:] for path in base.glob("data/*/a*") if "_" not in path.name}
        return {path.name for path in Path("store", "runs").iterdir()}, tasks, data


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """No run yet, in a folder of its own."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    runs = Runs()
    # A run that is gone is not listed by Metaflow, either.
    base = run_files.ROOT / flow.FLOW
    listed = lambda _: {run: runs.started[run] for run in runs.started if (base / run).is_dir()}  # noqa: E731
    monkeypatch.setattr(flow, "all_runs", listed)
    return runs


def clean(keep: int) -> int:
    return cleaning.clean(PROBLEM, "local", str(keep), "local")


def release(name: str, run: str, features_run: str) -> None:
    folder = Path("endpoint", "releases", name)
    folder.mkdir(parents=True)
    integrity.seal(folder, integrity.RELEASE, {"run": run, "features_run": features_run})


def test_released_pinned_and_damaged_runs_stay_whatever_their_age(
    made: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in range(1, 9):
        made.add(run, tags=("pinned",) if run == 4 else ("kept",))
    release("before", "1", "2")
    release("current", "2", "3")
    damaged = Path("store", "runs", "5", "evaluation.json")
    damaged.write_bytes(damaged.read_bytes().replace(b"ridge", b"lasso"))
    assert clean(1) == 0
    stay = {"1", "2", "3", "4", "5", "8"}
    assert made.left() == (stay, stay, stay)
    assert "to keep: 6 runs (1 newest, 1 damaged, 1 pinned, 3 released)" in capsys.readouterr().out
    assert run_files.ROOT.joinpath(flow.FLOW, "data", "b0", "b0").exists()


def test_the_newest_are_kept_and_as_many_with_a_bundle(made: Runs) -> None:
    for run in range(1, 9):
        made.add(run, bundle=run in (1, 3, 5))
    assert clean(2) == 0
    assert made.left() == ({"3", "5"}, {"3", "5", "7", "8"}, {"3", "5", "7", "8"})
    assert clean(0) == 0
    assert made.left() == (set(), set(), set())


def test_what_a_run_has_that_metaflow_does_not_list_stays(made: Runs) -> None:
    made.add(1, bundle=False)
    made.add(2)
    del made.started["1"]
    assert clean(0) == 0
    assert made.left() == (set(), {"1"}, {"1"})


def test_a_run_of_the_store_alone_is_a_run(made: Runs) -> None:
    for run in (1, 2):
        made.add(run)
    made.started.clear()
    assert clean(1) == 0
    assert made.left()[0] == {"2"}


@contextmanager
def interrupted(patch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """Interrupt the block instead of that rename or removal of a file."""
    left = iter(range(after))

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(path: Path, *words: Any, **options: Any) -> Any:
            if path.name == "current":  # the target's
                return change(path, *words, **options)
            if next(left, None) is None:
                raise KeyboardInterrupt
            return change(path, *words, **options)

        return changed

    with patch.context() as within, pytest.raises(KeyboardInterrupt):
        within.setattr(Path, "rename", counted(Path.rename))
        within.setattr(Path, "unlink", counted(Path.unlink))
        yield


@pytest.mark.parametrize("after", range(10))
def test_the_next_one_ends_what_an_interrupted_one_began(
    made: Runs, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    for run in (1, 2, 3):
        made.add(run)
    with interrupted(monkeypatch, after):
        clean(1)
    for run in Path("store", "runs").iterdir():
        integrity.verify(run, integrity.EVALUATION)
    assert "3" in made.left()[0] & made.left()[2]
    assert clean(1) == 0
    assert made.left() == ({"3"}, {"3"}, {"3"})
    assert not list(Path().glob("**/.removed"))


def test_nothing_goes_while_a_run_or_a_deployment_goes_on(made: Runs) -> None:
    made.add(1)
    with flow.LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.raises(UserError, match="a run is still going on in this folder"):
            clean(0)
    with (
        cleaning.LocalTarget(PROBLEM).locked(),
        pytest.raises(UserError, match="another deployment is running"),
    ):
        clean(0)
    assert made.left()[0] == {"1"}


def test_what_is_unknown_is_not_removed(made: Runs) -> None:
    for run in (1, 2):
        made.add(run)
    release("current", "1", "1")
    broken = Path("endpoint", "releases", "current", "release.json")
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-9])
    with pytest.raises(UserError, match=r"release\.json was changed"):
        clean(0)
    broken.write_bytes(whole)
    listing = run_files.ROOT / flow.FLOW / "1" / "start" / "1" / "0.data.json"
    listing.write_text('{"obj')
    with pytest.raises(UserError, match=r"0\.data\.json can't be read, so the artifacts of run 1"):
        clean(0)
    assert made.left()[0] == {"1", "2"}
    (listing.parent / "0.DONE.lock").unlink()  # a task that was killed as it wrote
    assert clean(0) == 0
    assert made.left()[0] == {"1"}


@pytest.mark.parametrize(
    ("keep", "environment", "message"),
    [
        (None, "local", "say how many runs to keep, as in `make clean KEEP=10`"),
        *(
            (keep, "local", f"KEEP is {keep[:20]!r}, which is no number of runs")
            for keep in ("-1", "x", "1.5", "1e3", "٣", "9" * 5000, "1 2")
        ),
        ("1", "staging", "staging keeps its runs on S3"),
    ],
)
def test_a_wrong_number_or_environment_is_told(
    made: Runs, keep: str | None, environment: str, message: str
) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        cleaning.clean(PROBLEM, environment, keep, None)


@pytest.mark.parametrize(("typed", "code"), [("local", 0), ("no", 2), ("", 2), ("\x04", 2)])
def test_on_a_terminal_it_asks(
    made: Runs, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    made.add(1)
    ours, theirs = pty.openpty()
    os.write(ours, f"{typed}\n".encode())
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        try:
            assert cleaning.clean(PROBLEM, "local", "0", None) == code
        except UserError as error:
            assert error.exit_code == code and "is not 'local': nothing was deleted" in str(error)
    os.close(ours)
    assert made.left()[0] == ({"1"} if code else set())
