"""The page in a real browser, behind a stage's prefix and an API key; a stub is the model."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver import Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from smallboat.serving.api.app import create
from smallboat.serving.api.settings import Settings
from smallboat.serving.serving import PAGE
from smallboat.testing import pages
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from {{ cookiecutter.project_slug }}.problem import PROBLEM

Json = dict[str, Any]
KEY = "sesame"
SECONDS = 60
"""How long a busy machine may take to show something."""
OLDER = {
    "release": "aaaa-0000",
    "run": "16",
    "model_hash": "aaaa",
    "features_run": "16",
    "at": "2026-02-01T10:00:00+00:00",
    "until": "2026-03-01T10:00:00+00:00",
    "came": "the first release",
    "went": "replaced by run 17: run 17 is not inferior: mae -0.100 [-0.200, +0.050]",
    "evaluation": {"metric": "mae", "value": 3.1, "interval": [2.9, 3.3], "baseline": 3.5},
    "live": {"rows": 400, "metrics": {"mae": 3.25}, "intervals": {"mae": [3.0, 3.5]}},
}
NEWER = OLDER | {
    "release": "aaaa-1111",
    "run": None,
    "at": OLDER["until"],
    "until": None,
    "came": "<b>not recorded</b>",
    "went": None,
    "evaluation": None,
    "live": None,
}
"""Two releases; of the second less is known."""


class Model:
    """What the model server says; tests change its attributes."""

    def __init__(self) -> None:
        self.predict: Callable[[Json], list[Json]] = lambda request: []
        self.warnings: list[str] = []
        self.evaluation: Json = {}
        self.page: Json = {}
        self.fails = False
        self.slow = 0.0
        self.asked: list[Json] = []  # the requests so far
        self.releases = Path()  # the list of releases
        self.url = ""

    def answer(self, question: Json) -> Json:
        """What SageMaker's runtime would answer."""
        facts = {"run": "17", "release": "aaaa-1111", "model_hash": "aaaa"}
        facts["features_as_of"] = "2026-03-01"
        if "describe" in question:
            return {
                "release": facts
                | {"features_run": "17", "online_features_hash": "1111", "snapshot": "55"},
                "signature": {"candidate": "stub", "inputs": []},
                "request": PROBLEM.service.SCHEMA,
                "example": {},
                "evaluation": {"card": True, **self.evaluation},
                "page": self.page,
            }
        self.asked += question["requests"]
        results = [
            {"predictions": self.predict(request), "warnings": self.warnings}
            for request in question["requests"]
        ]
        return {"model": facts, "results": results}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """A stub of the model server, which the API asks, and the list of releases."""
    stub = Model()
    stub.releases = tmp_path / "releases.json"
    stub.releases.write_text(json.dumps([OLDER, NEWER]))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(stub.slow)
            content = b"" if stub.fails else json.dumps(stub.answer(json.loads(body))).encode()
            self.send_response(500 if stub.fails else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stub.url = f"http://127.0.0.1:{server.server_port}"
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        yield stub
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """Chromium without a window."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver (Debian: chromium, chromium-driver) are not here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    yield started
    started.quit()


class Page:
    """The page as its reader uses it."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def wait(self, condition: Callable[[], Any]) -> Any:
        loading = [JavascriptException, StaleElementReferenceException]
        waiting = WebDriverWait(self.browser, SECONDS, ignored_exceptions=loading)
        return waiting.until(lambda _: condition())

    def all(self, css: str) -> list[Any]:
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def unlock(self, key: str = KEY) -> None:
        self.wait(lambda: self.one("#key").get_attribute("open"))
        self.one("#key-value").send_keys(key, Keys.ENTER)

    def releases(self) -> list[list[str]]:
        """The cells of the table of releases, by row, spaces joined."""
        self.wait(lambda: self.all("#lives tbody tr"))
        rows = self.all("#lives tbody tr")
        cells = [row.find_elements(By.CSS_SELECTOR, "th, td") for row in rows]
        return [[" ".join(cell.text.split()) for cell in row] for row in cells]

    def check_look(self) -> None:
        """It is readable on a laptop and on phones, in both schemes of colours."""
        assert pages.all_faults(self.browser) == {}


@contextmanager
def opened(browser: webdriver.Chrome, model: Model) -> Iterator[Page]:
    """The API at /prod of a host, as behind API Gateway, and its page just opened.

    It has two releases. At the end nothing is on its console but refused keys, and it asked no
    other host.
    """
    variables = {"ENDPOINT_NAME": "stub", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
    variables["RELEASES"] = str(model.releases)
    app = create(PAGE, Settings.from_environment(variables | {"API_KEY": KEY}))
    behind = DispatcherMiddleware(NotFound(), {"/prod": app})
    server = make_server("127.0.0.1", 0, behind, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/prod"
    try:
        browser.get(url)
        yield Page(browser)
        told = [line["message"] for line in browser.get_log("browser")]
        assert [line for line in told if "401" not in line and "403" not in line] == []
        script = "return performance.getEntriesByType('resource').map(each => each.name)"
        assert all(name.startswith(f"{url}/") for name in browser.execute_script(script))
        browser.execute_script("sessionStorage.clear()")  # a next server may get this one's port
    finally:
        server.shutdown()
        server.server_close()


def check_releases(page: Page) -> None:
    """The page tells of each release why it came and went, and links the model card."""
    newer, older = page.releases()
    since, until = "2026-02-01 10:00", "2026-03-01 10:00"
    assert newer == ["aaaa-1111", until, "served now", "", "", "<b>not recorded</b>", ""]
    measured = ["3.100 2.900 to 3.300 baseline 3.500", "3.250 3.000 to 3.500"]
    assert older == ["16", since, until, *measured, OLDER["came"], OLDER["went"]]
    link = page.one("#card a")
    assert link.is_displayed() and link.get_attribute("href").endswith("/prod/model/card")
