"""A container under buildah, started and stopped as SageMaker does."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from image_project import Project
from smallboat.serving import servers


@dataclass
class Container:
    """The image's unpacked files, and its entry point."""

    project: Project
    name: str
    root: Path
    entrypoint: list[str]

    @contextmanager
    def serving(self, model: Path) -> Iterator["Running"]:
        """The server with a folder mounted as /opt/ml/model, once it answers."""
        port = servers.free_port()
        words = ["run", f"--volume={model}:/opt/ml/model:ro", self.name, "--", *self.entrypoint]
        log = self.project.folder.parent / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["buildah", *words, "serve", f"--port={port}"],
                env=os.environ | self.project.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        running = Running(process, f"http://127.0.0.1:{port}", log)
        try:
            running.wait()
            yield running
        finally:
            running.end()


@dataclass
class Running:
    """A running container: the process that started it, and its URL."""

    starter: "subprocess.Popen[bytes]"
    url: str
    log: Path

    def wait(self) -> None:
        """Until it answers at all."""
        end = time.monotonic() + 30
        while True:
            try:
                requests.get(f"{self.url}/ping", timeout=5)
                return
            except requests.ConnectionError:
                assert self.starter.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.05)

    def server(self) -> int:
        """The server's process id, below those of buildah."""
        return next(pid for pid in _below(self.starter.pid) if _is_server(pid))

    def end(self) -> int:
        """Its exit code after SIGTERM."""
        if self.starter.poll() is None:
            os.kill(self.server(), signal.SIGTERM)
        return self.starter.wait(20)


def _is_server(pid: int) -> bool:
    return b"\0smallboat.serving.model\0" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _below(pid: int) -> Iterator[int]:
    """The descendants of a process, the oldest first."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _below(int(child))
