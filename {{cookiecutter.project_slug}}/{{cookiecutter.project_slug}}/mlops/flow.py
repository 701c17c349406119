"""Starts and resumes the training flow, and looks into its runs."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import NoCandidateError, UserError
from . import config

FLOW = "TrainFlow"
LOCK = Path(".metaflow", "running")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start(name: str, settings: config.Settings, snapshot: str) -> str:
    """Run the flow on a snapshot with the configuration of that name; returns the run's id."""
    with _lock() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        command = ["--config", "config", str(config.file(name)), "run", "--snapshot", snapshot]
        return _execute(command, settings, lock)


@contextmanager
def nothing_running() -> Iterator[int]:
    """The lock that a resumed run needs; UserError while a run goes on in this folder."""
    with _lock() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("a run is still going on in this folder: wait for its end") from None
        yield lock


def resume(origin: Any, settings: config.Settings, lock: int) -> str:
    """Go on with a run where it failed, as a new run that takes over what the old one finished.

    Metaflow counts a candidate that failed as done, for the others went on: if none was left, all
    are trained again.
    """
    fcntl.flock(lock, fcntl.LOCK_SH)
    none_left = any(_exit_code(task) == NoCandidateError.exit_code for task in _unfinished(origin))
    step = ["train_candidate"] if none_left else []
    return _execute(["resume", *step, "--origin-run-id", origin.id], settings, lock)


def all_runs(settings: config.Settings) -> dict[str, Any]:
    """Metaflow's runs by id, the newest first, however they ended."""
    metaflow = _client(settings)
    if FLOW not in [flow.id for flow in metaflow.Metaflow().flows]:
        return {}
    newest_first = sorted(metaflow.Flow(FLOW), key=lambda run: run.created_at, reverse=True)
    return {run.id: run for run in newest_first}


def began_with(run: Any) -> tuple[config.Settings, str]:
    """A run's own configuration and the hash of its snapshot."""
    given = {artifact.id: artifact.data for step in _parameters(run) for artifact in step.task}
    if not {"config", "snapshot"} <= given.keys():
        raise UserError(f"run {run.id} was killed before it began: `make train` starts another")
    return config.check(given["config"]), given["snapshot"]


def kept_as(run: str, settings: config.Settings) -> str:
    """The run whose bundle this one ended with: an earlier one if that had made it already."""
    kept: str = _client(settings).Run(f"{FLOW}/{run}").data.evaluation["run"]
    return kept


def environment(settings: config.Settings) -> dict[str, str]:
    """Runs are kept in this folder; numbers do not depend on how many cores there are."""
    here = {
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(Path.cwd()),
        "METAFLOW_USER": "local",
        "AWS_DEFAULT_REGION": settings.project.aws_region,
    }
    return here | os.environ | dict.fromkeys(THREADS, "1")


@contextmanager
def _lock() -> Iterator[int]:
    """Held as long as a command or its runner lives, for the runner inherits it."""
    LOCK.parent.mkdir(exist_ok=True)  # cards, too, would go to the next such folder above
    with LOCK.open("w") as file:
        yield file.fileno()


def _execute(words: list[str], settings: config.Settings, lock: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder, "run")
        command = [sys.executable, "flows/train.py", "--no-pylint", *words]
        command += ["--run-id-file", str(note), "--max-workers", str(settings.training.workers)]
        runner = subprocess.Popen(command, env=environment(settings), pass_fds=[lock])
        try:
            code = runner.wait()
        except KeyboardInterrupt:
            runner.wait()  # it was interrupted as well and ends its tasks
            raise
        run = note.read_text() if note.is_file() else None
    if run is None:
        raise UserError("the training flow did not start: its message stands above")
    if code != 0:
        raise _why(_client(settings).Run(f"{FLOW}/{run}"))
    return run


def _client(settings: config.Settings) -> Any:
    """Metaflow, which reads its settings when it is imported."""
    os.environ.update(environment(settings))
    import metaflow

    metaflow.namespace(None)
    return metaflow


def _parameters(run: Any) -> list[Any]:
    from metaflow.exception import MetaflowNotFound

    try:
        return [run["_parameters"]]
    except (KeyError, MetaflowNotFound):
        return []


def _unfinished(run: Any) -> list[Any]:
    return [task for step in run for task in step if not task.successful]


def _exit_code(task: Any) -> int | None:
    return task["exit_code"].data if "exit_code" in task else None


def _why(run: Any) -> UserError:
    """The error that ended a run, in the words of the step that raised it."""
    failed = _unfinished(run)
    for task in failed:
        code = _exit_code(task)
        if code is not None:
            return ended(task.exception.exception, code)
    raised = ", ".join(sorted({task.parent.id for task in failed if task.exception}))
    if raised:
        return ended(f"run {run.id} failed in {raised}: its traceback stands above", 1)
    steps = ", ".join(sorted({task.parent.id for task in failed})) or "between two steps"
    return ended(f"run {run.id} was killed ({steps}): `make resume` goes on from there", 1)


def ended(says: str, exit_code: int) -> UserError:
    """An error with an exit code of its own."""
    error = UserError(says)
    error.exit_code = exit_code
    return error
