"""What `make data` and `make train` do."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import NoCandidateError, UserError
from . import config, report, store

CARDS = Path(".metaflow", "mf.cards", "TrainFlow")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_data(options: argparse.Namespace) -> int:
    """Make a snapshot and say what is in it."""
    settings = config.load(options.env)
    snapshot = _snapshot(settings, options.source, options.dir)
    store.make_newest(settings.store.root, snapshot)
    print("next: make train")
    return 0


def train(options: argparse.Namespace) -> int:
    """Run the training flow and print how the candidates did; 0 if the winner passed, else 3."""
    settings = config.load(options.env)
    root = settings.store.root
    snapshot = None if options.dir else store.newest_snapshot(root)
    if snapshot is None:
        snapshot = _snapshot(settings, "files" if options.dir else None, options.dir)
    run = _run_flow(options.env, settings, snapshot)
    store.make_newest(root, snapshot)
    folder = store.run_folder(root, run)
    evaluation = store.read_json(folder / "evaluation.json")
    cards = list(CARDS.glob(f"runs/{run}/steps/make_bundle/tasks/*/cards/*.html"))
    print(report.table(evaluation, [("bundle", folder), *(("card", card) for card in cards)]))
    return 0 if evaluation["passed"] else NoCandidateError.exit_code


def _snapshot(settings: config.Settings, source: str | None, folder: str | None) -> str:
    chosen = config.override(settings, source=source, directory=folder)
    snapshot = store.make_snapshot(settings.store.root, chosen.model_dump())
    about = store.read_json(store.snapshot_folder(settings.store.root, snapshot) / "snapshot.json")
    print(report.snapshot(snapshot, about))
    return snapshot


def _run_flow(name: str, settings: config.Settings, snapshot: str) -> str:
    environment = _environment(settings)
    Path(".metaflow").mkdir(exist_ok=True)  # else cards go to the next such folder above
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder, "run")
        command = [sys.executable, "flows/train.py", "--no-pylint"]
        command += ["--config", "config", str(config.file(name))]
        command += ["run", "--snapshot", snapshot, "--run-id-file", str(note)]
        command += ["--max-workers", str(settings.training.workers)]
        code = subprocess.run(command, env=environment).returncode
        run = note.read_text() if note.is_file() else None
    if run is None:
        raise UserError("the training flow did not start: its message stands above")
    if code != 0:
        raise _why(run, environment)
    return run


def _environment(settings: config.Settings) -> dict[str, str]:
    """Runs are kept in this folder; numbers do not depend on how many cores there are."""
    here = {
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(Path.cwd()),
        "METAFLOW_USER": "local",
        "AWS_DEFAULT_REGION": settings.project.aws_region,
    }
    return here | os.environ | dict.fromkeys(THREADS, "1")


def _why(run: str, environment: dict[str, str]) -> UserError:
    """The error that ended a run, in the words of the step that raised it."""
    os.environ.update(environment)
    from metaflow import Run, namespace

    namespace(None)
    failed = [task for step in Run(f"TrainFlow/{run}") for task in step if task.exception]
    for task in failed:
        if "exit_code" in task:
            return _ended(task.exception.exception, task["exit_code"].data)
    steps = ", ".join(sorted(task.parent.id for task in failed)) or "no step"
    return _ended(f"run {run} failed in {steps}: its traceback stands above", 1)


def _ended(says: str, exit_code: int) -> UserError:
    error = UserError(says)
    error.exit_code = exit_code
    return error
