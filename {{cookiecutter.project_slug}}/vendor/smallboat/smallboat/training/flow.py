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

from .. import disk, process_environment
from ..aws import aws, remote
from ..config import config, files
from ..errors import FullDiskError, UserError, ended, nearest
from ..store import s3_cache
from . import resumable_runs

FLOW = "TrainFlow"
LOCK = Path(".metaflow", "running")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start(name: str, settings: config.Settings, snapshot: str) -> str:
    """Run the flow on a snapshot with the configuration of that name; returns the run's id."""
    with _lock() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        command = ["--config", "config", str(files.path(name)), "run", "--snapshot", snapshot]
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


def resume(origin: resumable_runs.ResumableRun, lock: int) -> str:
    """Go on with a run where it failed, as a new run that takes over what the old one finished.

    Metaflow counts a candidate that failed as done, for the others went on: if none was left, all
    are trained again.
    """
    fcntl.flock(lock, fcntl.LOCK_SH)
    step = ["train_candidate"] if origin.none_left else []
    return _execute(["resume", *step, "--origin-run-id", origin.id], origin.settings, lock)


def all_runs(settings: config.Settings) -> dict[str, Any]:
    """Metaflow's runs by id, the newest first, however they ended."""
    metaflow = _client(settings)
    if FLOW not in [flow.id for flow in metaflow.Metaflow().flows]:
        return {}
    newest_first = sorted(metaflow.Flow(FLOW), key=lambda run: run.created_at, reverse=True)
    return {run.id: run for run in newest_first}


def origin(run: str | None, settings: config.Settings) -> resumable_runs.ResumableRun:
    """A run of the environment that failed, or the newest of this machine.

    It may have run on another machine, or on Step Functions: its data store tells all.

    Raises:
        UserError: there is no such run, or it has nothing to resume.
    """
    chosen = next(iter(all_runs(settings)), None) if run is None else run
    if chosen is None:
        raise UserError("no runs yet: `make train` makes one")
    datastore = _datastore(settings)
    with aws.aws_errors():
        known = resumable_runs.known(datastore, FLOW)
    if chosen not in known:
        raise UserError(f"there is no run {chosen!r}: {nearest(chosen, known)}")
    return resumable_runs.read(datastore, chosen)


def evaluation(run: str, settings: config.Settings) -> dict[str, Any]:
    """What a run ended with: an earlier one's evaluation if that had made the bundle already."""
    made: dict[str, Any] = _client(settings).Run(f"{FLOW}/{run}").data.evaluation
    return made


def environment(settings: config.Settings) -> dict[str, str]:
    """Runs are kept in this folder or on S3; numbers do not depend on how many cores there are."""
    ours = {
        "AWS_DEFAULT_REGION": settings.project.aws_region,
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(_home(settings)),
        **dict.fromkeys(THREADS, "1"),
    }
    passed = process_environment.cleaned(os.environ, on_aws=settings.aws is not None)
    return passed | ours | remote.variables(settings)


def _home(settings: config.Settings) -> Path:
    """Where Metaflow keeps what this machine knows of runs, those of an environment by itself."""
    return Path.cwd() / s3_cache.CACHE / settings.bucket if settings.aws else Path.cwd()


@contextmanager
def _lock() -> Iterator[int]:
    """Held as long as a command or its runner lives, for the runner inherits it."""
    LOCK.parent.mkdir(exist_ok=True)  # cards, too, would go to the next such folder above
    with LOCK.open("w") as file:
        yield file.fileno()


def _execute(words: list[str], settings: config.Settings, lock: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        note, full = Path(folder, "run"), Path(folder, "full")
        command = [sys.executable, "flows/train.py", "--no-pylint", *words]
        command += ["--run-id-file", str(note), "--max-workers", str(settings.training.workers)]
        variables = environment(settings) | {disk.NOTE: str(full)}
        runner = subprocess.Popen(command, env=variables, pass_fds=[lock])
        try:
            code = runner.wait()
        except KeyboardInterrupt:
            runner.wait()  # it was interrupted as well and ends its tasks
            raise
        run = note.read_text() if note.is_file() else None
        if code != 0 and full.exists():
            message = full.read_text() or "the disk is full; nothing was kept"
            raise FullDiskError(f"{message}; make room, then `make resume` goes on")
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


def _datastore(settings: config.Settings) -> Any:
    """Where Metaflow keeps the environment's runs: a folder, or S3."""
    _client(settings)
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins.datastores import local_storage, s3_storage

    kind = s3_storage.S3Storage if settings.aws else local_storage.LocalStorage
    root = kind.get_datastore_root_from_config(lambda *_, **__: None)
    return FlowDataStore(FLOW, None, storage_impl=kind, ds_root=root)


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
