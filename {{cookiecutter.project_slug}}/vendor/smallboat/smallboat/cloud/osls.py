"""Runs osls, the maintained fork of the Serverless Framework."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..errors import CloudError
from ..serving import child_process
from . import lambda_zip

TOOLS = lambda_zip.CODE / "node_modules"
PROGRESS = re.compile(r"Uploading|  (CREATE|UPDATE|DELETE|ROLLBACK)_")
NOISE = re.compile(r"\s*(View the full error|Environment:|Docs:|Support:|\(node:|npm warn)|\W*$")
UNRESOLVED = "Cannot resolve variable"
OLDER = (
    f". {lambda_zip.CODE}/serverless.yml does not fit this library: take it from the newer "
    "template (`cruft update`)"
)
VARIABLES = {"SLS_AWS_MONITORING_FREQUENCY": "1000", "NODE_NO_WARNINGS": "1"}


def install() -> None:
    """Install osls as its lock file says, unless it is installed; CloudError if that fails."""
    if shutil.which("npm") is None:
        raise CloudError("the API is deployed by osls, which needs npm: install Node 22")
    lock, installed = lambda_zip.CODE / "package-lock.json", TOOLS / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        print("installing osls (once, some 20 s)", flush=True)
        _run(["npm", "ci", "--no-audit", "--no-fund"], lambda_zip.CODE)


def deploy(environment: str, archive: bytes, settings: dict[str, Any]) -> None:
    """Create or update the API's stack.

    Args:
        environment: its name; each has a working directory of its own.
        archive: the function's zip.
        settings: the content of settings.json, which serverless.yml reads.

    Raises:
        CloudError: npm is missing, or osls failed.
    """
    install()
    folder = Path(".cache/lambda", environment)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(lambda_zip.CODE / "serverless.yml", folder)
    (folder / "api.zip").write_bytes(archive)
    (folder / "settings.json").write_text(json.dumps(settings, indent=2))
    osls = str((TOOLS / ".bin" / "osls").resolve())
    # --force: the caller has compared more than osls would.
    _run([osls, "deploy", "--force", "--conceal", "--verbose"], folder)


def _run(command: list[str], folder: Path) -> None:
    """Run a tool and print its progress; CloudError with its error message."""
    lines = []
    with subprocess.Popen(
        [sys.executable, "-m", child_process.__name__, *command],
        cwd=folder,
        env=os.environ | VARIABLES,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if PROGRESS.match(line):
                print(line.rstrip(), flush=True)
    if process.returncode:
        error = _error(lines)
        older = OLDER if UNRESOLVED in error else ""
        raise CloudError(f"the API was not deployed: {error}{older}")


def _error(lines: list[str]) -> str:
    """All after the last `Error:`, else the last three lines."""
    text = "\n".join(["", *(line for line in lines if not NOISE.match(line))])
    _, marker, message = text.rpartition("\nError:")
    words = (message if marker else "\n".join(text.splitlines()[-3:])).split()
    return " ".join(words)[:600] or "its tool printed no error"
