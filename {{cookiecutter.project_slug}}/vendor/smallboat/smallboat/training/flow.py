"""Starts and resumes the training flow, and reads its runs."""

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
from ..problem import Problem
from ..store import s3_cache
from . import fork_server, metaflow_private, preloading, resumable_runs

FLOW = "TrainFlow"
LOCK = Path(".metaflow", "running")


def start(problem: Problem, name: str, settings: config.Settings, snapshot: str) -> str:
    """Run the flow on a snapshot with the configuration of that name; returns the run's id."""
    with _lock_file() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        command = ["--config", "config", str(files.path(name)), "run", "--snapshot", snapshot]
        return _execute(problem, command, settings, lock)


@contextmanager
def nothing_running() -> Iterator[int]:
    """The lock that `resume` needs; UserError while a run goes on in this folder."""
    with _lock_file() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("a run is still going on in this folder: wait for its end") from None
        yield lock


def resume(problem: Problem, origin: resumable_runs.ResumableRun, lock: int) -> str:
    """Resume a run where it failed, as a new run that reuses the finished steps; returns its id.

    Metaflow counts a failed candidate as done, because the flow went on with the others. If no
    candidate was left, all are trained again.
    """
    fcntl.flock(lock, fcntl.LOCK_SH)
    step = ["train_candidate"] if origin.none_left else []
    command = ["resume", *step, "--origin-run-id", origin.id]
    return _execute(problem, command, origin.settings, lock)


def all_runs(settings: config.Settings) -> dict[str, Any]:
    """Metaflow's runs on this machine by id, the newest first, whether they succeeded or not."""
    metaflow = _client(settings)
    if FLOW not in [flow.id for flow in metaflow.Metaflow().flows]:
        return {}
    newest_first = sorted(metaflow.Flow(FLOW), key=lambda run: run.created_at, reverse=True)
    return {run.id: run for run in newest_first}


def failed_run(run: str | None, settings: config.Settings) -> resumable_runs.ResumableRun:
    """The given run of the environment, from any machine, or the newest of this machine.

    Raises:
        UserError: there is no such run, or there is nothing to resume in it.
    """
    run = next(iter(all_runs(settings)), None) if run is None else run
    if run is None:
        raise UserError("no runs yet: `make train` makes one")
    _client(settings)
    datastore = metaflow_private.datastore(FLOW, on_s3=settings.aws is not None)
    with aws.aws_errors():
        known = metaflow_private.run_ids(datastore)
    if run not in known:
        raise UserError(f"there is no run {run!r}: {nearest(run, known)}")
    return resumable_runs.read_run(datastore, run)


def evaluation(run: str, settings: config.Settings) -> dict[str, Any]:
    """The evaluation of a run; if an interrupted run had saved the bundle, it has that run's id."""
    result: dict[str, Any] = _client(settings).Run(f"{FLOW}/{run}").data.evaluation
    return result


def environment(settings: config.Settings) -> dict[str, str]:
    """The variables of the flow: where runs are stored, and one thread for reproducible numbers."""
    variables = {
        "AWS_DEFAULT_REGION": settings.project.aws_region,
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(_metadata_folder(settings)),
        **dict.fromkeys(fork_server.THREADS, "1"),
    }
    passed = process_environment.cleaned(os.environ, on_aws=settings.aws is not None)
    return passed | variables | remote.variables(settings)


def _metadata_folder(settings: config.Settings) -> Path:
    """Where Metaflow keeps its metadata on this machine, apart for each environment on AWS."""
    return Path.cwd() / s3_cache.CACHE / settings.bucket if settings.aws else Path.cwd()


@contextmanager
def _lock_file() -> Iterator[int]:
    """A file to lock. The flow's process inherits it, and holds the lock if this one is killed."""
    LOCK.parent.mkdir(exist_ok=True)  # without it cards would go to a parent folder's .metaflow
    with LOCK.open("w") as file:
        yield file.fileno()


def _execute(problem: Problem, arguments: list[str], settings: config.Settings, lock: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        id_file, disk_file = Path(folder, "run"), Path(folder, "full_disk")
        command = [sys.executable, "flows/train.py", "--no-pylint", *arguments]
        command += ["--run-id-file", str(id_file), "--max-workers", str(settings.training.workers)]
        variables = environment(settings) | {disk.MESSAGE_FILE: str(disk_file)}
        with _forking(problem, settings, variables) as lifeline:
            process = subprocess.Popen(command, env=variables, pass_fds=[lock, *lifeline])
            try:
                code = process.wait()
            except KeyboardInterrupt:
                process.wait()  # it was interrupted as well and ends its tasks
                raise
        run = id_file.read_text() if id_file.is_file() else None
        if code != 0 and disk_file.exists():
            message = disk_file.read_text() or "the disk is full; nothing was saved"
            raise FullDiskError(f"{message}; make room, then run `make resume`")
    if run is None:
        raise UserError("the training flow did not start: see its message above")
    if code != 0:
        raise _failure(_client(settings).Run(f"{FLOW}/{run}"))
    return run


@contextmanager
def _forking(
    problem: Problem, settings: config.Settings, variables: dict[str, str]
) -> Iterator[list[int]]:
    """Name a fork server in the variables, if tasks are forks; yields the files that keep it."""
    wanted = settings.training.fork_server and fork_server.available()
    if not wanted:
        variables.pop(fork_server.VARIABLE, None)
    if not wanted or fork_server.VARIABLE in variables:  # then it is one of all trainings
        yield []
        return
    with fork_server.running(preloading.modules(problem), variables) as (path, lifeline):
        variables[fork_server.VARIABLE] = path
        yield [lifeline]


def _client(settings: config.Settings) -> Any:
    """Metaflow, which reads its settings when it is imported."""
    os.environ.update(environment(settings))
    import metaflow

    metaflow.namespace(None)
    return metaflow


def _failure(run: Any) -> UserError:
    """The error that ended a run: the message and exit code of the step that raised it."""
    failed = [task for step in run for task in step if not task.successful]
    for task in failed:
        if "exit_code" in task and (code := task["exit_code"].data) is not None:
            return ended(task.exception.exception, code)
    raised = ", ".join(sorted({task.parent.id for task in failed if task.exception}))
    if raised:
        return ended(f"run {run.id} failed in {raised}: see its traceback above", 1)
    steps = ", ".join(sorted({task.parent.id for task in failed})) or "between two steps"
    return ended(f"run {run.id} was killed ({steps}): `make resume` continues it", 1)
