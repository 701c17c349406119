"""`GET /releases` and `GET /model/card`: what was released, and what is served."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from flask.testing import FlaskClient
from model_stub import Model
from sent_requests import sent, text
from smallboat.serving.api import releases
from smallboat.serving.api.releases import ReleaseList
from smallboat.serving.api.settings import Settings

Make = Callable[..., FlaskClient]
LIST = [{"release": "aaaa-1111", "run": "17", "came": "the first release"}]
ON_S3 = "s3://shop-staging-123/store/monitoring/releases.json"


class Bucket:
    """What S3 answers, and the paths that it was asked for."""

    def __init__(self) -> None:
        self.status, self.content = 200, json.dumps(LIST).encode()
        self.asked: list[str] = []
        self.url = ""


@contextmanager
def stored() -> Iterator[Bucket]:
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bucket.asked.append(self.path)
            self.send_response(bucket.status)
            self.send_header("Content-Length", str(len(bucket.content)))
            self.end_headers()
            self.wfile.write(bucket.content)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        bucket.url = f"http://127.0.0.1:{server.server_port}"
        yield bucket
        server.shutdown()


@pytest.fixture
def s3() -> Iterator[Bucket]:
    with stored() as bucket:
        yield bucket


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the list's clock on by seconds."""
    now = [1000.0]
    monkeypatch.setattr(releases.time, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def test_the_list_is_read_from_its_file_each_time(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "releases.json"
    api = make(RELEASES=str(file))
    assert api.get("/releases").json == []
    file.write_text(json.dumps(LIST))
    assert api.get("/releases").json == LIST


def test_without_a_list_there_is_none(api: FlaskClient) -> None:
    answer = api.get("/releases")
    assert (answer.status_code, answer.json) == (200, [])


@pytest.mark.parametrize("content", ["cut", "{}", "null"])
def test_a_broken_file_is_told(make: Make, tmp_path: Path, content: str) -> None:
    file = tmp_path / "releases.json"
    file.write_text(content)
    answer = make(RELEASES=str(file)).get("/releases")
    assert answer.status_code == 503
    assert answer.json["error"]["message"].startswith("the list of releases can't be read")


def test_from_s3_it_is_read_at_most_once_a_minute(
    make: Make, s3: Bucket, clock: Callable[[float], None]
) -> None:
    api = make(RELEASES=ON_S3, AWS_ENDPOINT_URL_S3=s3.url)
    assert [api.get("/releases").json for _ in range(3)] == [LIST] * 3
    assert s3.asked == ["/shop-staging-123/store/monitoring/releases.json"]
    s3.content = b"[]"
    clock(releases.FRESH_SECONDS + 1)
    assert api.get("/releases").json == []
    assert len(s3.asked) == 2


@pytest.mark.parametrize("status", [403, 404])
def test_before_the_first_list_on_s3_it_is_empty(make: Make, s3: Bucket, status: int) -> None:
    s3.status = status
    answer = make(RELEASES=ON_S3, AWS_ENDPOINT_URL_S3=s3.url).get("/releases")
    assert (answer.status_code, answer.json) == (200, [])


def test_what_was_read_is_answered_while_s3_is_away(
    make: Make, s3: Bucket, clock: Callable[[float], None]
) -> None:
    api = make(RELEASES=ON_S3, AWS_ENDPOINT_URL_S3=s3.url)
    s3.status = 500
    refused = api.get("/releases")
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "unavailable")
    s3.status = 200
    assert api.get("/releases").json == LIST
    s3.status = 500
    clock(releases.FRESH_SECONDS + 1)
    assert api.get("/releases").json == LIST


def test_the_request_is_the_one_that_boto3_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = boto3.Session().client("s3", "eu-west-1", config=once)
    bucket, _, key = ON_S3.removeprefix("s3://").partition("/")
    theirs = sent(monkeypatch, lambda: client.get_object(Bucket=bucket, Key=key))
    settings = Settings("e", region="eu-west-1", on_lambda=True, releases=ON_S3)
    asked: list[Any] = []

    def keep(_: URLLib3Session, request: Any) -> Any:
        asked.append(request)
        return type("Answer", (), {"status_code": 200, "content": b"[]"})

    monkeypatch.setattr(URLLib3Session, "send", keep)
    assert ReleaseList(settings).read() == []
    (ours,) = asked
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    for name in ("X-Amz-Content-SHA256", "X-Amz-Security-Token"):
        assert text(ours.headers[name]) == text(theirs.headers[name])
    scopes = [text(each.headers["Authorization"]).split(",")[0] for each in (ours, theirs)]
    assert scopes[0] == scopes[1] and scopes[0].endswith("/eu-west-1/s3/aws4_request")


def test_the_card_of_what_is_served_is_a_page_that_may_do_nothing(
    api: FlaskClient, model: Model
) -> None:
    answer = api.get("/model/card")
    assert (answer.status_code, answer.text) == (200, model.card)
    assert answer.mimetype == "text/html"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and policy.endswith("; sandbox")
    assert "script" not in policy


def test_a_release_without_a_card_is_told(api: FlaskClient, model: Model) -> None:
    model.card = None
    missing = api.get("/model/card")
    assert missing.status_code == 404
    assert missing.json["error"]["message"].startswith("this release has no model card: it was")


def test_a_model_server_that_knows_no_cards_is_as_good(api: FlaskClient, model: Model) -> None:
    error = {"error": {"code": "invalid", "message": "requests is missing", "field": "body"}}
    wrapped = {"OriginalStatusCode": 422, "OriginalMessage": json.dumps(error)}
    model.failure = (424, json.dumps(wrapped).encode(), "ModelError")
    assert api.get("/model/card").status_code == 404
    model.failure = (500, b"", "")
    assert api.get("/model/card").status_code == 503
