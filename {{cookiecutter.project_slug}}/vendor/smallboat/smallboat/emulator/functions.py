"""The processes of Lambda functions: one for each event at the same time, as on AWS."""

import io
import itertools
import threading
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaFunction

from . import calls
from .captures import FunctionLog
from .runtime import Function, lambda_modules

Json = dict[str, Any]
MOST = 8
"""Processes of a function; with more events some wait."""


@dataclass(eq=False)
class _Process:
    """A process of a function, and how many events it has."""

    said: Json
    function: Function
    log: FunctionLog
    events: int = 0


class Functions:
    """All functions."""

    def __init__(self, folder: Path, url: str) -> None:
        """Begin with none.

        Args:
            folder: for unpacked functions and logs.
            url: where the functions find AWS.
        """
        self._folder, self._url = folder, url
        self._processes: dict[str, list[_Process]] = {}
        self._lock = threading.Lock()

    def ask(self, function: LambdaFunction, event: Json, seconds: int) -> Json | None:
        """The result of an event; None after these seconds, or after the function's timeout."""
        process = self._taken(function)
        try:
            return process.function.ask(event, min(seconds, int(function.timeout)))
        finally:
            process.log.update()
            with self._lock:
                process.events -= 1

    def close(self) -> None:
        """Stop all processes."""
        with self._lock:
            processes, self._processes = self._processes, {}
        for process in itertools.chain(*processes.values()):
            process.function.end()

    def _taken(self, function: LambdaFunction) -> _Process:
        """A process without an event; idle ones of older code or configuration end."""
        said = {
            "code": function.code_sha_256,
            "handler": function.handler,
            "variables": dict(function.environment_vars),
        }
        with self._lock:
            running = self._processes.setdefault(function.function_arn, [])
            current = [it for it in running if it.said == said and not it.function.ended]
            for each in [it for it in running if it not in current and not it.events]:
                running.remove(each)
                each.function.end()
            least = min(current, key=lambda it: it.events, default=None)
            if least is None or (least.events and len(current) < MOST):
                least = self._start(function, said)
                running.append(least)
            least.events += 1
            return least

    def _start(self, function: LambdaFunction, said: Json) -> _Process:
        folder = self._folder / f"{function.function_name}-{uuid.uuid4().hex[:8]}"
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as code:
            code.extractall(folder)
        role = calls.credentials(str(function.role))
        added = {
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ACCESS_KEY_ID": role,  # who calls: the function's role
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_ENDPOINT_URL": self._url,
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": self._url,
        }
        log = folder.with_suffix(".log")
        process = Function(
            folder,
            function.handler,
            dict(function.environment_vars) | added,
            lambda_modules(self._folder / "lambda-modules"),
            log,
        )
        account = function.function_arn.split(":")[4]
        copied = FunctionLog(account, function.region, function.function_name, log)
        return _Process(said, process, copied)
