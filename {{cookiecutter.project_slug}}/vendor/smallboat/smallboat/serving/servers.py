"""Starts the model server and the API as processes of this machine, and asks them."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import requests

from ..errors import ReleaseError
from ..problem import Problem

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Sends one JSON body to a model server; ReleaseError if no good answer comes."""

HOST = "127.0.0.1"
START_SECONDS = 60.0
ANSWER_SECONDS = 10.0
MODEL_SERVER = ("-m", "smallboat.serving.model")
"""The words for Python that start it."""
ABOVE = "its messages stand above"
QUIET = {"GUNICORN_CMD_ARGS": "--log-level=warning"}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    return port


def port_trouble(port: int) -> str | None:
    """Why nobody can listen on a port of this machine now, or None."""
    with socket.socket() as wanted:
        wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that closed is free
        try:
            wanted.bind((HOST, port))
        except OSError as error:
            return str(error.strerror).lower()
        except OverflowError:
            return "there is no such port"
    return None


@contextmanager
def model(problem: Problem, folder: Path, output: IO[bytes] | None = None) -> Iterator["Server"]:
    """The model server on a release's folder or an endpoint's, on a free port.

    Without `output` its log is kept for the case that it fails.
    """
    port = free_port()
    words = [*MODEL_SERVER, "--problem", problem.package, "serve"]
    words += ["--folder", str(folder.resolve()), "--host", HOST, "--port", str(port)]
    with started("model server", words, port, "/ping", output=output) as server:
        yield server


@contextmanager
def temporary(problem: Problem, folder: Path) -> Iterator[Ask]:
    """Questions to a model server that runs for them only."""
    with model(problem, folder) as server, connect(server.url) as ask:
        yield ask


class Server:
    """A server that runs, and where it listens."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], url: str) -> None:
        self.name, self.process, self.url = name, process, url

    def ended(self) -> bool:
        """Whether its process is gone."""
        return self.process.poll() is not None


@contextmanager
def started(
    name: str,
    words: list[str],
    port: int,
    ready: str,
    variables: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> Iterator[Server]:
    """A server in Python, from when GET `ready` answers 200; it ends with the block, or with us.

    Raises ReleaseError, with the last line of its log, if it does not come up.
    """
    command = [sys.executable, "-m", f"{__package__}.child_process", sys.executable, *words]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output or log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **QUIET, **(variables or {})},
            process_group=0,
        )
        server = Server(name, process, f"http://{HOST}:{port}")
        try:
            _wait(server, ready, log)
            yield server
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def _wait(server: Server, ready: str, log: IO[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    why = f"was not ready within {START_SECONDS:.0f} s"
    while time.monotonic() < end:
        if server.ended():
            why = "ended at once"
            break
        status = _status(server.url + ready)
        if status == 200:
            return
        if status is not None:
            why = f"is not ready ({status})"
            break
        time.sleep(0.05)
    log.seek(0)
    message = last_line(log.read().decode(errors="replace")) or ABOVE
    raise ReleaseError(f"the {server.name} {why}: {message}")


def _status(url: str) -> int | None:
    """The status of an answer; None while nobody answers."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy has no business between processes of one machine
        try:
            return session.get(url, timeout=2).status_code
        except requests.RequestException:
            return None


def last_line(text: str) -> str:
    """The last line of a log that says anything, or ""; of one in JSON its message."""
    line = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    try:
        return str(json.loads(line)["message"])
    except (ValueError, TypeError, KeyError):
        return line


@contextmanager
def connect(url: str) -> Iterator[Ask]:
    """Questions to the model server at an address, over one kept-alive connection."""
    with requests.Session() as session:
        session.trust_env = False
        yield lambda body: _answer(session, f"{url}/invocations", body)


def _answer(session: requests.Session, url: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = session.post(url, json=body, timeout=ANSWER_SECONDS)
        content = answer.json()
    except json.JSONDecodeError:
        raise ReleaseError(f"the model server answered {answer.status_code}, no JSON") from None
    except requests.Timeout:
        raise ReleaseError(f"no answer within {ANSWER_SECONDS:.0f} s") from None
    except requests.RequestException as error:
        raise ReleaseError(f"the model server broke the connection: {error}") from None
    if answer.status_code != 200:
        message = content.get("error", content) if isinstance(content, dict) else content
        raise ReleaseError(f"the model server answered {answer.status_code}: {message}")
    return dict(content)
