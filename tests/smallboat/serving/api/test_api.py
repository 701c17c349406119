import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from model_stub import EXAMPLE, SCHEMA, Model
from smallboat.serving.api.settings import Settings
from smallboat.serving.serving import PAGE

Json = dict[str, Any]
Make = Callable[..., FlaskClient]


def refused(answer: Any, status: int, field: str | None = None) -> str:
    """The message of an error, whose format is checked."""
    assert answer.status_code == status, answer.text
    assert set(answer.json) == {"error"} and set(answer.json["error"]) == {
        "code",
        "message",
        "field",
    }
    assert answer.json["error"]["field"] == field
    assert "Traceback" not in answer.text
    assert answer.headers["X-Request-Id"]
    return str(answer.json["error"]["message"])


def changed(**values: Any) -> Json:
    return {**EXAMPLE, **values}


def test_the_policy_of_the_page_allows_its_inline_script(api: FlaskClient) -> None:
    page = api.get("/")
    (script,) = re.findall(rb"<script>(.*?)</script>", page.data, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in page.headers["Content-Security-Policy"]


def test_a_request_is_answered_in_the_shape_of_the_contract(api: FlaskClient) -> None:
    answer = api.post("/predict", json=EXAMPLE)
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["model"]["run"] == "17"
    assert answer.json["model"]["features_as_of"] == "2026-03-01"
    assert [each["driver"] for each in answer.json["predictions"]] == ["tillery", "marrabel"]
    assert answer.json["warnings"] == []


def test_explain_reaches_the_model_and_not_the_schema(api: FlaskClient, model: Model) -> None:
    assert api.post("/predict", json=changed(explain=True)).status_code == 200
    assert model.received[-1] == {"requests": [EXAMPLE], "explain": True}
    refused(api.post("/predict", json=changed(explain=1)), 422, "explain")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (changed(season="2026"), "season"),
        (changed(season=True), "season"),
        (changed(season=1e300), "season"),
        (changed(grid=[]), "grid"),
        (changed(weather="wet"), "weather"),
        (changed(**{"": 1}), "''"),
        (changed(grid=[*EXAMPLE["grid"], {"driver": "x"}]), "grid[2].grid"),
        (changed(grid=[{"driver": 7, "grid": 1}]), "grid[0].driver"),
        (changed(grid=[{"driver": "x", "grid": 1, "tyre": "soft"}]), "grid[0].tyre"),
        ({key: EXAMPLE[key] for key in ("round", "circuit", "grid")}, "season"),
        ([], None),
        ("text", None),
    ],
)
def test_a_request_that_breaks_the_schema_never_reaches_the_model(
    api: FlaskClient, model: Model, wrong: Any, field: str | None
) -> None:
    refused(api.post("/predict", json=wrong), 422, field)
    assert model.count("requests") == 0


def test_what_the_model_itself_refuses_names_the_field(api: FlaskClient) -> None:
    twice = changed(grid=[{"driver": "x", "grid": 1}, {"driver": "x", "grid": 2}])
    message = refused(api.post("/predict", json=twice), 422, "grid[1].driver")
    assert message == "grid[1].driver is there twice"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"season": NaN}',
        b'{"season": Infinity}',
        b'{"season": 1e999}',
        b'{"season": ' + b"9" * 5000 + b"}",
        b'{"circuit": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=[
        "empty",
        "cut",
        "NaN",
        "Infinity",
        "too large",
        "too many digits",
        "no UTF-8",
        "lists",
        "objects",
    ],
)
def test_a_body_that_is_not_json_is_refused(api: FlaskClient, body: bytes) -> None:
    message = refused(api.post("/predict", data=body, content_type="application/json"), 400, "body")
    assert "int_max_str_digits" not in message


def test_half_a_pair_of_surrogates_is_a_name_like_any_other(api: FlaskClient) -> None:
    body = json.dumps(changed(circuit="\ud800"))
    answer = api.post("/predict", data=body, content_type="application/json")
    assert answer.status_code == 200


def test_other_types_and_encodings_are_refused(api: FlaskClient) -> None:
    body = json.dumps(EXAMPLE)
    refused(api.post("/predict", data=body, content_type="text/plain"), 415, "Content-Type")
    refused(api.post("/predict", data=body), 415, "Content-Type")
    zipped = {"Content-Encoding": "gzip"}
    refused(api.post("/predict", json=EXAMPLE, headers=zipped), 415, "Content-Encoding")
    utf8 = api.post("/predict", data=body, content_type="application/json; charset=utf-8")
    assert utf8.status_code == 200


def test_four_megabytes_are_the_limit(api: FlaskClient) -> None:
    size = 4 * 1024 * 1024
    body = b" " * (size - 2) + b"{}"
    refused(api.post("/predict", data=body, content_type="application/json"), 422, "season")
    refused(api.post("/predict", data=b" " + body, content_type="application/json"), 413, "body")


def test_other_addresses_and_methods_are_refused(api: FlaskClient) -> None:
    refused(api.get("/nothing"), 404)
    refused(api.get("/static/../app.py"), 404)
    refused(api.get("/static/nothing.js"), 404)
    refused(api.delete("/predict"), 405)
    assert "POST" in api.delete("/predict").headers["Allow"]
    refused(api.post("/health"), 405)


def test_a_known_race_needs_no_grid(api: FlaskClient) -> None:
    answer = api.get("/predict?season=2026&round=3")
    assert answer.status_code == 200
    assert answer.json == api.post("/predict", json=EXAMPLE).json


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("season=2026&round=4", "grid"),
        ("season=2026", "round"),
        ("season=&round=3", "season"),
        ("season=x&round=3", "season"),
        ("", "season"),
    ],
)
def test_an_unknown_race_is_refused_with_the_field(
    api: FlaskClient, query: str, field: str
) -> None:
    refused(api.get(f"/predict?{query}"), 422, field)


def test_the_description_is_asked_once_as_long_as_the_release_stays(
    api: FlaskClient, model: Model
) -> None:
    for _ in range(5):
        api.post("/predict", json=EXAMPLE)
    assert model.count("describe") == 1
    model.release = "bbbb-1111"
    assert api.post("/predict", json=EXAMPLE).status_code == 200
    assert api.get("/model").json["release"] == "bbbb-1111"  # type: ignore[index]
    api.post("/predict", json=EXAMPLE)
    assert model.count("describe") == 2


def test_a_request_for_a_switched_model_is_held_against_its_own_schema(
    api: FlaskClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.post("/predict", json=EXAMPLE)
    weather = {**SCHEMA["properties"], "weather": {"type": "string"}}
    model.release, model.schema = "bbbb-1111", {**SCHEMA, "properties": weather}
    monkeypatch.setattr("smallboat.serving.api.model_client.FRESH_SECONDS", 0.0)
    assert api.post("/predict", json=changed(weather="wet")).status_code == 200


def test_a_model_that_is_away_is_503_and_comes_back(make: Make, model: Model) -> None:
    api = make(MODEL_TIMEOUT_SECONDS="0.5")
    url, model.delay = model.url, 30.0
    began = time.monotonic()
    answer = api.post("/predict", json=EXAMPLE)
    assert time.monotonic() - began < model.delay
    assert "try again" in refused(answer, 503)
    assert answer.headers["Retry-After"]
    refused(api.get("/health"), 503)
    refused(api.get("/model"), 503)
    assert api.get("/").status_code == 200
    model.delay = 0.0
    assert model.url == url
    assert api.post("/predict", json=EXAMPLE).status_code == 200


def test_a_port_where_nobody_listens_is_503() -> None:
    from smallboat.serving.api.app import create

    url = "http://127.0.0.1:9"
    away = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url}
    api = create(PAGE, Settings.from_environment(away)).test_client()
    refused(api.post("/predict", json=EXAMPLE), 503)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((500, b"<html>", ""), 503),
        ((503, b"{}", "ServiceUnavailable"), 503),
        ((400, b"{}", "ThrottlingException"), 429),
        ((400, b'{"message": "no endpoint"}', "ValidationError"), 503),
        ((424, b'{"OriginalStatusCode": 500, "OriginalMessage": "boom"}', "ModelError"), 503),
        ((424, b"", "ModelError"), 503),
        ((200, b"not JSON", ""), 503),
        ((200, b"[]", ""), 503),
        ((200, b"{}", ""), 503),
    ],
)
def test_whatever_the_model_does_the_answer_has_the_one_shape(
    api: FlaskClient, model: Model, answer: tuple[int, bytes, str], status: int
) -> None:
    api.post("/predict", json=EXAMPLE)
    model.failure = answer
    refused(api.post("/predict", json=EXAMPLE), status)


def test_an_error_behind_the_answer_is_503(
    api: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smallboat.serving.api.app.HEADERS", 1)
    api.application.testing = False
    answer = api.get("/nothing")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")  # type: ignore[index]


def test_a_busy_model_is_asked_twice_at_most(api: FlaskClient, model: Model) -> None:
    api.post("/predict", json=EXAMPLE)
    before, model.failure = len(model.headers), (503, b"{}", "ServiceUnavailable")
    api.post("/predict", json=EXAMPLE)
    assert len(model.headers) - before == 2


def test_the_request_id_is_echoed_made_and_passed_on(api: FlaskClient, model: Model) -> None:
    answer = api.post("/predict", json=EXAMPLE, headers={"X-Request-Id": "my-id.1"})
    assert answer.headers["X-Request-Id"] == "my-id.1"
    assert model.headers[-1]["X-Amzn-SageMaker-Custom-Attributes"] == "my-id.1"
    made = [
        api.get("/health", headers={"X-Request-Id": bad}).headers
        for bad in ("", "a b", "é", "x" * 200)
    ]
    assert len({headers["X-Request-Id"] for headers in made}) == 4
    assert all(headers["X-Request-Id"].isalnum() for headers in made)


def test_between_processes_of_one_machine_no_profile_matters(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.setenv(name, "nobody")
        assert make().post("/predict", json=EXAMPLE).status_code == 200
        monkeypatch.delenv(name)


HERE = ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000"]
ELSEWHERE = [
    "attacker.example",
    "attacker.example:8000",
    "localhost.attacker.example",
    "127.0.0.1.attacker.example:80",
    "localhost@attacker.example",
    "[::2]",
    "not a name",
]


@pytest.mark.parametrize("path", ["/", "/health", "/predict?season=2026&round=3"])
def test_this_machine_is_asked_by_its_own_names_only(api: FlaskClient, path: str) -> None:
    """Else a web page whose own name is given this machine's address could read the answers."""
    assert [api.get(path, headers={"Host": host}).status_code for host in HERE] == [200] * 6
    for host in ELSEWHERE:
        message = refused(api.get(path, headers={"Host": host}), 403, "Host")
        assert "add the host to serve.allowed_hosts" in message


def test_more_names_can_be_allowed_and_on_lambda_aws_fixes_them(make: Make) -> None:
    proxied = make(ALLOWED_HOSTS="model.example.org,other.example")
    assert proxied.get("/health", headers={"Host": "model.example.org"}).status_code == 200
    assert proxied.get("/health", headers={"Host": "localhost:8000"}).status_code == 200
    refused(proxied.get("/health", headers={"Host": "example.org"}), 403, "Host")
    behind = make(AWS_LAMBDA_FUNCTION_NAME="api", AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME="")
    gateway = {"Host": "abc.execute-api.eu-west-1.amazonaws.com"}
    assert behind.get("/", headers=gateway).status_code == 200


def test_only_predict_asks_for_the_key(make: Make, model: Model) -> None:
    api = make(API_KEY="sesame")
    refused(api.post("/predict", json=EXAMPLE), 401)
    refused(api.get("/predict?season=2026&round=3"), 401)
    refused(api.post("/predict", json=EXAMPLE, headers={"x-api-key": "sésame"}), 403)
    refused(api.post("/predict", data=b"x", headers={"x-api-key": "wrong"}), 403)
    assert model.received == []
    for path in ("/", "/health", "/model", "/openapi.json", "/page.json", "/releases"):
        assert api.get(path).status_code == 200
    key = {"x-api-key": "sesame"}
    assert api.post("/predict", json=EXAMPLE, headers=key).status_code == 200


def test_other_origins_may_call_only_where_configured(make: Make) -> None:
    origin = {"Origin": "https://a.example"}
    asks = origin | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-api-key",
    }
    closed = make().get("/health", headers=origin)
    assert "Access-Control-Allow-Origin" not in closed.headers
    opened = make(CORS_ORIGINS="https://a.example, https://b.example", API_KEY="k")
    preflight = opened.options("/predict", headers=asks)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"].lower()
    answer = opened.post("/predict", json=EXAMPLE, headers=origin)
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    other = opened.get("/health", headers={"Origin": "https://axexample"})
    assert "Access-Control-Allow-Origin" not in other.headers
    everyone = make(CORS_ORIGINS="*").get("/health", headers=origin)
    assert everyone.headers["Access-Control-Allow-Origin"] == "*"


def test_model_tells_run_hashes_metrics_and_date(api: FlaskClient) -> None:
    facts = api.get("/model").json
    assert facts is not None
    assert facts["run"] == "17" and facts["model_hash"] == "aaaa"
    assert facts["metrics"] == {"test": {"mae": 3.0}}
    assert facts["features_as_of"] == "2026-03-01"


def test_without_time_neither_facts_nor_answers_state_a_date(
    api: FlaskClient, model: Model
) -> None:
    model.as_of = None
    answer = api.post("/predict", json=EXAMPLE)
    for told in (api.get("/model").json, answer.json and answer.json["model"]):
        assert told is not None and told["run"] == "17"
        assert "features_as_of" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENDPOINT_NAME", ""),
        ("CAPTURE_SHARE", "1.5"),
        ("CAPTURE_SHARE", "half"),
        ("MODEL_TIMEOUT_SECONDS", "0"),
        ("MODEL_TIMEOUT_SECONDS", "nan"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.from_environment({"ENDPOINT_NAME": "endpoint", name: value})
