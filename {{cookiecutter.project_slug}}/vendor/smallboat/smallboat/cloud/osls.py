"""Runs osls, the maintained fork of the Serverless Framework: it makes the stack of the API."""

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

Json = dict[str, Any]
TOOLS = lambda_zip.CODE / "node_modules"
OSLS = TOOLS / ".bin" / "osls"
NO_NPM = "there is no npm here, and the API is deployed by osls: install Node 22 from nodejs.org"
PROGRESS = re.compile(r"Uploading|  (CREATE|UPDATE|DELETE|ROLLBACK)_")
NOISE = re.compile(r"\s*(View the full error|Environment:|Docs:|Support:|\(node:|npm warn)|\W*$")


def install() -> None:
    """Install osls by its lock file, unless that is done; CloudError if it can't be."""
    if shutil.which("npm") is None:
        raise CloudError(NO_NPM)
    lock, done = lambda_zip.CODE / "package-lock.json", TOOLS / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        print("installing osls (once, some 20 s)", flush=True)
        _run(["npm", "ci", "--no-audit", "--no-fund"], lambda_zip.CODE)


def deploy(environment: str, packed: bytes, values: Json) -> None:
    """Bring an environment's stack to what serverless.yml and its settings say.

    Args:
        environment: names the folder that osls works in, so that two don't meet.
        packed: the function's zip.
        values: what becomes settings.json.

    Raises:
        CloudError: npm is missing, or osls failed; with what it says.
    """
    install()
    folder = Path(".cache/lambda", environment)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(lambda_zip.CODE / "serverless.yml", folder)
    (folder / "api.zip").write_bytes(packed)
    (folder / "settings.json").write_text(json.dumps(values, indent=2))
    # Forced: whether anything changed was seen before, and osls compares less.
    words = ["deploy", "--force", "--conceal", "--verbose"]
    _run([str(OSLS.resolve()), *words], folder)


def _run(words: list[str], folder: Path) -> None:
    """Run a tool and show how it goes on; CloudError with what it says at its end."""
    quick = {"SLS_AWS_MONITORING_FREQUENCY": "1000", "NODE_NO_WARNINGS": "1"}
    said = []
    with subprocess.Popen(
        [sys.executable, "-m", child_process.__name__, *words],
        cwd=folder,
        env=os.environ | quick,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip())
            if PROGRESS.match(line):
                print(said[-1], flush=True)
    if process.returncode:
        raise CloudError(f"the API was not deployed: {_reason(said)}")


def _reason(said: list[str]) -> str:
    """What a tool says of its failure: all after its last `Error:`, or its last lines."""
    lines = [line.strip() for line in said if not NOISE.match(line)]
    starts = [number for number, line in enumerate(lines) if line.startswith("Error:")]
    told = lines[starts[-1] :] if starts else lines[-3:]
    return " ".join(told).removeprefix("Error:").strip()[:600] or "its tool failed without a word"
