"""The model server: SageMaker's container contract for the release in a folder.

Started as `python -m smallboat.serving.model --problem PACKAGE serve [--folder F] [--port P]`.
"""

import argparse
import json
import logging
import os
import re
import socket
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, g, request
from werkzeug.exceptions import HTTPException

from ... import problem as problems
from ...errors import RequestError
from .asking import RefusedError, question
from .model import Served

LIMIT = 4 * 2**20  # bytes of a body; a serverless endpoint takes no more
DRAINED = 4 * LIMIT
MOST_WORKERS = 4  # one a core; some 80 MB each
TOGETHER = 4  # batches that are answered at once; more only fight for the interpreter
LOCAL = {"localhost", "127.0.0.1", "[::1]"}
ANYWHERE = "0.0.0.0"
ID_HEADERS = ("X-Request-Id", "X-Amzn-SageMaker-Custom-Attributes")
CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    503: "unavailable",
}


def create(package: str) -> Flask:
    """The WSGI application of a project, on the folder that MODEL_FOLDER names."""
    log = _log()
    problem = problems.of(package)
    served = Served(
        problem,
        Path(os.environ["MODEL_FOLDER"]),
        lambda message: log.info(json.dumps({"message": message})),
    )
    app = Flask(__name__, static_folder=None)
    turn = threading.BoundedSemaphore(TOGETHER)
    # A body without a length is cut there, not refused: one byte more tells that it was too long.
    app.config["MAX_CONTENT_LENGTH"] = LIMIT + 1

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.facts = {"run": None, "release": None, "requests": 0}
        # A container is asked by whatever name SageMaker has for it. Else a web page whose own
        # name is pointed at this machine could ask.
        name, _, port = request.host.rpartition(":")
        local = (name if port.isdecimal() else request.host).lower() in LOCAL
        if not local and os.environ.get("MODEL_HOST") != ANYWHERE:
            raise RefusedError(403, "the model server is asked at localhost only", "Host")

    @app.get("/ping")
    def ping() -> Response:
        return _json({"release": None}, 503) if served.release() is None else _json({})

    @app.post("/invocations")
    @app.post("/endpoints/<name>/invocations")
    def invocations(name: str = "") -> Response:
        release = served.release()
        if release is None:
            raise RefusedError(503, "no release is there to answer")
        g.facts |= {key: release.facts[key] for key in ("run", "release")}
        body = request.get_data(cache=False)
        if len(body) > LIMIT:
            abort(413)
        asked = question(problem, request.mimetype, body)
        if "describe" in asked:
            return _json(release.description)
        if "known" in asked:
            return _json(release.known(asked["known"]))
        g.facts["requests"] = len(asked["requests"])
        with turn:
            return _json(release.answers(asked["requests"], asked.get("explain", False)))

    @app.errorhandler(RequestError)
    def wrong(error: RequestError) -> Response:
        return _error(422, str(error), error.field)

    @app.errorhandler(RefusedError)
    def refused(error: RefusedError) -> Response:
        return _error(error.status, error.message, error.field)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        return _error(error.code or 500, error.description or error.name)

    @app.errorhandler(413)
    def too_large(error: HTTPException) -> Response:
        _drain()
        return _error(413, f"the body may have {LIMIT:,} bytes", "body")

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        app.logger.exception("a request failed")
        return _error(500, "the server could not answer; its log says why")

    @app.after_request
    def end(response: Response) -> Response:
        name = _request_id()
        response.headers["X-Request-Id"] = name
        if request.path != "/ping":
            ms = round(1000 * (time.perf_counter() - g.started), 3)
            line = {"id": name, "path": request.path, **g.facts}
            log.info(json.dumps({**line, "status": response.status_code, "ms": ms}))
        return response

    return app


def _request_id() -> str:
    """The id that the request came with, if it is fit for a header and a log, or a new one."""
    for header in ID_HEADERS:
        name = request.headers.get(header, "")
        if re.fullmatch(r"[\w.:/=+-]{1,128}", name, re.ASCII):
            return name
    return uuid.uuid4().hex


def _drain() -> None:
    """Take in what was sent too much: who is still sending can't read an answer."""
    stream, left = request.environ["wsgi.input"], DRAINED
    while left > 0 and (chunk := stream.read(min(left, 2**16))):
        left -= len(chunk)


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, allow_nan=False), status, mimetype="application/json")


def _error(status: int, message: str, field: str | None = None) -> Response:
    code = CODES.get(status, "internal" if status >= 500 else "refused")
    response = _json({"error": {"code": code, "message": message, "field": field}}, status)
    if request.path.startswith("/endpoints/"):
        # As SageMaker's runtime hands on what a container refuses.
        told = {"OriginalStatusCode": status, "OriginalMessage": response.get_data(as_text=True)}
        response = _json(told, 424)
        response.headers["x-amzn-ErrorType"] = "ModelError"
    return response


def _log() -> logging.Logger:
    """One line a record on stdout, past the logging of the libraries."""
    log = logging.getLogger("serving")
    log.handlers = [logging.StreamHandler(sys.stdout)]
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


def _workers(folder: Path) -> int:
    """One where a pointer is followed: of several, an idle one could miss the last good release."""
    fixed = (folder / "release.json").exists() and not (folder / "current").exists()
    return min(os.cpu_count() or 1, MOST_WORKERS) if fixed else 1


def serve(package: str, folder: str, host: str, port: int) -> None:
    """Become gunicorn; SIGTERM ends it after the requests at hand."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.exit(f"can't listen on {host}, port {port}: {error.strerror}")
    listener.set_inheritable(True)
    os.environ |= {"MODEL_FOLDER": os.path.abspath(folder), "MODEL_HOST": host}
    words = [
        f"--config={Path(__file__).with_name('gunicorn_settings.py')}",
        f"--bind=fd://{listener.fileno()}",
        f"--workers={_workers(Path(folder))}",
        f"{__name__}:create({package!r})",
    ]
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *words])


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m smallboat.serving.model", description=__doc__)
    parser.add_argument("--problem", required=True, help="the project's package")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--folder", default=os.environ.get("MODEL_FOLDER", "/opt/ml/model"))
    parser.add_argument("--host", default=os.environ.get("MODEL_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    serve(options.problem, options.folder, options.host, options.port)
