"""A run can be made again from its commit and its snapshot, or it is said why not."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from copies import command, compete, copy, gone, here, trust
from smallboat import integrity
from smallboat.store import store
from toy_project import SHARED

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@localhost")


def git(project: Path, *words: str) -> str:
    done = subprocess.run(["git", *IDENTITY, *words], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(project: Path) -> None:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "test")


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in git with one run, and a second commit that changes the candidate's setting."""
    project = tmp_path_factory.mktemp("committed")
    copy(project)
    trust(project)
    compete(project, "good")
    settings = project / "config" / "local.toml"
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "store"
    settings.write_text(settings.read_text().replace('root = "store"', f'root = "{elsewhere}"'))
    shutil.copy(SHARED / ".gitignore", project)
    (project / "uv.lock").write_text("version = 1\n")
    git(project, "init", "--quiet")
    commit(project)
    done = command(project, "train")
    assert done.returncode == 0, done.stdout + done.stderr
    with (project / "toy" / "candidates.py").open("a") as file:
        file.write("\nCANDIDATES = (replace(good, grid=simplest.grid[-1:]),)\n")
    (project / "uv.lock").write_text("version = 2\n")
    commit(project)
    return project


def stored(project: Path) -> Path:
    """The folder of the only run."""
    settings = (project / "config" / "local.toml").read_text()
    root = settings.split('root = "')[1].split('"')[0]
    (folder,) = (path for path in Path(root, "runs").iterdir())
    return folder


def state(project: Path) -> dict[str, float]:
    """All that a reproduction must leave alone, with the times of the last changes."""
    kept = [*stored(project).parent.parent.rglob("*"), *project.rglob("*.py")]
    kept += (project / ".metaflow").rglob("*")
    return {str(path): path.stat().st_mtime for path in kept}


def untouched(project: Path, before: dict[str, float]) -> bool:
    """Whether no worktree and no trace of it is left."""
    return state(project) == before and len(git(project, "worktree", "list").splitlines()) == 1


def test_an_older_run_is_made_again_by_its_own_code(committed: Path, tmp_path: Path) -> None:
    model = store.read_json(stored(committed) / "evaluation.json")["model_hash"]
    before = state(committed)
    done = command(committed, "reproduce", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"reproduced: model {model}"
    assert untouched(committed, before)
    assert not list(tmp_path.glob("reproduce-*"))


def test_a_run_that_made_no_model_is_refused(committed: Path) -> None:
    evaluation = {"run": "2", "created": "2020-01-01", "model_hash": None, "snapshot": "x"}
    folder = store.write_run(str(stored(committed).parents[1]), "2", evaluation, {})
    done = command(committed, "reproduce", "--run", "2")
    shutil.rmtree(folder)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "error: run 2 made no model: name one that did with RUN, see `make runs`"
    )  # fmt: skip


def test_how_a_model_differs_is_told(committed: Path) -> None:
    forged = stored(committed).parent / "1"
    shutil.copytree(stored(committed), forged)
    evaluation, files = integrity.read_manifest(forged, integrity.EVALUATION)
    evaluation |= {"run": "1", "commit": git(committed, "rev-parse", "HEAD").strip()}
    integrity.seal(forged, integrity.EVALUATION, evaluation, files)
    (committed / "uv.lock").write_text("version = 3\n")
    done = command(committed, "reproduce", "--run", "1")
    shutil.rmtree(forged)
    git(committed, "checkout", "uv.lock")
    assert done.returncode == 1, done.stdout + done.stderr
    *_, hashes, answers, signatures, packages = done.stdout.splitlines()
    assert hashes.startswith(f"not reproduced: run 1 has model {evaluation['model_hash']}, its ")
    apart = re.fullmatch(r".* the snapshot's \d+ rows differ by (\S+) at most", answers)
    assert apart and 0.01 < float(apart[1]) < 20
    assert signatures == "their signatures differ in calibration, settings"
    assert packages == "since that commit uv.lock changed: packages may differ"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_when_it_is_interrupted_nothing_is_left(
    committed: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    before = state(committed)
    started = subprocess.Popen(
        [sys.executable, "-m", "smallboat", "reproduce"],
        cwd=committed,
        env=here(committed) | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout
    tasks = (re.search(r"validate_data/.*pid (\d+)", line) for line in started.stdout)
    task = next(filter(None, tasks))
    started.send_signal(ending)
    started.communicate()
    assert started.returncode == 130
    assert untouched(committed, before)
    assert not list(tmp_path.glob("reproduce-*"))
    assert gone(int(task[1]))
