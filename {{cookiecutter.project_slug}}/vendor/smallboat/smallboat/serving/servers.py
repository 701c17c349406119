"""Server processes on this machine, and a client of the model server."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

from ..errors import ReleaseError
from ..problem import Problem

Json = dict[str, Any]
Invoke = Callable[[Json], Json]
"""Sends a JSON body to a model server, returns its answer; ReleaseError if that is an error."""

HOST = "127.0.0.1"
START_SECONDS = 60.0
ANSWER_SECONDS = 10.0
MODEL_SERVER = ("-m", "smallboat.serving.model")
API_SERVER = ("-m", "smallboat.serving.api_server")
"""Python's arguments that start them."""
SEE_ABOVE = "see its messages above"


@dataclass(frozen=True)
class Server:
    """A running server: its name for messages, its process, and its address."""

    name: str
    process: subprocess.Popen[bytes]
    url: str


def free_port() -> int:
    """A port of this machine on which no process listens."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    return port


def model_server(
    problem: Problem, folder: Path, output: IO[bytes] | None = None, restarts: int = 0
) -> AbstractContextManager[Server]:
    """Run the model server on a release's or an endpoint's folder, on a free port."""
    port = free_port()
    options = ["--folder", str(folder.resolve()), "--host", HOST, "--port", str(port)]
    arguments = [*MODEL_SERVER, "--problem", problem.package, "serve", *options]
    return started("model server", arguments, port, "/ping", None, output, restarts)


@contextmanager
def temporary_model_server(problem: Problem, folder: Path) -> Iterator[Invoke]:
    """Run the model server for the block, and invoke it."""
    with model_server(problem, folder) as server, connect(server.url) as invoke:
        yield invoke


@contextmanager
def started(
    name: str,
    arguments: list[str],
    port: int,
    ready_path: str,
    variables: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    restarts: int = 0,
) -> Iterator[Server]:
    """Run a server until the block or this process ends.

    Args:
        name: for messages.
        arguments: Python's arguments.
        port: where it will listen.
        ready_path: it is ready when a GET of this path returns 200.
        variables: added to its environment.
        output: for its messages. If None, they appear only in the error.
        restarts: how often it is started again if it ends by itself once it was ready.

    Raises:
        ReleaseError: it does not become ready; the message has the last line of its log.
    """
    command = [sys.executable, "-m", f"{__package__}.child_process", sys.executable, *arguments]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output or log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(variables or {})},
            process_group=0,
        )
        assert process.stdin is not None
        server = Server(name, process, f"http://{HOST}:{port}")
        try:
            _wait_until_ready(server, ready_path, log)
            process.stdin.write(f"{name}\n".encode() * restarts)
            process.stdin.flush()
            yield server
        finally:
            process.stdin.close()
            process.wait()


def _wait_until_ready(server: Server, path: str, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    status = None
    while status is None and server.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
        status = _status(server.url + path)
    if server.process.poll() is not None:
        reason = "ended at once"
    elif status is None:
        reason = f"was not ready within {START_SECONDS:.0f} s"
    elif status != 200:
        reason = f"is not ready ({status})"
    else:
        return
    log.seek(0)
    message = last_line(log.read().decode(errors="replace")) or SEE_ABOVE
    raise ReleaseError(f"the {server.name} {reason}: {message}")


def _status(url: str) -> int | None:
    """The HTTP status of an answer; None if there is no answer."""
    try:
        with _session() as session:
            return session.get(url, timeout=2).status_code
    except requests.RequestException:
        return None


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy between processes of one machine
    return session


def last_line(text: str) -> str:
    """The last line of a log that is not blank, or ""; for a line in JSON its message."""
    line = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    try:
        return str(json.loads(line)["message"])
    except (ValueError, TypeError, KeyError):
        return line


@contextmanager
def connect(url: str) -> Iterator[Invoke]:
    """Invoke the model server at an address, over one connection."""
    with _session() as session:
        yield lambda body: _invoke(session, f"{url}/invocations", body)


def _invoke(session: requests.Session, url: str, body: Json) -> Json:
    try:
        answer = session.post(url, json=body, timeout=ANSWER_SECONDS)
        content = answer.json()
    except json.JSONDecodeError:
        raise ReleaseError(f"the model server answered {answer.status_code}, not JSON") from None
    except requests.Timeout:
        raise ReleaseError(f"no answer within {ANSWER_SECONDS:.0f} s") from None
    except requests.RequestException as error:
        raise ReleaseError(f"the model server broke the connection: {error}") from None
    if answer.status_code != 200:
        message = content.get("error", content) if isinstance(content, dict) else content
        raise ReleaseError(f"the model server answered {answer.status_code}: {message}")
    return dict(content)
