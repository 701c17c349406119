"""A container under buildah, started and stopped as SageMaker does."""

import json
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
    def serving(self, model: Path, read_only_for: int | None = None) -> Iterator["Running"]:
        """The server with a folder mounted as /opt/ml/model, once it answers.

        `read_only_for` runs it under a read-only root, as a user whom the image does not know.
        """
        port, log = servers.free_port(), self.project.folder.parent / "server.log"
        words = ["buildah", "run", f"--volume={model}:/opt/ml/model:ro", self.name, "--"]
        if read_only_for is not None:
            words = self._read_only(model, read_only_for)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*words, *self.entrypoint, "serve", f"--port={port}"],
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

    def _read_only(self, model: Path, user: int) -> list[str]:
        """What runs a command in a mount namespace of its own: buildah has no read-only root."""
        settings = json.loads(self.project.buildah("inspect", self.name))["Docker"]["config"]
        (self.root / "opt/ml/model").mkdir(parents=True, exist_ok=True)
        mounts = (
            f"mount --bind {self.root} {self.root} && cd {self.root} && "
            f"mount --bind {model} opt/ml/model && mount --rbind /proc proc && "
            f"mount -o remount,ro,bind {self.root} && "
            f'exec chroot --userspec={user}:{user} {self.root} env -i "$@"'
        )
        begin = ["/usr/bin/env", f"PATH={os.environ['PATH']}", "unshare", "--mount"]
        return [*begin, "sh", "-c", mounts, "sh", *settings["Env"]]


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
        """The server's process id: below those of buildah, if that runs it."""
        started = self.starter.pid
        return next(pid for pid in (started, *_below(started)) if _is_server(pid))

    def end(self) -> int:
        """Its exit code after SIGTERM."""
        if self.starter.poll() is None:
            os.kill(self.server(), signal.SIGTERM)
        return self.starter.wait(20)


def _is_server(pid: int) -> bool:
    program, *words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return (
        b"python" in program and b"smallboat.serving.model" in words
    )  # not buildah's parent of it


def _below(pid: int) -> Iterator[int]:
    """The descendants of a process, the oldest first."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _below(int(child))
