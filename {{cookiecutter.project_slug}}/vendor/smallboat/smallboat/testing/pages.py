"""What a strict reader measures of a page in a browser, such as Chromium driven by selenium.

Contrast is that of WCAG 2.2 (success criterion 1.4.3), targets are as large as its 2.5.5 asks.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZES = {1280: 800, 390: 844, 320: 568}
"""Widths of a screen, and its height: a laptop, a phone, a small phone; in pixels."""
SCHEMES = ("light", "dark")
SECONDS = 5
"""How long a page may take to fit a new size of the screen."""
FAULTS = Path(__file__).with_suffix(".js").read_text()


@contextmanager
def screen(browser: Any, width: int, scheme: str) -> Iterator[None]:
    """Show the browser's page on a screen of `SIZES` in a scheme of colours.

    Args:
        browser: selenium's Chrome.
        width: one of `SIZES`.
        scheme: one of `SCHEMES`.
    """
    say = browser.execute_cdp_cmd
    size = {"width": width, "height": SIZES[width], "deviceScaleFactor": 1, "mobile": width < 1000}
    say("Emulation.setDeviceMetricsOverride", size)
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    media = [{"name": name, "value": value} for name, value in features.items()]
    say("Emulation.setEmulatedMedia", {"features": media})
    try:
        yield
    finally:
        say("Emulation.clearDeviceMetricsOverride", {})
        say("Emulation.setEmulatedMedia", {"features": []})


def faults(browser: Any) -> list[str]:
    """What is wrong with the page as it is shown now, as sentences.

    They tell of a page or a part that is too wide, a table that scrolls without a shadow, text
    that its drawing cuts, that has a contrast below 4.5 or is below 8 px, another scheme of
    colours, and what a finger can't hit: below 44 px.
    """
    found: list[str] = browser.execute_script(FAULTS)
    return found


def all_faults(browser: Any, seconds: float = SECONDS) -> dict[str, list[str]]:
    """The faults on each screen in each scheme that has some, and still has them some time later.

    Args:
        browser: selenium's Chrome, with the page.
        seconds: how long the page may take to fit a screen.
    """
    found = {}
    for width in SIZES:
        for scheme in SCHEMES:
            with screen(browser, width, scheme):
                end = time.monotonic() + seconds
                while (told := faults(browser)) and time.monotonic() < end:
                    time.sleep(0.1)
            if told:
                found[f"{width} px, {scheme}"] = told
    return found
