"""`make serve`: model server and API on this machine, and how others find and stop them.

The process that serves an endpoint's folder locks its record. An unlocked record is stale, even
if another process has its id now.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..config import config
from ..errors import UserError, ended
from ..problem import Problem
from ..store import s3_cache, store
from . import servers

RECORD, LOG = "serving.json", "serve.log"
STOP_SECONDS = 15.0
RESTARTS = 5
"""How often each server is started again if it is killed or ends by itself."""
PAGE = "serving/api/static"
"""The project's part of the page."""


def running(folder: Path) -> dict[str, Any] | None:
    """What serves an endpoint's folder: `pid`, `url` and `model_url`; None if nothing does."""
    try:
        with (folder / RECORD).open() as file:
            if _try_lock(file, fcntl.LOCK_SH):
                return None
            record: dict[str, Any] = json.load(file)
            return record
    except (FileNotFoundError, ValueError):  # nothing serves it, or is only starting
        return None


def serve(problem: Problem, folder: Path, settings: config.Settings, port: int) -> None:
    """Serve an endpoint's folder until a KeyboardInterrupt; UserError if that is impossible."""
    signal.signal(signal.SIGHUP, signal.default_int_handler)  # its terminal was closed
    with (folder / RECORD).open("a") as record:
        _lock(record, folder)
        record.truncate(0)
        _check_port(port)
        with (
            servers.model_server(problem, folder, sys.stdout.buffer, RESTARTS) as model,
            _api(settings, model.url, port) as api,
        ):
            json.dump({"pid": os.getpid(), "url": api.url, "model_url": model.url}, record)
            record.flush()
            print(
                f"serving {api.url}\nnext: open it, or `make predict`; stop with Ctrl-C", flush=True
            )
            _wait_until_one_ends(model, api)


def serve_in_background(
    problem: Problem, folder: Path, environment: str, port: int
) -> dict[str, Any]:
    """The record of `running`. If nothing runs, start a `serve` that outlives this process."""
    if server := running(folder):
        return server
    log = folder / LOG
    log.touch()
    log.chmod(0o600)  # servers may print requests
    command = [sys.executable, "-m", "smallboat", "serve", "--env", environment]
    with log.open("w") as output, _interrupt_deferred() as interrupt:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        if interrupt:
            raise KeyboardInterrupt
        while process.poll() is None:
            if server := running(folder):
                return server
            time.sleep(0.1)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    message = servers.last_line(log.read_text(errors="replace")).removeprefix("error: ")
    raise UserError(message.replace(servers.SEE_ABOVE, f"see {log}"))


@contextmanager
def _interrupt_deferred() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the block: one amid a start would leave the process running."""
    received: list[int] = []
    usual = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def stop(folder: Path) -> int | None:
    """Stop what serves an endpoint's folder; returns its process id, or None if nothing does."""
    server = running(folder)
    if server is None:
        return None
    pid: int = server["pid"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while running(folder) == server:
        if time.monotonic() > deadline:
            raise ended(f"process {pid} does not end; kill it with `kill -9 {pid}`", 1)
        time.sleep(0.1)
    return pid


def _lock(record: IO[str], folder: Path) -> None:
    for _ in range(5):  # `running` locks it, too, for a moment
        if _try_lock(record, fcntl.LOCK_EX):
            return
        time.sleep(0.02)
    server = running(folder)
    where = f" at {server['url']}" if server else ""
    raise UserError(f"this project is served already{where}: stop it with `make stop`")


def _try_lock(file: IO[str], kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, kind | fcntl.LOCK_NB)
        return True
    return False


def _check_port(port: int) -> None:
    """Raise UserError if this process can't listen on a port."""
    try:
        with socket.socket() as wanted:
            wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            wanted.bind((servers.HOST, port))
    except OSError as error:
        reason = str(error.strerror).lower()
        raise UserError(
            f"port {port}: {reason}; choose another, as in `make serve PORT=8001`"
        ) from None


def _api(
    settings: config.Settings, model_url: str, port: int
) -> AbstractContextManager[servers.Server]:
    releases = s3_cache.local_folder(settings.store.root) / store.RELEASES
    variables = {
        "ENDPOINT_NAME": settings.project.name,
        "AWS_DEFAULT_REGION": settings.project.aws_region,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model_url,
        "ALLOWED_HOSTS": ",".join(settings.serve.allowed_hosts if settings.serve else ()),
        "RELEASES": str(releases.resolve()),
        **settings.api.variables,
    }
    arguments = [*servers.API_SERVER, "--host", servers.HOST, "--port", str(port), "--page", PAGE]
    output = sys.stdout.buffer
    return servers.started("API", arguments, port, "/health", variables, output, RESTARTS)


def _wait_until_one_ends(*started: servers.Server) -> None:
    while True:
        for server in started:
            if server.process.poll() is not None:
                raise ended(f"the {server.name} ended; start again with `make serve`", 1)
        time.sleep(0.2)
