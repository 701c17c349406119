"""The Flask application that both the API and the model server extend."""

import re
import socket
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .request_parsing import MAX_BODY_BYTES, MAX_NAME, ApiError

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
ID_HEADERS = ("X-Request-Id", "X-Amzn-SageMaker-Custom-Attributes")
ID = re.compile(r"[\w.:/=+-]{1,128}", re.ASCII)  # safe in a header and in a log
MAX_DRAINED_BYTES = 32 * 2**20
MESSAGES = {
    400: "the request can't be read",
    404: "no such path; the API lists its paths in openapi.json",
    405: "this path does not accept this method",
    413: f"the body is larger than {MAX_BODY_BYTES // 2**20} MB",
}


class App(Flask):
    """An application with request ids, a limit on bodies, and all errors in one JSON format.

    Attributes:
        failure_status: the status if the server itself fails.
    """

    def __init__(self, name: str, failure_status: int) -> None:
        super().__init__(name, static_folder=None)
        # A body without a length is cut off there. One more byte shows that it was too large.
        self.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
        self.json.sort_keys = False  # type: ignore[attr-defined]
        self.failure_status = failure_status
        self.before_request(_start)
        self.after_request(_finish)
        self.register_error_handler(ApiError, ApiError.response)
        self.register_error_handler(HTTPException, self._http_error)

    def log_exception(self, exc_info: Any) -> None:
        """Log the traceback of a request that failed, with its id."""
        self.logger.error("request %s failed", g.request_id, exc_info=exc_info)

    def _http_error(self, error: HTTPException) -> Response:
        status = error.code or 500
        message = MESSAGES.get(status, error.name)
        if status >= 500:
            status = self.failure_status
            message = f"the server failed; its log has the reason, by request id {g.request_id}"
        response = ApiError(status, message, "body" if status == 413 else None).response()
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or ())
        return response


def check_host(more: Iterable[str] = ()) -> None:
    """Refuse the current request, with a 403, unless its Host is this machine or one of `more`.

    Otherwise any web page whose own name resolves to this machine could read the answers.
    """
    name, _, port = request.host.rpartition(":")
    host = name if port.isdecimal() else request.host
    if host.lower() not in LOCAL_HOSTS.union(more):
        message = f"host {host[:MAX_NAME]!r} is not allowed: use localhost, or for the API "
        raise ApiError(403, message + "add the host to serve.allowed_hosts", "Host")


def _start() -> None:
    g.started = time.perf_counter()
    ids = (request.headers.get(header, "") for header in ID_HEADERS)
    g.request_id = next(filter(ID.fullmatch, ids), None) or uuid.uuid4().hex


def _finish(response: Response) -> Response:
    drain(response)
    response.headers["X-Request-Id"] = g.request_id
    return response


def drain(response: Response) -> None:
    """Read the rest of the body: a client that is still sending can't read its answer.

    If it can't be read, the start of the next request is unknown, so the connection is closed
    after the answer.
    """
    if request.environ.get("wsgi.input_terminated"):  # otherwise a read may block forever
        left = MAX_DRAINED_BYTES
        try:
            while left > 0 and (chunk := request.environ["wsgi.input"].read(2**16)):
                left -= len(chunk)
        except Exception:  # gunicorn's errors have no narrower base class
            connection = request.environ.get("gunicorn.socket")
            response.call_on_close(lambda: _close(connection))


def _close(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
