"""The model server: SageMaker's container contract for the release in a folder.

Started as `python -m smallboat.serving.model --problem PACKAGE serve [--folder F] [--port P]`.
"""

import argparse
import json
import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request

from ... import problem as problems
from ...errors import RequestError
from ..request_parsing import ApiError, read_body
from ..web_app import App, check_host
from . import invocation
from .model import CurrentRelease

MAX_WORKERS = 4  # one for each core; each takes about 80 MB
MAX_CONCURRENT_BATCHES = 4  # more only compete for the interpreter
ANY_ADDRESS = "0.0.0.0"


def create(package: str) -> Flask:
    """The WSGI application of a project, for the folder in the variable MODEL_FOLDER."""
    log = _log()
    problem = problems.of(package)
    current = CurrentRelease(
        problem,
        Path(os.environ["MODEL_FOLDER"]),
        lambda message: log.info(json.dumps({"message": message})),
    )
    app = App(__name__, failure_status=500)
    batches = threading.BoundedSemaphore(MAX_CONCURRENT_BATCHES)

    @app.before_request
    def start() -> None:
        g.facts = {"run": None, "release": None, "requests": 0}
        if os.environ.get("MODEL_HOST") != ANY_ADDRESS:  # SageMaker calls a container by any name
            check_host()

    @app.get("/ping")
    def ping() -> Response:
        return _json({"release": None}, 503) if current.release() is None else _json({})

    @app.post("/invocations")
    @app.post("/endpoints/<name>/invocations")
    def invocations(name: str = "") -> Response:
        release = current.release()
        if release is None:
            raise ApiError(503, "there is no valid release to serve; the log has the reason")
        g.facts |= {key: release.facts[key] for key in ("run", "release")}
        body = invocation.parse(problem, request.mimetype, read_body())
        if "describe" in body:
            return _json(release.description)
        if "known" in body:
            return _json(release.known(body["known"]))
        g.facts["requests"] = len(body["requests"])
        with batches:
            return _json(release.predict(body["requests"], body.get("explain", False)))

    @app.errorhandler(RequestError)
    def invalid(error: RequestError) -> Response:
        return ApiError(422, str(error), error.field).response()

    @app.after_request
    def finish(response: Response) -> Response:
        if request.path.startswith("/endpoints/") and response.status_code >= 400:
            response = _sagemaker_error(response)
        if request.path != "/ping":
            ms = round(1000 * (time.perf_counter() - g.started), 3)
            line = {"id": g.request_id, "path": request.path, **g.facts}
            log.info(json.dumps({**line, "status": response.status_code, "ms": ms}))
        return response

    return app


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, allow_nan=False), status, mimetype="application/json")


def _sagemaker_error(error: Response) -> Response:
    """The error as SageMaker's runtime returns it when a container refuses a request."""
    content = {
        "OriginalStatusCode": error.status_code,
        "OriginalMessage": error.get_data(as_text=True),
    }
    response = _json(content, 424)
    response.headers["x-amzn-ErrorType"] = "ModelError"
    return response


def _log() -> logging.Logger:
    """A logger that prints bare lines to stdout, independent of other libraries' logging."""
    log = logging.getLogger("serving")
    log.handlers = [logging.StreamHandler(sys.stdout)]
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


def _workers(folder: Path) -> int:
    """One if `current` is followed: an idle worker among several could miss the last good one."""
    fixed = (folder / "release.json").exists() and not (folder / "current").exists()
    return min(os.cpu_count() or 1, MAX_WORKERS) if fixed else 1


def serve(package: str, folder: str, host: str, port: int) -> None:
    """Replace this process by gunicorn; on SIGTERM it finishes its requests and exits."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.exit(f"can't listen on {host}, port {port}: {error.strerror}")
    listener.set_inheritable(True)
    os.environ |= {"MODEL_FOLDER": os.path.abspath(folder), "MODEL_HOST": host}
    options = [
        f"--config={Path(__file__).with_name('gunicorn_settings.py')}",
        f"--bind=fd://{listener.fileno()}",
        f"--workers={_workers(Path(folder))}",
    ]
    application = f"{__name__}:create({package!r})"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options, application])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m smallboat.serving.model", description=__doc__)
    parser.add_argument("--problem", required=True, help="the project's package")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--folder", default=os.environ.get("MODEL_FOLDER", "/opt/ml/model"))
    parser.add_argument("--host", default=os.environ.get("MODEL_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()
    serve(options.problem, options.folder, options.host, options.port)
