"""The page in a real browser, behind a stage's prefix and an API key."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from model_stub import Model
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from smallboat.serving.api.app import create
from smallboat.serving.api.settings import read
from smallboat.serving.serving import PAGE
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

Json = dict[str, Any]
KEY = "sesame"
DRIVERS = {"tillery": "Wyatt Tillery", "marrabel": "Lachie Marrabel", "wyndgate": "Rowan Wyndgate"}
GRID = [
    {"driver": driver, "constructor": "falkenrode", "grid": grid, "gap_to_pole": 0.1 * row}
    for row, (driver, grid) in enumerate(zip(DRIVERS, (1, 2, 0), strict=True))
]
EVALUATION = {
    "created": "2026-03-02T10:00:00+00:00",
    "winner": "ridge",
    "periods": {"test": [2025, 2025], "train": [2016, 2022], "validation": [2023, 2024]},
    "metrics": {"test": {"mae": 3.0, "spearman": 0.7}},
    "intervals": {"test": {"mae": [2.8, 3.2], "spearman": [0.6, 0.8]}},
    "baseline": {"test": {"mae": 3.5, "spearman": 0.72}},
    "difference": {
        "mae": {"value": -0.5, "low": -0.7, "high": -0.3},
        "spearman": {"value": -0.02, "low": -0.125, "high": 0.085},
    },
}


class Formula1(Model):
    """The stub with answers as the page of this use case shows them."""

    def predict(self, request: Json) -> list[Json]:
        """By grid place, the pit lane last."""
        entries = sorted(request["grid"], key=lambda entry: int(entry["grid"]) or 99)
        says = {"feature": "grid", "description": "start place", "value": 1.0, "places": -1.5}
        sure = {"low": 1, "high": 2, "podium": 0.9, "win": 0.4, "score": 1.0, "reasons": [says]}
        return [
            {**entry, **sure, "position": position}
            for position, entry in enumerate(entries, start=1)
        ]


class Page:
    """The page as its reader uses it."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def wait(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.browser, 10).until(lambda _: condition())

    def all(self, css: str) -> list[Any]:
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def grid(self) -> list[str]:
        return [each.get_attribute("data-driver") for each in self.all("#grid > li")]

    def settled(self, order: list[str]) -> bool:
        """Whether the shown prediction is of this order, and not on its way."""
        script = """return document.querySelector("#result[aria-busy]") ? [] :
            [...document.querySelectorAll("#result details")].map(each => each.dataset.driver)"""
        return bool(self.browser.execute_script(script) == order)


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


@contextmanager
def served(model: Model) -> Iterator[str]:
    """The API at /prod of a host, as behind API Gateway."""
    variables = {"ENDPOINT_NAME": "f1", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
    app = create(PAGE, read(variables | {"API_KEY": KEY}))
    server = make_server(
        "127.0.0.1", 0, DispatcherMiddleware(NotFound(), {"/prod": app}), threaded=True
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/prod"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: webdriver.Chrome, model: Model) -> Iterator[Page]:
    """The page just opened, and nothing on its console at the end but refused keys."""
    model.__class__ = Formula1
    model.evaluation = EVALUATION
    race = {"season": 2026, "round": 3, "circuit": "meerdam", "grid": GRID}
    model.page = {
        "circuits": [{"id": "meerdam", "name": "Circuit Meerdam"}],
        "drivers": [{"id": driver, "name": name} for driver, name in DRIVERS.items()],
        "constructors": [{"id": "falkenrode", "name": "Falkenrode"}],
        "races": [{"name": "Meerdam Grand Prix", "date": "2026-03-01", "request": race}],
    }
    with served(model) as url:
        browser.get(url)
        yield Page(browser)
        told = [line["message"] for line in browser.get_log("browser")]
        assert [line for line in told if "401" not in line and "403" not in line] == []
        script = "return performance.getEntriesByType('resource').map(each => each.name)"
        assert all(name.startswith(f"{url}/") for name in browser.execute_script(script))


def unlock(page: Page, key: str = KEY) -> None:
    page.wait(lambda: page.one("#key").get_attribute("open"))
    page.one("#key-value").send_keys(key, Keys.ENTER)


def test_the_key_is_asked_for_once(page: Page) -> None:
    unlock(page, "wrong")
    page.wait(lambda: "not known" in page.one("#key-why").text)
    unlock(page)
    page.wait(lambda: page.settled(list(DRIVERS)))
    page.browser.refresh()
    page.wait(lambda: page.settled(list(DRIVERS)))
    page.one("#forget").click()
    page.browser.refresh()
    page.wait(lambda: page.one("#key").get_attribute("open"))
    page.one("#key-cancel").click()
    page.wait(lambda: "Without an API key" in page.one("#trouble").text)


def test_keys_buttons_and_drags_reorder_the_grid_and_the_answer_follows(
    page: Page, model: Model
) -> None:
    unlock(page)
    first, second, third = DRIVERS
    page.wait(lambda: page.settled([first, second, third]))
    page.one("#race option[value='0']").click()
    page.wait(lambda: model.asked[-1].get("requests", [{}])[0].get("round") == 3)
    page.wait(lambda: page.settled([first, second, third]))
    page.one("#grid .handle").send_keys(Keys.ARROW_DOWN)
    assert page.grid() == [second, first, third]
    page.wait(lambda: page.settled([second, first, third]))
    assert "Wyatt Tillery starts from P2" in page.one("[aria-live=polite]").get_attribute(
        "textContent"
    )
    focused = page.browser.switch_to.active_element
    assert focused.get_attribute("data-is") == "handle"
    focused.send_keys(Keys.END)
    page.wait(lambda: page.settled([second, third, first]))
    page.one(f"[data-driver={first}] [data-is=forward]").click()
    page.wait(lambda: page.settled([second, first, third]))
    page.one("#reset").click()
    page.wait(lambda: page.settled([first, second, third]))
    handle, target = page.all("#grid .handle")[2], page.all("#grid > li")[0]
    far = target.rect["y"] - handle.rect["y"] - 10
    mouse = ActionChains(page.browser)
    mouse.click_and_hold(handle).move_by_offset(0, far).perform()
    assert [each.text for each in page.all("#grid .place")] == ["P1", "P2", "pit lane"]
    mouse.release().perform()
    assert page.grid() == [third, first, second]
    page.wait(lambda: page.settled([third, first, second]))
    sent = model.asked[-1]["requests"][0]["grid"]
    assert [entry["grid"] for entry in sent] == [1, 2, 0]
    assert all("gap_to_pole" in entry for entry in sent)
    page.one("#keep").click()
    page.wait(lambda: "gap_to_pole" not in model.asked[-1]["requests"][0]["grid"][0])


def test_it_tells_how_sure_the_model_is_why_and_what_it_is(page: Page) -> None:
    unlock(page)
    page.wait(lambda: page.settled(list(DRIVERS)))
    row = page.one("#result details")
    assert "90 %" in row.text and "1 to 2" in row.text
    assert "Start place" in row.text and "▲ 1.5" in row.text
    facts = page.one("#model").text
    for fact in ("run 17", "2026-03-01", "snapshot 55", "train 2016\u20132022", "2.800 to 3.200"):
        assert fact in facts
    assert "better" in facts and "not proven" in facts


def test_it_opens_on_the_race_to_come_which_is_without_qualifying(page: Page, model: Model) -> None:
    unlock(page)
    page.wait(lambda: page.settled(list(DRIVERS)))
    assert model.asked[-1]["requests"][0]["round"] == 4
    assert "gap_to_pole" not in model.asked[-1]["requests"][0]["grid"][0]
    assert page.one("#circuit").is_displayed()


def test_long_names_leave_the_buttons_free_on_a_small_phone(page: Page, model: Model) -> None:
    model.page["drivers"][0]["name"] = "Wolfeschlegelsteinhausenbergerdorff"
    page.browser.refresh()
    unlock(page)
    page.wait(lambda: page.settled(list(DRIVERS)))
    phone = {"width": 320, "height": 600, "deviceScaleFactor": 2, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        name, button = page.one("#grid .who"), page.one("#grid .step")
        width = "return arguments[0].scrollWidth - arguments[0].clientWidth"
        assert page.browser.execute_script(width, name) == 0
        assert name.rect["x"] + name.rect["width"] <= button.rect["x"]
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_the_readers_colours(page: Page, scheme: str) -> None:
    unlock(page)
    page.wait(lambda: page.settled(list(DRIVERS)))
    say = page.browser.execute_cdp_cmd
    phone = {"width": 360, "height": 700, "deviceScaleFactor": 2, "mobile": True}
    say("Emulation.setDeviceMetricsOverride", phone)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    say("Emulation.setEmulatedMedia", {"features": features})
    try:
        look = """const colour = getComputedStyle(document.body).backgroundColor;
            return [document.documentElement.scrollWidth, Number(colour.match(/\\d+/)[0])]"""
        width, red = page.browser.execute_script(look)
    finally:
        say("Emulation.clearDeviceMetricsOverride", {})
        say("Emulation.setEmulatedMedia", {"features": []})
    assert width == 360
    assert (red > 127) == (scheme == "light")


def test_a_model_that_is_away_is_told_in_a_sentence(page: Page, model: Model) -> None:
    unlock(page)
    page.wait(lambda: page.settled(list(DRIVERS)))
    model.fails = (500, b"", "")
    page.one("#grid .handle").send_keys(Keys.ARROW_DOWN)
    page.wait(lambda: "try again" in page.one("#trouble").text)
    model.fails = None
    page.one("#reset").click()
    page.wait(lambda: not page.one("#trouble").is_displayed())
    page.browser.get_log("browser")
