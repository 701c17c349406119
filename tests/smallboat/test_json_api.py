"""The client of JSON APIs; f1's tests of its API cover waiting, retries and throttling."""

import datetime as dt
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import answering
from smallboat import json_api
from smallboat.errors import UserError

DAY = dt.date(2024, 3, 2)


@pytest.fixture(autouse=True)
def no_garbage() -> Iterator[None]:
    """No garbage of other tests is collected: at Python's recursion limit its finalizers fail."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(json_api, "BACKOFF", 0.001)


def client(url: str, cache: Path) -> json_api.JsonApi:
    return json_api.JsonApi(url, cache, 1000, 100_000)


def test_an_answer_is_asked_for_and_kept_with_its_day(tmp_path: Path) -> None:
    with answering(lambda _: (200, b'{"a": [1]}')) as url:
        api = client(f"{url}/", tmp_path)
        answer = api.ask("2024/results.json", {"limit": 100})
    assert (answer, api.made) == ({"a": [1]}, 1)
    assert api.kept("2024/results-0") is None
    api.keep("2024/results-0", answer, DAY)
    api.keep("2024/races-0", answer, DAY)
    assert api.kept("2024/results-0") == (answer, DAY)
    api.forget("2024/results-*")
    assert api.kept("2024/results-0") is None
    assert api.kept("2024/races-0") == (answer, DAY)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"day": "2024-03-02"}', '{"day": 1, "answer": 1}',
                '{"day": "soon", "answer": 1}', "[" * 100_000]
)  # fmt: skip
def test_a_damaged_file_is_no_answer(tmp_path: Path, content: str) -> None:
    (tmp_path / "races-0.json").write_text(content)
    assert client("http://127.0.0.1:1", tmp_path).kept("races-0") is None


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"<html>", 200, r"races\.json answered something that is not JSON"),
        (b'{"a": ', 200, r"races\.json answered something that is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", 200, r"races\.json answered something that is not JSON"),
        (b"[" * 100_000, 200, r"races\.json answered something that is not JSON"),
        (b"\xff\xfe\x00", 200, r"races\.json answered something that is not JSON"),
        (b"", 404, r"races\.json answered 404; check `url`"),
        (b"", 500, r"races\.json answered 500; check `url`"),
        (b"", 429, r"races\.json still throttles after 7 more tries \(429\)"),
    ],
)
def test_a_wrong_answer_is_a_sentence(
    tmp_path: Path, body: bytes, status: int, message: str
) -> None:
    with answering(lambda _: (status, body)) as url, pytest.raises(UserError, match=message):
        client(f"{url}/", tmp_path).ask("races.json", {})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "", "nonsense", "http://[", "ftp://x"])
def test_an_address_that_leads_nowhere_is_a_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match=r"can't be reached; check the network, and `url` in"):
        client(url, tmp_path).ask("races.json", {})
