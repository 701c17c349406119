"""What `make predict` says of an API that can't be asked or answers strangely."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from smallboat.errors import UserError
from smallboat.release import queries


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A server whose every answer is that."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with answering(b'{"warnings": []}') as url:
        assert queries._ask_api(url, "predict", None, {}) == {"warnings": []}


def test_what_is_no_json_is_said() -> None:
    with answering(b"<html>") as url, pytest.raises(UserError, match="answered 200, no JSON"):
        queries._ask_api(url, "predict", None, {})


def test_that_nobody_answers_is_said() -> None:
    with pytest.raises(UserError, match="/predict can't be reached"):
        queries._ask_api("http://127.0.0.1:9", "predict", None, {})
