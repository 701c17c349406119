"""What the API answers while a serverless endpoint starts its model."""

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toy
from flask.testing import FlaskClient
from lambda_events import rest
from model_stub import EXAMPLE, Model
from smallboat.cloud import lambda_api
from smallboat.emulator.runtime import run
from smallboat.serving.api import sagemaker_runtime, signed_session
from smallboat.serving.api.app import SHARED_PAGE

Make = Callable[..., FlaskClient]
API = Path(toy.__file__).parents[1] / "serving" / "api"
NOT_READY = (429, b'{"Message": "wait"}', "ModelNotReadyException")
THROTTLED = (400, b"{}", "ThrottlingException")
AWAY = (503, b"{}", "ServiceUnavailable")
PATHS = ("/health", "/model", "/page.json", "/openapi.json")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause before a second try."""
    monkeypatch.setattr(sagemaker_runtime, "time", SimpleNamespace(sleep=lambda _: None))


def codes(answers: list[Any]) -> set[tuple[int, str, str | None]]:
    """The different statuses, codes and headers Retry-After of some errors."""
    return {
        (each.status_code, each.json["error"]["code"], each.headers.get("Retry-After"))
        for each in answers
    }


@pytest.mark.parametrize("failure", [NOT_READY, THROTTLED, AWAY])
def test_a_model_that_starts_is_503_with_a_time_to_come_back(
    make: Make, model: Model, failure: tuple[int, bytes, str]
) -> None:
    api = make(MODEL_START_SECONDS="5")
    model.failure = failure
    answers = [api.get(path) for path in PATHS]
    answers += [api.post("/predict", json=EXAMPLE), api.get("/predict?season=2026&round=3")]
    assert codes(answers) == {(503, "model_not_ready", "5")}
    assert "is starting" in answers[0].json["error"]["message"]  # type: ignore[index]
    model.failure = None
    assert api.post("/predict", json=EXAMPLE).status_code == 200


def test_a_start_that_takes_longer_than_a_request_is_waited_for_once(
    make: Make, model: Model
) -> None:
    """A second try would start a second container."""
    api = make(MODEL_START_SECONDS="1.2", MODEL_TIMEOUT_SECONDS="0.1")
    model.delay = 30.0
    assert codes([api.get("/page.json")]) == {(503, "model_not_ready", "5")}
    assert len(model.headers) == 1
    model.delay = 0.5
    assert api.get("/page.json").status_code == 200  # later than MODEL_TIMEOUT_SECONDS


def test_only_an_endpoint_that_may_sleep_is_said_to_start(make: Make, model: Model) -> None:
    awake, never = make(MODEL_START_SECONDS="5"), make()
    assert awake.get("/model").status_code == never.get("/model").status_code == 200
    model.failure = THROTTLED
    answers = [api.post("/predict", json=EXAMPLE) for api in (awake, never, make())]
    assert codes(answers) == {(429, "too_many_requests", "5")}
    model.failure = AWAY
    answers = [api.post("/predict", json=EXAMPLE) for api in (awake, never, make())]
    assert codes(answers) == {(503, "unavailable", "5")}
    model.failure = NOT_READY  # so says SageMaker itself
    assert codes([never.post("/predict", json=EXAMPLE)]) == {(503, "model_not_ready", "5")}


def test_an_endpoint_that_was_asked_long_ago_may_sleep(
    make: Make, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make(MODEL_START_SECONDS="5")
    api.get("/model")
    model.failure = THROTTLED
    monkeypatch.setattr(sagemaker_runtime, "AWAKE_SECONDS", 0.0)
    assert codes([api.post("/predict", json=EXAMPLE)]) == {(503, "model_not_ready", "5")}


@pytest.mark.parametrize("start", ["20", "1"])
def test_requests_at_the_same_time_wake_the_endpoint_once(
    make: Make, model: Model, start: str
) -> None:
    api = make(MODEL_START_SECONDS=start)
    model.delay, together = 2.0, threading.Barrier(20)

    def get(path: str) -> Any:
        together.wait()
        return api.application.test_client().get(path)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(get, PATHS * 5))
    if start == "20":
        assert {each.status_code for each in answers} == {200}
    else:
        assert codes(answers) == {(503, "model_not_ready", "5")}
    assert len(model.headers) == 1
    model.delay = 0.0
    assert api.get("/page.json").status_code == 200


def test_the_page_needs_one_request(api: FlaskClient, model: Model) -> None:
    data = api.get("/page.json").json
    assert data is not None
    assert data["model"] == api.get("/model").json
    assert data["model"]["metrics"] and data["example"] == EXAMPLE
    page = (SHARED_PAGE / "page.js").read_text()
    assert re.findall(r"(?:ask|fetch\w+)\(([^)]*)\)", page) == ['"page.json"']
    assert model.count("describe") == 1


def test_the_functions_log_has_no_traceback_of_it(model: Model) -> None:
    model.failure = NOT_READY
    variables = {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url, "MODEL_START_SECONDS": "5"}
    events = [rest("GET", "/page.json"), rest("POST", "/predict", EXAMPLE)]
    answers, printed = run(
        API, "handler.handler", events, ENDPOINT_NAME="endpoint", CAPTURE="stdout", **variables
    )
    assert [each["statusCode"] for each in answers] == [503, 503], printed
    assert "Traceback" not in printed


def test_all_tries_end_before_api_gateway_gives_up() -> None:
    first = sagemaker_runtime.QUICK_SECONDS
    second = signed_session.CONNECT_SECONDS + float(lambda_api.START_SECONDS)
    assert first + 1 + second < 29


def test_a_quick_error_has_a_second_try_and_a_late_one_has_none(
    make: Make, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make(MODEL_START_SECONDS="5")
    model.failure = (500, b"{}", "InternalFailure")
    assert codes([api.get("/health")]) == {(503, "unavailable", "5")}
    assert len(model.headers) == 2
    monkeypatch.setattr(sagemaker_runtime, "QUICK_SECONDS", 0.2)
    model.delay, began = 0.4, time.monotonic()
    assert codes([api.get("/health")]) == {(503, "unavailable", "5")}
    assert (len(model.headers), time.monotonic() - began < 1.0) == (3, True)
