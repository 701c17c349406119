"""What both upgrades change: the project's packages, by uv, one at a time."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import disk
from ..errors import UserError

PROJECT, LOCK = Path("pyproject.toml"), Path("uv.lock")


@contextmanager
def alone() -> Iterator[None]:
    """Let nothing else change this project's packages; UserError if something does."""
    message = "another `make upgrade` or `make update-deps` is running: wait until it ends"
    with disk.locked(Path(), message):
        yield


def install(folder: Path = Path()) -> bool:
    """Whether uv could install what a folder's pyproject.toml asks for; uv says why not."""
    python = os.path.realpath(sys.executable)  # a folder's first environment has the same one
    return uv("sync", "--quiet", "--python", python, folder=folder).returncode == 0


def uv(*words: str, folder: Path, quiet: bool = False) -> "subprocess.CompletedProcess[str]":
    """Run uv in a folder; a `quiet` one keeps its messages in `stderr` instead of showing them."""
    path = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    program = shutil.which("uv", path=path)
    if program is None:
        raise UserError("uv is missing: `make setup` installs it")
    errors = subprocess.PIPE if quiet else None
    return subprocess.run([program, *words], cwd=folder, stderr=errors, text=True)
