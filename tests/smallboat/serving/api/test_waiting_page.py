"""What the page shows of a model that is busy, away or starting, in a browser with a fast clock."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import visit
from model_stub import EXAMPLE, Model
from smallboat.serving.api import sagemaker_runtime
from smallboat.serving.api.app import create
from smallboat.serving.api.settings import Settings
from smallboat.serving.serving import PAGE
from visit import SHOWN
from werkzeug.serving import make_server

FAST = """
const speed = SPEED;
const [now, timeout, interval, start] = [Date.now, setTimeout, setInterval, Date.now()];
Date.now = () => start + (now() - start) * speed;
setTimeout = (work, ms, ...words) => timeout(work, ms / speed, ...words);
setInterval = (work, ms, ...words) => interval(work, ms / speed, ...words);
"""
EVALUATION = {
    "created": "2026-03-02T10:00:00+00:00",
    "winner": "ridge",
    "periods": {"test": [9, 9]},
    "metrics": {"test": {"mae": 3.0}},
    "intervals": {"test": {"mae": [2.8, 3.2]}},
    "baseline": {"test": {"mae": 3.5}},
    "difference": {"mae": {"value": -0.5, "low": -0.7, "high": -0.3}},
}
NOT_READY = (429, b"{}", "ModelNotReadyException")
THROTTLED = (400, b"{}", "ThrottlingException")
AWAY = (500, b"<html>", "")
LATE = "The model did not start within five minutes."


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for all tests."""
    with visit.browser() as started:
        yield started


@dataclass
class Page:
    """The page, served by the API in front of the stub."""

    browser: Any
    url: str
    model: Model

    def open(self, speed: float = 50.0) -> None:
        """Go there, with a clock that is so fast: with 50 a minute takes a bit more than 1 s."""
        source = {"source": FAST.replace("SPEED", str(speed))}
        say = self.browser.execute_cdp_cmd
        clock = say("Page.addScriptToEvaluateOnNewDocument", source)
        try:
            self.browser.get(self.url)
        finally:
            say("Page.removeScriptToEvaluateOnNewDocument", clock)

    def until(self, condition: Callable[[Any], Any]) -> Any:
        """What is shown once that is true of it."""
        end = time.monotonic() + 60
        while not condition(shown := self.browser.execute_script(SHOWN)):
            assert time.monotonic() < end, shown
            time.sleep(0.05)
        return shown


@pytest.fixture
def page(browser: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page that is not opened yet; the API does not pause before a second try."""
    monkeypatch.setattr(sagemaker_runtime, "time", SimpleNamespace(sleep=lambda _: None))
    model.evaluation = EVALUATION
    known = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
    server = make_server("127.0.0.1", 0, create(PAGE, Settings.from_environment(known)), True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Page(browser, f"http://127.0.0.1:{server.server_port}", model)
    server.shutdown()
    server.server_close()


def test_a_model_that_is_ready_is_not_waited_for(page: Page) -> None:
    page.open()
    shown = page.until(lambda it: it["rows"])
    assert (shown["rows"], shown["ready"], shown["trouble"]) == (2, True, "")
    assert page.model.count("describe") == 1


@pytest.mark.parametrize(
    ("failure", "line"), [(NOT_READY, "The model is starting."), (THROTTLED, "The model is busy.")]
)
def test_what_passes_is_waited_for(page: Page, failure: Any, line: str) -> None:
    page.model.failure = failure
    page.open(speed=3.0)
    shown = page.until(lambda it: it["waiting"].startswith(line))
    assert (shown["trouble"], shown["ready"]) == ("", False)
    page.model.failure = None
    shown = page.until(lambda it: it["rows"])
    assert (shown["waiting"], shown["trouble"]) == ("", "")


@pytest.mark.parametrize(
    ("failure", "line"),
    [(NOT_READY, LATE), (THROTTLED, "too many requests"), (AWAY, "the model does not answer")],
)
def test_what_does_not_pass_is_an_error_in_the_end(page: Page, failure: Any, line: str) -> None:
    page.model.failure = failure
    page.open()
    shown = page.until(lambda it: it["trouble"].startswith(line))
    assert shown["waiting"] == ""
    page.model.failure = None
    page.browser.find_element("css selector", "#use-case button").click()
    page.until(lambda it: it["rows"] and not it["trouble"])


def test_a_network_that_fails_is_told_unless_the_model_is_starting(page: Page) -> None:
    page.open()
    page.until(lambda it: it["rows"])
    page.model.failure = NOT_READY
    page.browser.execute_script(visit.PREDICT, EXAMPLE)  # the toy's page asks only once by itself
    page.until(lambda it: it["waiting"].startswith("The model is starting."))
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    time.sleep(0.5)
    assert page.browser.execute_script("return told") is None
    page.until(lambda it: page.browser.execute_script("return told"))  # after five minutes
    assert "network connection" in page.browser.execute_script("return told")
    page.browser.execute_script(visit.PREDICT, EXAMPLE)
    page.until(lambda it: page.browser.execute_script("return told"))
    assert page.until(lambda it: True)["waiting"] == ""
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline | {"offline": False})
