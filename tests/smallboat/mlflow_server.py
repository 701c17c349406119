"""MLflow's own server in an environment of its own, behind a proxy that may refuse."""

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from socket import create_server
from typing import Any

import answering
import requests
from uv import find_uv_bin

VARIABLES = dict(os.environ)
"""Those of the tests, before one of them changes them."""

STARTS = 120
"""Seconds in which the server must answer: it imports a lot."""


def installed(folder: Path) -> Path:
    """MLflow's command in an environment, which is kept: it is of no use to the library itself."""
    asked = f"mlflow=={version('mlflow-skinny')}"
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    until = f"--exclude-newer={project['tool']['uv']['exclude-newer']}"
    environment = folder / asked
    command = environment / "bin" / "mlflow"
    if not command.exists():
        uv, python = [find_uv_bin(), "--quiet"], environment / "bin" / "python"
        for words in (
            ["venv", "--clear", "-p", sys.executable, environment],
            ["pip", "install", until, "-p", python, asked],
        ):
            subprocess.run([*uv, *words], check=True, env=VARIABLES)
    return command


@contextmanager
def started(command: Path, folder: Path) -> Iterator[str]:
    """MLflow's server on a database in a folder; its address."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"--host=127.0.0.1 --port={port} --workers=1 --backend-store-uri=sqlite:///runs.db"
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        [command, "server", *options.split(), "--artifacts-destination=artifacts"],
        cwd=folder,
        env=VARIABLES | quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + STARTS
    while time.monotonic() < until and process.poll() is None:
        try:
            if requests.get(f"{url}/health", timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError("MLflow's server did not start")


class Mlflow(answering.Service):
    """The proxy's state; the API key is a token."""

    def __init__(self, api_key: str, behind: str) -> None:
        """`behind` is the real server's address."""
        super().__init__(api_key)
        self.behind = behind

    def ask(self, path: str, **body: Any) -> Any:
        """Ask the real server."""
        url = f"{self.behind}/api/2.0/mlflow/{path}"
        answer = requests.post(url, json=body) if body else requests.get(url)
        answer.raise_for_status()
        return answer.json()

    def artifact(self, run: str, path: str) -> bytes:
        """The content of a file of a run."""
        url = f"{self.behind}/get-artifact"
        answer = requests.get(url, params={"run_id": run, "path": path})
        answer.raise_for_status()
        return answer.content


@contextmanager
def serving(mlflow: Mlflow) -> Iterator[Mlflow]:
    """Serve on loopback; `mlflow.url` is the value for MLFLOW_TRACKING_URI."""

    def answer(request: answering.Request) -> tuple[int, bytes]:
        mlflow.asked.append(request.path)
        mlflow.bodies.append(request.body)
        token = request.headers.get("Authorization")
        refused = token != f"Bearer {mlflow.api_key}" and not request.path.endswith("/health")
        if refused or (mlflow.broken and mlflow.broken in request.path):
            message = {"error_code": "PERMISSION_DENIED", "message": f"{token} may not"}
            return 403, json.dumps(message).encode()
        kind = {"Content-Type": request.headers.get("Content-Type") or "application/json"}
        url = f"{mlflow.behind}{request.path}"
        there = requests.request(request.method, url, data=request.body, headers=kind)
        return there.status_code, there.content

    with answering.serving(answer, Content_Type="application/json") as mlflow.url:
        yield mlflow
