"""Releases to serve, and the model server as a process."""

import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import toy
from smallboat import integrity
from smallboat.serving import servers
from smallboat.store import bundle
from toy.problem import PROBLEM

TOY = Path(toy.__file__).parents[1]
"""The folder of the toy project."""
JSON = "application/json"
START_SECONDS = 60.0
Files = dict[str, bytes]


def write(folder: Path, files: Files) -> str:
    """Write a valid release folder; returns the id of the release."""
    signature = json.loads(files["signature.json"])
    model = bundle.model_hash(files["model.onnx"], signature)
    online = hashlib.sha256(files["online_features.json"]).hexdigest()[:16]
    facts = {
        "release": f"{model}-{online}",
        "run": "1",
        "model_hash": model,
        "features_run": "1",
        "online_features_hash": online,
        "features_as_of": json.loads(files["online_features.json"])["as_of"],
        "snapshot": "0" * 16,
    }
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    integrity.seal(folder, integrity.RELEASE, facts)
    return facts["release"]


def point(endpoint: Path, release: str) -> None:
    """Point an endpoint at a release, atomically."""
    (endpoint / "new").write_text(release)
    os.replace(endpoint / "new", endpoint / "current")


def place(endpoint: Path, files: Files, as_of: str) -> str:
    """Add a release with other online features to an endpoint; returns its id."""
    online = json.dumps({**json.loads(files["online_features.json"]), "as_of": as_of}).encode()
    stage = endpoint / "releases" / as_of
    release = write(stage, {**files, "online_features.json": online})
    stage.rename(stage.with_name(release))
    return release


class Server:
    """A running model server."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def ask(self, content: Any, **headers: str) -> tuple[int, Any]:
        """Status and JSON of the answer to a JSON body."""
        return self.send(json.dumps(content).encode(), **headers)[:2]

    def send(self, body: Any, kind: str = JSON, path: str = "/invocations", **headers: str) -> Any:
        """Status, JSON and headers of the answer to a body."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        client.request("POST", path, body, {"Content-Type": kind, **names})
        answer = client.getresponse()
        content = json.loads(answer.read())
        client.close()
        return answer.status, content, answer.headers

    def ping(self) -> int:
        """Status of the answer to a ping; 0 if no server listens."""
        try:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            client.request("GET", "/ping")
            return client.getresponse().status
        except OSError:
            return 0

    def log(self) -> str:
        """Its log."""
        return self._log.read_text()


@contextmanager
def running(folder: Path, ready: int = 200, **variables: str) -> Iterator[Server]:
    """The model server on a folder, from when a ping has that status to SIGTERM.

    The variables are added to the environment.
    """
    log = folder.parent / "server.log"
    command = [sys.executable, *servers.MODEL_SERVER, "--problem", PROBLEM.package]
    command += ["serve", "--folder", str(folder)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", "0"],
            cwd=TOY,
            env=os.environ | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(process, _port(process, log), log)
        end = time.monotonic() + START_SECONDS
        while server.ping() != ready:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    while process.poll() is None:
        if found := re.search(r"Listening at: http://[\d.]+:(\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise AssertionError(log.read_text())
