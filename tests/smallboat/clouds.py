"""The emulator as a process, and what tests ask of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import toy
from smallboat.config import config
from toy.problem import PROBLEM

ROOT = Path(toy.__file__).resolve().parents[1]
"""The toy project."""
GUARD = Path(__file__).with_name("guard")
TETHER = "smallboat.serving.child_process"
FAULTY = Path(__file__).with_name("faulty_server.py")


class Cloud:
    """AWS as emulated.

    Attributes:
        environ: the variables that a child process needs to find it, and nothing else.
        url: where it answers.
        region: that of config/staging.toml.
    """

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ, self.url = environ, environ["AWS_ENDPOINT_URL"]
        self.region = config.load(PROBLEM, "staging").project.aws_region

    def client(self, service: str, **named: Any) -> Any:
        """A boto3 client that asks once."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"total_max_attempts": 1}, **named),
        )

    def calls(self) -> list[dict[str, Any]]:
        """What was called since `forget`: service, operation, principal, parameters."""
        return self._ask("GET", "calls")

    def forget(self) -> None:
        """Begin a new list of calls."""
        self._ask("DELETE", "calls")

    def fail(
        self,
        service: str,
        operation: str,
        times: int = 1,
        status: int = 500,
        code: str = "InternalFailure",
        **more: Any,
    ) -> None:
        """Let the next calls of an operation fail; `cut=True` closes the connection instead."""
        fault = {"service": service, "operation": operation, "times": times}
        self._ask("POST", "faults", {**fault, "status": status, "code": code, **more})

    def heal(self) -> None:
        """Let no call fail any more."""
        self._ask("DELETE", "faults")

    def sleep(self, **seconds: float) -> None:
        """Let serverless endpoints sleep, and set how cold they are; see the emulator's `Cold`."""
        self._ask("POST", "sleep", seconds)

    def starts(self) -> int:
        """How many containers of serverless endpoints have started since `sleep`."""
        return int(self._ask("GET", "sleep")["starts"])

    def reset(self) -> None:
        """Empty it: nothing exists, nothing runs, nothing fails."""
        self._ask("POST", "reset")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_emulator/{path}", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def emulated(folder: Path) -> Iterator[Cloud]:
    """The emulator on a free port, under the guard, with containers that obey `faulty_server`."""
    guard = {"PYTHONPATH": str(GUARD), "NODE_OPTIONS": f"--require {GUARD / 'loopback.cjs'}"}
    library = {"PYTHONPATH": f"{GUARD}{os.pathsep}{ROOT / 'vendor' / 'smallboat'}"}
    place = {"PLACE": "endpoint"}
    words = ["--problem", PROBLEM.package, "--server", str(FAULTY)]
    words += ["--port", "0", "--folder", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", TETHER, sys.executable, "-m", "smallboat.emulator", *words],
        cwd=ROOT,
        env=os.environ | guard | place | library,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,  # whoever is ended with us could not end it in order
    )
    assert process.stdin and process.stdout
    try:
        yield Cloud(json.loads(process.stdout.readline()) | guard)
    finally:
        process.stdin.close()
        process.wait(20)


def processor() -> float:
    """Seconds of a processor that the processes that this one started, and that ended, have used.

    Other tests run beside a test: a clock on the wall would tell of them, too.
    """
    times = os.times()
    return times.children_user + times.children_system


def python(code: str, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run some code as a process that has these variables only."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True
    )
