"""A person who opens the page: what headless Chromium shows, from moment to moment."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SHOWN = """
const text = (id) => {
  const node = document.getElementById(id);
  return node && node.checkVisibility() ? node.innerText.trim() : "";
};
const ready = document.getElementById("model")?.hidden === false;
const asks = document.getElementById("key")?.open === true;
const rows = document.querySelectorAll("#use-case li").length;
return {waiting: text("waiting-text"), trouble: text("trouble"), ready, asks, rows};
"""
PREDICT = """
window.told = null;
(async () => {
  const { predict } = await import(new URL("static/shared.js", location));
  return Promise.all(Array.from({ length: arguments[1] ?? 1 }, () => predict(arguments[0])));
})().then((answers) => { told = answers.length; }, (error) => { told = error.message; });
"""
"""Asks for so many predictions at once; tells how many came, or an error."""


@dataclass
class Visit:
    """What was seen.

    Attributes:
        waiting: the different lines that said that the page waits, and when each came, in seconds.
        trouble: the different errors.
        ready: after how many seconds the facts of the model were there.
        predicted: after how many seconds the first prediction was there.
    """

    waiting: dict[str, float] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    ready: float = 0.0
    predicted: float = 0.0


class Visitor:
    """A person with a browser, who has an API key."""

    def __init__(self, browser: Any, key: str, folder: Path) -> None:
        self.browser, self._key, self._folder = browser, key, folder

    def visit(self, url: str, seconds: float = 120.0) -> Visit:
        """Open the page, send the key when it asks, and look until the first prediction."""
        seen, started, took = Visit(), time.monotonic(), set()
        self.browser.get(url)
        while not seen.predicted:
            now = time.monotonic() - started
            assert now < seconds, seen
            shown = self.look(seen, now)
            if shown["ready"] and not seen.ready:
                seen.ready = now
            if shown["asks"]:
                self._enter()
            if shown["rows"]:
                seen.predicted = now
            state = "predicted" if shown["rows"] else shown["waiting"] and "waiting"
            if state and state not in took:
                took.add(state)
                self.browser.save_screenshot(str(self._folder / f"{state}.png"))
            time.sleep(0.1)
        return seen

    def predict(self, example: Any, count: int, seconds: float = 60.0) -> tuple[Visit, Any]:
        """Ask for more predictions at once; returns how many came, or the error's message."""
        seen, started, told = Visit(), time.monotonic(), None
        self.browser.execute_script(PREDICT, example, count)
        while told is None:
            now = time.monotonic() - started
            assert now < seconds, seen
            self.look(seen, now)
            told = self.browser.execute_script("return told")
            time.sleep(0.1)
        seen.predicted = now
        return seen, told

    def look(self, seen: Visit, now: float) -> Any:
        """What is shown at this moment."""
        shown = self.browser.execute_script(SHOWN)
        if shown["waiting"]:
            seen.waiting.setdefault(shown["waiting"], round(now, 1))
        if shown["trouble"] and shown["trouble"] not in seen.trouble:
            seen.trouble.append(shown["trouble"])
        return shown

    def _enter(self) -> None:
        from selenium.webdriver import Keys

        self.browser.find_element("id", "key-value").send_keys(self._key, Keys.ENTER)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver (Debian: chromium, chromium-driver) are not here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(word)
    started = webdriver.Chrome(options=options, service=Service(driver))
    started.execute_cdp_cmd("Network.enable", {})
    started.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    try:
        yield started
    finally:
        started.quit()
