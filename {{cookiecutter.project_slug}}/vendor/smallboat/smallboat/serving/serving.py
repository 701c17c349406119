"""Model server and API on this machine: started together, found again, ended.

Whoever serves an endpoint's folder holds its lock, so a lock that is free says that the record of
an earlier server is stale, whatever process has its id now.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..config import config
from ..errors import UserError, ended
from ..problem import Problem
from ..store import store
from . import servers

RECORD, LOCK, LOG = "serving.json", ".serving", "serve.log"
STOP_SECONDS = 15.0
API = [
    "-m",
    "gunicorn",
    "--config",
    str(Path(__file__).parent / "model" / "gunicorn_settings.py"),
]
PAGE = "serving/api/static"
"""Where a project has its own part of the page."""


def running(folder: Path) -> dict[str, Any] | None:
    """What serves an endpoint's folder: `pid`, `url` and `model_url`; None if nothing does."""
    if not (folder / RECORD).is_file() or not _held(folder):
        return None
    try:
        record: dict[str, Any] = store.read_json(folder / RECORD)
    except FileNotFoundError:  # it ended meanwhile
        return None
    return record


def serve(problem: Problem, folder: Path, settings: config.Settings, port: int) -> None:
    """Serve an endpoint's folder until a KeyboardInterrupt; UserError if that can't be."""
    signal.signal(signal.SIGHUP, signal.default_int_handler)  # its terminal was closed
    with _lock(folder), _both(problem, folder, settings, port) as (model, api):
        record = {"pid": os.getpid(), "url": api.url, "model_url": model.url}
        with store.staged(folder) as stage:
            (stage / RECORD).write_bytes(store.to_json(record))
            os.replace(stage / RECORD, folder / RECORD)
        print(f"serving {api.url}\nnext: open it, or `make predict`; Ctrl-C ends it", flush=True)
        _until_one_ends(model, api)


def serve_in_background(
    problem: Problem, folder: Path, environment: str, port: int
) -> dict[str, Any]:
    """What `running` says, of a `serve` that is started if none runs and outlives this process."""
    found = running(folder)
    if found is not None:
        return found
    log = folder / LOG
    command = [sys.executable, "-m", "smallboat", "serve", "--env", environment]
    with open(log, "w", opener=_private) as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while process.poll() is None:
            found = running(folder)
            if found is not None:
                return found
            time.sleep(0.1)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    message = servers.last_line(log.read_text(errors="replace"))
    raise UserError(
        message.removeprefix("error: ").replace(servers.ABOVE, f"{log} has its messages")
    )


def stop(folder: Path) -> int | None:
    """End what serves an endpoint's folder; returns its process id, or None if nothing did."""
    found = running(folder)
    if found is None:
        return None
    pid: int = found["pid"]
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while _held(folder):
        if time.monotonic() > end:
            raise ended(f"process {pid} does not end: `kill -9 {pid}` ends it", 1)
        time.sleep(0.1)
    return pid


@contextmanager
def _both(
    problem: Problem, folder: Path, settings: config.Settings, port: int
) -> Iterator[tuple[servers.Server, servers.Server]]:
    trouble = servers.port_trouble(port)
    if trouble:
        raise UserError(f"port {port}: {trouble}; choose another, as in `make serve PORT=8001`")
    out = sys.stdout.buffer
    with servers.model(problem, folder, out) as model:
        words = [
            *API,
            "--bind",
            f"{servers.HOST}:{port}",
            f"smallboat.serving.api.app:create({PAGE!r})",
        ]
        variables = _variables(settings, model.url)
        with servers.started("API", words, port, "/health", variables, out) as api:
            yield model, api


def _variables(settings: config.Settings, model_url: str) -> dict[str, str]:
    """The API's settings: those of the configuration."""
    return {
        "ENDPOINT_NAME": settings.project.name,
        "AWS_DEFAULT_REGION": settings.project.aws_region,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model_url,
        "ALLOWED_HOSTS": ",".join(settings.serve.allowed_hosts if settings.serve else ()),
        **settings.api.variables,
    }


def _until_one_ends(*started: servers.Server) -> None:
    while True:
        for server in started:
            if server.ended():
                raise ended(f"the {server.name} ended: `make serve` starts it again", 1)
        time.sleep(0.2)


def _private(path: str, flags: int) -> int:
    """Open a file that its owner alone may read, for servers may print what they were asked."""
    file = os.open(path, flags, 0o600)
    os.fchmod(file, 0o600)  # one that was there has the mode that it had
    return file


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as lock:
        if not _taken(lock, fcntl.LOCK_EX):
            found = running(folder)
            where = f" at {found['url']}" if found else ""
            raise UserError(f"this project is served already{where}: `make stop` ends that")
        (folder / RECORD).unlink(missing_ok=True)  # of one that was killed
        try:
            yield
        finally:
            (folder / RECORD).unlink(missing_ok=True)


def _held(folder: Path) -> bool:
    if not (folder / LOCK).is_file():
        return False
    with (folder / LOCK).open("w") as lock:
        return not _taken(lock, fcntl.LOCK_SH)


def _taken(lock: IO[str], kind: int) -> bool:
    """Whether the lock could be had, for which one that only looks may stand in the way."""
    for _ in range(5):
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False
