"""The container of each endpoint, as a process of this machine that requests are sent to."""

import http.client
import itertools
import json
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from werkzeug import Request, Response

from ..errors import ReleaseError
from ..serving import servers
from ..store import release_bundle
from .serverless import Cold, NotReadyError, Scaling, ThrottledError

Json = dict[str, Any]
SECONDS = 60
"""SageMaker's timeout for a container's answer."""
SERVERLESS_LIMIT = 4 * 2**20
"""The size limit of a serverless endpoint's request body, in bytes."""
PASSED = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes",
          "X-Amzn-SageMaker-Inference-Id")  # fmt: skip


class StartError(Exception):
    """A container did not start; the message is the endpoint's FailureReason."""


@dataclass(frozen=True)
class Variant:
    """The one variant of an endpoint configuration; on instances `max_concurrency` is 0."""

    name: str
    max_concurrency: int
    archive: bytes
    variables: dict[str, str]


class Container:
    """A running container, which is stopped after its last answer."""

    def __init__(self, variant: Variant, port: int, process: ExitStack, cold: Cold) -> None:
        self.variant, self.port, self._process = variant, port, process
        most = variant.max_concurrency
        self.scaling = Scaling(most, cold) if most else None
        self._asking = 0
        self._changed = threading.Condition()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep it running."""
        with self._changed:
            self._asking += 1
        try:
            yield
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()

    def end(self) -> None:
        """Stop it after the current requests."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asking, SECONDS)
        self._process.close()


class Containers:
    """The container of each endpoint, by the endpoint's name."""

    def __init__(self, folder: Path, server: Sequence[str]) -> None:
        """Begin with none.

        Args:
            folder: for unpacked models and logs.
            server: the program that a container runs, as the words for Python.
        """
        self._folder, self._server = folder, server
        self.cold = Cold()
        self._serving: dict[str, Container] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def start(self, endpoint: str, variant: Variant) -> Container:
        """Start a container, and return it once it answers /ping.

        Raises:
            StartError: its archive can't be unpacked, or it does not answer.
        """
        home = self._folder / f"{endpoint}-{next(self._numbers)}"
        try:
            release_bundle.unpack(variant.archive, home / "model")
        except tarfile.TarError as error:
            raise StartError(f"Failed to extract model data archive: {error}") from None
        port = servers.free_port()
        words = [*self._server, "serve", "--folder", str(home / "model"), "--port", str(port)]
        with ExitStack() as process:
            log = process.enter_context((home / "log").open("wb"))
            started = servers.started(
                "container", words, port, "/ping", variant.variables, output=log
            )
            try:
                process.enter_context(started)
            except ReleaseError:
                says = servers.last_line((home / "log").read_text(errors="replace"))
                raise StartError(
                    f"The primary container for production variant {variant.name} did not pass "
                    f"the ping health check. Please check CloudWatch logs for this endpoint. "
                    f"({home / 'log'} ends with: {says})"
                ) from None
            return Container(variant, port, process.pop_all(), self.cold)

    def serve(self, endpoint: str, container: Container) -> Container | None:
        """Send an endpoint's requests to a container; returns the previous one, to be stopped."""
        with self._lock:
            before = self._serving.get(endpoint)
            self._serving[endpoint] = container
        return before

    def stop(self, endpoint: str) -> None:
        """Stop the container of an endpoint, if there is one."""
        with self._lock:
            container = self._serving.pop(endpoint, None)
        if container:
            container.end()

    def sleep(self, **seconds: float) -> None:
        """Let serverless endpoints sleep, and set how cold they are; TypeError for another name."""
        self.cold.set(**seconds)
        with self._lock:
            for container in self._serving.values():
                if container.scaling:
                    container.scaling.sleep()

    def close(self) -> None:
        """Stop all containers."""
        for endpoint in list(self._serving):
            self.stop(endpoint)

    def invoke(self, endpoint: str, known: bool, request: Request) -> Response:
        """The answer of an endpoint, as SageMaker's runtime gives it.

        Args:
            endpoint: its name.
            known: whether there is such an endpoint.
            request: to its path /invocations.
        """
        if not known:
            says = f"Endpoint {endpoint} of account {DEFAULT_ACCOUNT_ID} not found."
            return _error(400, "ValidationError", says)
        with ExitStack() as held:
            with self._lock:
                container = self._serving.get(endpoint)
                if container:
                    held.enter_context(container.held())
            if not container:
                return _error(503, "ServiceUnavailable", "The endpoint is not in service.")
            body = request.get_data()
            if container.scaling and len(body) > SERVERLESS_LIMIT:
                says = f"Request size {len(body)} exceeds the limit of {SERVERLESS_LIMIT} bytes."
                return _error(413, "ValidationError", says)
            return _when_ready(container, body, request)


def _when_ready(container: Container, body: bytes, request: Request) -> Response:
    """The answer of a container; SageMaker's own if a serverless one does not start in time."""
    try:
        with container.scaling.container() if container.scaling else nullcontext():
            return _forwarded(container, body, request)
    except ThrottledError:
        return _error(400, "ThrottlingException", "Rate exceeded")
    except NotReadyError:
        says = "The serverless endpoint variant's resources are still being provisioned."
        return _error(429, "ModelNotReadyException", says)


def _forwarded(container: Container, body: bytes, request: Request) -> Response:
    headers = {name: request.headers[name] for name in PASSED if name in request.headers}
    client = http.client.HTTPConnection(servers.HOST, container.port, timeout=SECONDS)
    try:
        client.request("POST", "/invocations", body, headers)
        answer = client.getresponse()
        content = answer.read()
    except TimeoutError:
        return _model_error(0, "Your invocation timed out while waiting for a response.")
    except (OSError, http.client.HTTPException):
        return _model_error(0, "The container closed the connection without an answer.")
    finally:
        client.close()
    if answer.status >= 400:
        return _model_error(answer.status, content.decode(errors="replace"))
    response = Response(content, content_type=answer.getheader("Content-Type"))
    response.headers["x-Amzn-Invoked-Production-Variant"] = container.variant.name
    for name in PASSED[2:]:
        if value := answer.getheader(name):
            response.headers[name] = value
    return response


def _model_error(status: int, message: str) -> Response:
    side = "client" if 400 <= status < 500 else "server"
    told = f'Received {side} error ({status}) from primary with message "{message}".'
    return _error(
        424, "ModelError", told, OriginalStatusCode=status, OriginalMessage=message,
        LogStreamArn="",
    )  # fmt: skip


def _error(status: int, code: str, message: str, **more: Any) -> Response:
    told = json.dumps({"Message": message, **more})
    return Response(told, status, {"x-amzn-ErrorType": code}, content_type="application/json")
