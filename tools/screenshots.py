"""Write docs/images/*.png: the page and the report of the project that `make demo` made.

It runs in the project's environment, which has selenium. It needs Debian's chromium and
chromium-driver.
"""

import shutil
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZE = (1180, 1180)
"""Width and height of an image in pixels."""
SECONDS = 60
"""How long a page may take to load and to show its first prediction."""
UPDATING = "[aria-busy], [data-waits]"
"""What the pages mark while they wait for the model."""
ANSWERED = "#model:not([hidden])"


def shoot(use_case: str, project: Path, page: str) -> None:
    """Write `<use_case>-page.png` and `<use_case>-report.png`.

    Args:
        use_case: the prefix of the files' names.
        project: the generated project, trained.
        page: the address at which it is served.
    """
    newest = max(project.glob("store/runs/*/report.html"), key=lambda file: file.stat().st_mtime)
    browser = _browser()
    try:
        browser.get(page)
        waiting = WebDriverWait(browser, SECONDS)
        waiting.until(lambda _: browser.find_elements(By.CSS_SELECTOR, ANSWERED))
        waiting.until(lambda _: not browser.find_elements(By.CSS_SELECTOR, UPDATING))
        _save(browser, IMAGES / f"{use_case}-page.png")
        browser.get(newest.resolve().as_uri())
        _save(browser, IMAGES / f"{use_case}-report.png")
    finally:
        browser.quit()


def _browser() -> webdriver.Chrome:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        sys.exit("error: no chromium or chromedriver: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(word)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    size = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": still})
    return browser


def _save(browser: webdriver.Chrome, image: Path) -> None:
    browser.save_screenshot(str(image))
    print(f"wrote {image} ({image.stat().st_size:,} bytes)")


if __name__ == "__main__":
    use_case, folder, address = sys.argv[1:]
    shoot(use_case, Path(folder), address)
