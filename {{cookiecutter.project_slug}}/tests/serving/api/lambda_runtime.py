"""AWS's Lambda Runtime API on loopback, for AWS's own runtime client `awslambdaric`."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
PATH = "/2018-06-01/runtime"


def run(folder: Path, handler: str, events: list[Any], **variables: str) -> tuple[list[Json], str]:
    """Feed a function its events, one after the other, in one process.

    An event that is a function is called just before its turn, and its result is the event.

    Returns:
        The answers, and what the process printed; a failure's answer has `errorMessage`.
    """
    pytest.importorskip("awslambdaric", reason="AWS's runtime client is installed on Linux alone")
    answers: list[Json] = []
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if len(answers) == len(events):
                done.set()
                threading.Event().wait(60)
                return
            event = events[len(answers)]
            body = json.dumps(event() if callable(event) else event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", str(len(answers)))
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() + 30) * 1000))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:::function:f")
            self.send_header("Content-Type", "application/json")
            self._end(body)

        def do_POST(self) -> None:
            body = json.loads(self._read())
            if self.path.startswith(f"{PATH}/init"):
                answers.extend([body] * len(events))
                done.set()
            else:
                answers.append(body)
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
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    known = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "g",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "_HANDLER": handler,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", handler],
        cwd=folder,
        env=known | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        done.wait(30)
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=10)
        server.shutdown()
        server.server_close()
    return answers, printed.decode()
