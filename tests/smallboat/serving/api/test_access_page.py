"""The page in a real browser: what it asks its user for, and where it keeps it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import visit
from flask import request
from model_stub import EXAMPLE, Model
from smallboat.serving.api.app import create
from smallboat.serving.api.settings import Settings
from smallboat.serving.serving import PAGE
from werkzeug.serving import make_server

Json = dict[str, Any]
SECRET = "sesame"
STORED = "return [Object.entries(sessionStorage), Object.entries(localStorage)]"
SHOWN = """
const seen = (id) => {
  const node = document.getElementById(id);
  return node?.checkVisibility() ? node.innerText : "";
};
return {open: document.getElementById("key").open, title: seen("key-title"), why: seen("key-why"),
  trouble: seen("trouble"), unsigned: seen("unsigned"), facts: seen("facts"),
  forget: seen("forget"), rows: document.querySelectorAll("#use-case li").length};
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser for all tests."""
    with visit.browser() as started:
        yield started


@contextmanager
def served(model: Model, header: str, **variables: str) -> Iterator[tuple[str, list[Json]]]:
    """The API as Lambda runs it, behind what checks a secret in a header; its URL and requests."""
    known = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
    app = create(PAGE, Settings.from_environment(known | variables))
    asked: list[Json] = []

    @app.before_request
    def check() -> Any:
        given = request.headers.get(header)
        asked.append({"path": request.path, "secret": given})
        private = request.path == "/predict" or (
            variables.get("PRIVATE_FACTS")
            and request.path in ("/model", "/page.json", "/releases", "/openapi.json")
        )
        if private and given != SECRET:
            return {"error": {"code": "x", "message": "no", "field": None}}, 401
        return None

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        server.server_close()


def until(browser: Any, holds: Callable[[Json], Any], seconds: float = 20.0) -> Json:
    """What the page shows once a condition holds."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, seconds).until(lambda _: holds(browser.execute_script(SHOWN)))
    return dict(browser.execute_script(SHOWN))


def enter(browser: Any, text: str) -> None:
    from selenium.webdriver import Keys

    browser.find_element("id", "key-value").send_keys(text, Keys.ENTER)


@pytest.fixture(autouse=True)
def facts(model: Model) -> None:
    """What the page needs to show the model."""
    model.evaluation = {
        "metrics": {"test": {}}, "intervals": {"test": {}}, "baseline": {"test": {}},
        "difference": {}, "periods": {"2026": ["test"]}, "created": "2026-03-01T10:00:00+00:00",
        "winner": "stub", "snapshot": "55", "split_by": "time", "card": True,
    }  # fmt: skip


def test_the_key_stays_in_the_tab_and_an_older_pages_key_is_removed(
    model: Model, browser: Any
) -> None:
    with served(model, "x-api-key", AUTH="key") as (url, asked):
        browser.get(f"{url}static/icon.svg")
        browser.execute_script("localStorage.setItem('api-key /', 'old')")
        browser.get(url)
        shown = until(browser, lambda page: page["open"])
        assert shown["title"] == "API key" and "Predictions require an API key" in shown["why"]
        enter(browser, "wrong")
        until(browser, lambda page: "not valid" in page["why"])
        enter(browser, SECRET)
        until(browser, lambda page: page["rows"] or page["trouble"])
        assert browser.execute_script(STORED) == [[["api-key /", SECRET]], []]
        assert {each["secret"] for each in asked if each["path"] != "/predict"} == {None}
        browser.refresh()
        until(browser, lambda page: page["forget"] == "Forget the API key")
        browser.switch_to.new_window("tab")
        browser.get(url)
        until(browser, lambda page: page["open"])  # another tab does not know it
        browser.close()
        browser.switch_to.window(browser.window_handles[0])


def test_a_private_page_asks_for_a_token_before_it_shows_anything(
    model: Model, browser: Any
) -> None:
    with served(model, "Authorization", AUTH="jwt", PRIVATE_FACTS="true") as (url, asked):
        browser.get(url)
        shown = until(browser, lambda page: page["open"])
        assert shown["title"] == "ID token" and "an ID token of the user pool" in shown["why"]
        assert not shown["facts"]
        enter(browser, SECRET)
        until(browser, lambda page: page["facts"])
        assert browser.find_element("id", "card").is_displayed() is False  # a link has no token
        assert not browser.find_element("css selector", "footer .fact a").is_displayed()
        browser.find_element("id", "forget").click()
        browser.refresh()
        until(browser, lambda page: page["open"])
        browser.find_element("id", "key-cancel").click()
        shown = until(browser, lambda page: page["trouble"])
        assert shown["trouble"] == (
            "Without an ID token of the user pool you can't get this page's data."
        )
        known = {each["path"]: each["secret"] for each in asked}
        assert "/model" not in known or known["/model"] == SECRET


def test_where_requests_are_signed_the_page_says_that_it_can_not(
    model: Model, browser: Any
) -> None:
    with served(model, "Authorization", AUTH="iam") as (url, _):
        browser.get(url)
        shown = until(browser, lambda page: page["facts"])
        assert "A browser can't sign them: run `make predict`" in shown["unsigned"]
        browser.execute_script(visit.PREDICT, EXAMPLE)
        until(browser, lambda _: browser.execute_script("return told"))
        assert "A browser can't sign them" in browser.execute_script("return told")
        browser.execute_script(
            'return import(new URL("static/shared.js", location)).then((it) => it.trouble(told))'
        )
        assert browser.execute_script(SHOWN)["trouble"] == ""  # said once
        assert not browser.execute_script(SHOWN)["open"]
