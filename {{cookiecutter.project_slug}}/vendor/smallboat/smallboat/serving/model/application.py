"""The model server's ASGI application: SageMaker's container contract."""

import asyncio
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ...errors import RequestError
from ...problem import Problem
from ..asgi import Receive, Scope, Send, read_body, respond
from ..request_parsing import (
    MAX_BODY_BYTES,
    MESSAGES,
    ApiError,
    check_host,
    failure,
    request_id,
    too_large,
)
from . import invocation
from .model import CurrentRelease, Release

Json = dict[str, Any]
Headers = dict[str, str]

MAX_CONCURRENT_BATCHES = 4  # more only compete for the interpreter
SMALL_BODY = 2**14
"""Bytes of a body that the event loop parses itself: a thread would cost more than it saves."""
SAGEMAKERS_PATH = re.compile("/endpoints/[^/]+/invocations")


class Application:
    """Answers for the release that a folder holds, or that its pointer names."""

    def __init__(
        self, problem: Problem, current: CurrentRelease, log: logging.Logger, any_host: bool
    ) -> None:
        self._problem, self._current, self._log = problem, current, log
        self._any_host = any_host  # SageMaker calls a container by any name
        self._batches = ThreadPoolExecutor(MAX_CONCURRENT_BATCHES, "batch")
        # Always the same thread: the C library keeps the freed memory of each thread for itself.
        self._loader = ThreadPoolExecutor(1, "load")
        self._loading: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and log a line."""
        started = time.perf_counter()
        path = scope["path"]
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        own_id = request_id(lambda name: headers.get(name.lower()))
        facts: Json = {"run": None, "release": None, "requests": 0}
        more = {"content-type": "application/json", "x-request-id": own_id}
        try:
            body = await self._accept(scope, receive, headers, more)
            status, content = await self._answer(path, headers, body, facts)
        except Exception as error:
            status, content = self._refusal(error, own_id)
        if status >= 400 and SAGEMAKERS_PATH.fullmatch(path):
            status, content = 424, _sagemaker_error(status, content)
            more["x-amzn-errortype"] = "ModelError"
        await respond(send, status, more, content)
        if path != "/ping":
            ms = round(1000 * (time.perf_counter() - started), 3)
            line = {"id": own_id, "path": path, **facts, "status": status, "ms": ms}
            self._log.info(json.dumps(line))

    async def _accept(
        self, scope: Scope, receive: Receive, headers: Headers, more: Headers
    ) -> bytes:
        """The body of a request that may be answered; `more` gets a header of the refusal."""
        body = await read_body(scope, receive)
        if not self._any_host:
            check_host(headers.get("host", "localhost"))
        allowed = _methods(scope["path"])
        if scope["method"] not in allowed:
            more["allow"] = ", ".join(allowed)
            raise ApiError(405, MESSAGES[405])
        if len(body) > MAX_BODY_BYTES:
            raise too_large()
        return body

    async def _answer(
        self, path: str, headers: Headers, body: bytes, facts: Json
    ) -> tuple[int, bytes]:
        release = await self._release()
        if path == "/ping":
            return (503, b'{"release": null}') if release is None else (200, b"{}")
        if release is None:
            raise ApiError(503, "there is no valid release to serve; the log has the reason")
        facts |= {key: release.facts[key] for key in ("run", "release")}
        mimetype = headers.get("content-type", "").partition(";")[0].strip().lower()
        parse = partial(invocation.parse, self._problem, mimetype, body)
        asked = parse() if len(body) <= SMALL_BODY else await self._in_thread(parse)
        if "describe" in asked:
            return 200, release.described
        if "card" in asked:
            return 200, _json({"html": release.card})
        if "known" in asked:
            return 200, _json(release.known(asked["known"]))
        facts["requests"] = len(asked["requests"])
        explain = asked.get("explain", False)
        predict = partial(_predict, release, asked["requests"], explain, asked.get("captured"))
        small = len(body) <= SMALL_BODY and len(asked["requests"]) == 1 and not explain
        return 200, predict() if small else await self._in_thread(predict)

    async def _release(self) -> Release | None:
        """The newest release. The first who asks for a new one waits; others get the old one."""
        if self._current.stale():
            first = self._loading is None or self._loading.done()
            if first:
                loop = asyncio.get_running_loop()
                self._loading = loop.run_in_executor(self._loader, self._current.load)
            if self._loading and (first or self._current.release is None):
                await asyncio.shield(self._loading)
        return self._current.release

    async def _in_thread(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._batches, work)

    def _refusal(self, error: Exception, own_id: str) -> tuple[int, bytes]:
        if isinstance(error, RequestError):
            error = ApiError(422, str(error), error.field)
        elif not isinstance(error, ApiError):
            self._log.error("request %s failed", own_id, exc_info=error)
            error = failure(500, own_id)
        return error.status, json.dumps(error.content()).encode()


def _methods(path: str) -> tuple[str, ...]:
    """The methods that a path accepts; error 404 if there is no such path."""
    if path == "/ping":
        return "GET", "HEAD"
    if path == "/invocations" or SAGEMAKERS_PATH.fullmatch(path):
        return ("POST",)
    raise ApiError(404, MESSAGES[404])


def _predict(release: Release, requests: list[Json], explain: bool, capture: Json | None) -> bytes:
    return _json(release.predict(requests, explain, capture))


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _sagemaker_error(status: int, content: bytes) -> bytes:
    """The error as SageMaker's runtime returns it when a container refuses a request."""
    return _json({"OriginalStatusCode": status, "OriginalMessage": content.decode()})
