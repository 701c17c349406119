"""The Flask application that the API extends."""

import time
from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from .. import request_parsing
from ..request_parsing import MAX_BODY_BYTES, MESSAGES, ApiError


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
        self.register_error_handler(ApiError, _api_error)
        self.register_error_handler(HTTPException, self._http_error)

    def log_exception(self, exc_info: Any) -> None:
        """Log the traceback of a request that failed, with its id."""
        self.logger.error("request %s failed", g.request_id, exc_info=exc_info)

    def _http_error(self, error: HTTPException) -> Response:
        status = error.code or 500
        if status >= 500:
            return _api_error(request_parsing.failure(self.failure_status, g.request_id))
        if status == 413:
            return _api_error(request_parsing.too_large())
        response = _api_error(ApiError(status, MESSAGES.get(status, error.name)))
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or ())
        return response


def read_body() -> bytes:
    """The body of the current request; error 413 if it is too large."""
    body = request.get_data(cache=False)
    if len(body) > MAX_BODY_BYTES:
        raise request_parsing.too_large()
    return body


def check_host(more: Iterable[str] = ()) -> None:
    """Refuse the current request unless its Host is this machine or one of `more`."""
    request_parsing.check_host(request.host, more)


def _api_error(error: ApiError) -> Response:
    g.error = error.content()["error"]
    response = jsonify(error.content())
    response.status_code = error.status
    return response


def _start() -> None:
    g.started, g.error = time.perf_counter(), None
    g.request_id = request_parsing.request_id(request.headers.get)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    return response
