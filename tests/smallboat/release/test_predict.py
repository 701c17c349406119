"""What `make predict` says of an API that can't be asked or answers strangely."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from answering import answering
from smallboat.errors import UserError
from smallboat.release import progress, queries


@contextmanager
def api(body: bytes, *before: bytes) -> Iterator[str]:
    """An API whose every answer is that, after some that are 503."""
    left = list(before)
    with answering(lambda _: (503, left.pop()) if left else (200, body), Retry_After="1") as url:
        yield url


def test_a_model_that_starts_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.2)
    starting = b'{"error": {"code": "model_not_ready", "message": "wait", "field": null}}'
    with api(b'{"warnings": []}', starting, starting) as url:
        assert queries._ask_api(url, "predict", {}, {}) == {"warnings": []}
        assert f"{url}: waiting for the model to start (" in capsys.readouterr().out
    monkeypatch.setattr(progress, "START_SECONDS", 0.0)
    with (
        api(b"{}", starting, starting) as url,
        pytest.raises(UserError, match=r"answered 503: wait$"),
    ):
        queries._ask_api(url, "predict", {}, {})


def test_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with api(b'{"warnings": []}') as url:
        assert queries._ask_api(url, "predict", None, {}) == {"warnings": []}


def test_what_is_no_json_is_said() -> None:
    with api(b"<html>") as url, pytest.raises(UserError, match="answered 200, no JSON"):
        queries._ask_api(url, "predict", None, {})


def test_that_nobody_answers_is_said() -> None:
    with pytest.raises(UserError, match="/predict can't be reached"):
        queries._ask_api("http://127.0.0.1:9", "predict", None, {})
