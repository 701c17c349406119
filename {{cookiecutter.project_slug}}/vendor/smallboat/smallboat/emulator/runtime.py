"""AWS's Lambda Runtime API on loopback, for AWS's own runtime client `awslambdaric`."""

import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..serving import child_process

Json = dict[str, Any]
PATH = "/2018-06-01/runtime"
LAMBDA_HAS = (
    *("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)
"""The modules of Lambda's Python in addition to the standard library."""
ALONE = """
import os, sys
sys.path[:0] = sys.argv.pop(1).split(os.pathsep)
try:
    import sitecustomize
except ImportError:
    pass
from awslambdaric.__main__ import main
main(sys.argv)
"""
"""Starts the runtime client without the packages of this Python."""


class Function:
    """A function's process, which handles one event at a time."""

    def __init__(
        self,
        folder: Path,
        handler: str,
        variables: Mapping[str, str],
        modules: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            folder: its code.
            handler: `module.function`.
            variables: its environment, beside what Lambda adds.
            modules: a folder of the modules that it may import beside its own code and the
                standard library; without it, those that are installed here.
            log: where it prints to.
        """
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Json] = queue.SimpleQueue()
        self._failed: Json | None = None
        self._turn = threading.Lock()
        self._numbers = itertools.count()
        self._api = self._serve()
        known = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "_HANDLER": handler,
        }
        client = ["-m", "awslambdaric", handler]
        if modules:
            path = os.pathsep.join(
                [*filter(None, [known["PYTHONPATH"]]), str(folder), str(modules)]
            )
            client = ["-S", "-c", ALONE, path, handler]
        with log.open("a+b") if log else tempfile.TemporaryFile() as output:
            self._log = os.fdopen(os.dup(output.fileno()), "rb")
            self._process = subprocess.Popen(
                # Not by its name: in a function's folder `smallboat` is the part that its zip has.
                [sys.executable, child_process.__file__, sys.executable, *client],
                cwd=folder,
                env=known | dict(variables),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def ended(self) -> bool:
        """Whether its process has ended."""
        return self._process.poll() is not None

    def ask(self, event: Any, seconds: float = 30) -> Json | None:
        """The result of an event, None after a timeout; that of an error has `errorMessage`.

        An event that is a function is called when its turn comes, and its result is the event.
        """
        with self._turn:
            self._events.put(event() if callable(event) else event)
            end = time.monotonic() + seconds
            while time.monotonic() < end and self._failed is None:
                with suppress(queue.Empty):
                    return self._answers.get(timeout=0.05)
                if self.ended:
                    exited = {"errorMessage": "it exited", "errorType": "Runtime.ExitError"}
                    return self._failed or exited
            self._stop()  # as Lambda does: who is late has no more events
            return self._failed

    def end(self) -> str:
        """Stop it; returns its output."""
        self._stop()
        self._api.shutdown()
        self._api.server_close()
        with self._log as log:
            log.seek(0)
            return log.read().decode()

    def _stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _serve(self) -> ThreadingHTTPServer:
        function = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = json.dumps(function._events.get()).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", str(next(function._numbers)))
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() + 30) * 1000))
                self.send_header(
                    "Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:::function:f"
                )
                self.send_header("Content-Type", "application/json")
                self._end(body)

            def do_POST(self) -> None:
                body = json.loads(self._read())
                if self.path.startswith(f"{PATH}/init"):
                    function._failed = body
                else:
                    function._answers.put(body)
                self.send_response(202)
                self._end(b"")

            def _read(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers["Content-Length"]))
                chunks = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def _end(self, body: bytes) -> None:
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


def run(
    folder: Path, handler: str, events: list[Any], modules: Path | None = None, **variables: str
) -> tuple[list[Json], str]:
    """Run a function on events, one by one, in one process; returns its results and its log."""
    import pytest

    pytest.importorskip("awslambdaric", reason="AWS's runtime client is installed on Linux alone")
    function = Function(folder, handler, variables, modules)
    answers = []
    try:
        for event in events:
            answer = function.ask(event)
            assert answer is not None, f"no answer to {event}"
            answers.append(answer)
    finally:
        printed = function.end()
    return answers, printed


def lambda_modules(folder: Path) -> Path:
    """A folder with only the modules of Lambda's Python."""
    folder.mkdir(exist_ok=True)
    for name in LAMBDA_HAS:
        found = find_spec(name)
        if found and found.origin:
            origin = Path(found.origin)
            source = origin.parent if found.submodule_search_locations else origin
            link = folder / source.name
            if not link.exists():
                link.symlink_to(source)
    return folder
