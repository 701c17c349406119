"""What `make predict` says of an API that can't be asked or answers strangely."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from smallboat.errors import UserError
from smallboat.release import progress, queries


@contextmanager
def answering(body: bytes, *before: bytes) -> Iterator[str]:
    """A server whose every answer is that, after some that are 503."""
    left = list(before)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(503 if left else 200)
            self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(left.pop() if left else body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_model_that_starts_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.2)
    starting = b'{"error": {"code": "model_not_ready", "message": "wait", "field": null}}'
    with answering(b'{"warnings": []}', starting, starting) as url:
        assert queries._ask_api(url, "predict", {}, {}) == {"warnings": []}
        assert f"{url}: waiting for the model to start (" in capsys.readouterr().out
    monkeypatch.setattr(progress, "START_SECONDS", 0.0)
    with (
        answering(b"{}", starting, starting) as url,
        pytest.raises(UserError, match=r"answered 503: wait$"),
    ):
        queries._ask_api(url, "predict", {}, {})


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
