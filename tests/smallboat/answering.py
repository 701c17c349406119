"""A server on loopback that answers as a function says."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What is asked."""

    method: str
    path: str
    headers: Message
    body: bytes  # unpacked


@contextmanager
def serving(answer: Callable[[Request], tuple[int, bytes]], **headers: str) -> Iterator[str]:
    """Its address, without a slash at the end.

    Args:
        answer: status and body, by the request.
        headers: of every answer; `_` stands for `-`.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                sent = gzip.decompress(sent)
            status, body = answer(Request(self.command, self.path, self.headers, sent))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET  # noqa: N815, as the base class calls them

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def answering(answer: Callable[[str], tuple[int, bytes]], **headers: str) -> Iterator[str]:
    """The same, where the path alone decides."""
    with serving(lambda request: answer(request.path), **headers) as url:
        yield url


class Service:
    """The state of a service's stub; change `api_key` or `broken` to make it refuse.

    Attributes:
        api_key: the only one that it accepts.
        broken: a part of what it refuses to answer.
        url: where it is served.
        asked: what it was asked for.
        bodies: what it was sent.
    """

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key
        self.broken = ""
        self.url = ""
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
