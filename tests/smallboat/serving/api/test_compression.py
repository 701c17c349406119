"""Bodies that all clients get alike are compressed once, for those who accept it."""

import gzip
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from model_stub import EXAMPLE, Model
from smallboat.serving.api import compression

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
PATHS = ["/", "/static/page.js", "/static/style.css", "/page.json", "/openapi.json", "/model"]


@pytest.fixture
def api(api: FlaskClient, model: Model) -> FlaskClient:
    """Of a model with much to tell."""
    model.page = {"drivers": [f"driver {number}" for number in range(500)]}
    model.evaluation = {"metrics": {"test": dict.fromkeys(map(str, range(500)), 3.0)}}
    compression._gzip.cache_clear()
    return api


@pytest.mark.parametrize("path", PATHS)
def test_page_and_data_are_smaller_and_the_same(api: FlaskClient, path: str) -> None:
    plain, packed = api.get(path), api.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) == int(packed.headers["Content-Length"]) < 0.6 * len(plain.data)
    for name in ("Content-Type", "Cache-Control", "Content-Security-Policy", "Last-Modified"):
        assert packed.headers.get(name) == plain.headers.get(name)
    assert [each.headers["Vary"] for each in (plain, packed)] == ["Accept-Encoding"] * 2
    head = api.head(path, headers=GZIP)
    assert (head.data, head.headers["Content-Length"]) == (b"", packed.headers["Content-Length"])


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("gzip", True),
        ("GZIP", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
    ],
)
def test_the_client_decides(api: FlaskClient, accepted: str, packed: bool) -> None:
    answer = api.get("/static/page.js", headers={"Accept-Encoding": accepted})
    assert ("Content-Encoding" in answer.headers) is packed


def test_nothing_is_compressed_that_does_not_gain_or_is_one_clients(api: FlaskClient) -> None:
    small = api.get("/health", headers=GZIP)
    icon = api.get("/static/icon.svg", headers=GZIP)
    known = api.get("/predict?season=2026&round=3", headers=GZIP)
    posted = api.post("/predict", json=EXAMPLE, headers=GZIP)
    for answer in (small, icon, known, posted, api.get("/nothing", headers=GZIP)):
        assert "Content-Encoding" not in answer.headers


def test_an_unchanged_file_is_not_sent_again(api: FlaskClient) -> None:
    for headers in ({}, GZIP):
        tag = api.get("/static/page.js", headers=headers).headers["ETag"]
        assert tag.startswith("W/") is bool(headers)
        for again in ({}, GZIP):
            answer = api.get("/static/page.js", headers={**again, "If-None-Match": tag})
            assert (answer.status_code, answer.data) == (304, b"")
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert "Content-Encoding" not in answer.headers


def test_a_part_of_a_file_is_sent_as_it_is(api: FlaskClient) -> None:
    part = api.get("/static/page.js", headers={**GZIP, "Range": "bytes=0-9"})
    assert (part.status_code, len(part.data)) == (206, 10)
    assert "Content-Encoding" not in part.headers


def test_the_same_bytes_are_compressed_once(api: FlaskClient) -> None:
    for _ in range(5):
        for path in PATHS:
            api.get(path, headers=GZIP)
    assert compression._gzip.cache_info().misses == len(PATHS)


def test_on_lambda_api_gateway_does_it(make: Callable[..., FlaskClient]) -> None:
    answer = make(AWS_LAMBDA_FUNCTION_NAME="f").get("/static/page.js", headers=GZIP)
    assert "Content-Encoding" not in answer.headers and "Vary" not in answer.headers
