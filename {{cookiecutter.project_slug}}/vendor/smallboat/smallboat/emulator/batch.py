"""Batch jobs as processes of this machine.

A job has this machine's packages, but not the project, which Metaflow packages. Retries follow the
job's retry strategy; timeouts are not emulated.
"""

import datetime
import os
import subprocess
import sys
import sysconfig
import threading
import venv
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from moto.batch.responses import BatchResponse
from moto.batch_simple.models import BatchSimpleBackend

from ..training.fork_server import THREADS
from . import calls

Json = dict[str, Any]
TETHER = "smallboat.serving.child_process"


RUNNING: set["subprocess.Popen[bytes]"] = set()
_attempts: ContextVar[int] = ContextVar("_attempts", default=1)
PREPARING = threading.Lock()


def install(folder: Path, url: str) -> None:
    """Add it to moto.

    Args:
        folder: for the jobs' folders and logs.
        url: the address of AWS for the jobs.
    """
    _run_jobs(folder, url)
    _keep_retry_strategies()


def end() -> None:
    """Stop the running jobs."""
    for process in list(RUNNING):
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def _run_jobs(folder: Path, url: str) -> None:
    """Run a job's command: moto marks a job as done without running it."""

    def started(self: Any, include_start_attempt: bool, job: Any) -> None:
        self.backend._jobs[job.job_id] = job
        job.log_stream_name = job._stream_name
        if include_start_attempt:
            job._start_attempt()
        words = job, folder / job.job_id, url, _attempts.get()
        threading.Thread(target=_run, args=words, daemon=True).start()

    BatchSimpleBackend._mark_job_as_finished = started


def _run(job: Any, folder: Path, url: str, attempts: int) -> None:
    overrides = _lowered(job.container_overrides or {})
    properties = _lowered(job.job_definition.container_properties or {})
    role = calls.credentials(properties["jobRoleArn"]) if "jobRoleArn" in properties else "job"
    variables = _variables(properties) | _variables(overrides)
    here = {
        "PATH": f"{_python(folder.parent)}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "AWS_BATCH_JOB_ID": job.job_id,
        "AWS_BATCH_JQ_NAME": job.job_queue.name,
        "AWS_BATCH_CE_NAME": "emulated",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": role,  # who calls: the job's role
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": job.backend.region_name,
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",  # they are those of this machine
        **dict.fromkeys(THREADS, "1"),  # as the training image says
    }
    command = overrides.get("command") or properties.get("command") or []
    job.job_started_at, job.status = datetime.datetime.now(), "RUNNING"
    for attempt in range(1, attempts + 1):
        home = folder / str(attempt)
        home.mkdir(parents=True)
        job.exit_code = _attempt(command, home, variables | here, attempt)
        if job.exit_code == 0:
            break
    job._mark_stopped(success=job.exit_code == 0)


def _attempt(command: list[str], home: Path, variables: dict[str, str], attempt: int) -> int:
    """Run a job's command once, in an empty folder; returns its exit code."""
    own = {"HOME": str(home), "AWS_BATCH_JOB_ATTEMPT": str(attempt)}
    with (home.parent / f"{attempt}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", TETHER, *command],
            cwd=home,
            env=variables | own,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        RUNNING.add(process)
        code = process.wait()
        RUNNING.discard(process)
    return code


def _python(folder: Path) -> Path:
    """The folder of a Python with this one's packages, without editable installs."""
    home = folder / "python"
    with PREPARING:
        if not home.is_dir():
            venv.create(home, symlinks=True)
            (packages,) = home.glob("lib/python*/site-packages")
            (packages / "packages.pth").write_text(sysconfig.get_path("purelib"))
    return home / "bin"


def _keep_retry_strategies() -> None:
    """Give a job its number of attempts: moto drops it."""
    submit = BatchResponse.submitjob

    def submitted(self: Any) -> str:
        token = _attempts.set((self._get_param("retryStrategy") or {}).get("attempts", 1))
        try:
            return str(submit(self))
        finally:
            _attempts.reset(token)

    BatchResponse.submitjob = submitted


def _variables(said: Json) -> dict[str, str]:
    pairs = [_lowered(each) for each in said.get("environment") or []]
    return {each["name"]: each.get("value", "") for each in pairs}


def _lowered(said: Json) -> Json:
    return {name[0].lower() + name[1:]: value for name, value in said.items()}
