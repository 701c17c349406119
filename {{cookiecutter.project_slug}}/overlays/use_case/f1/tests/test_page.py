"""The page in a real browser, behind a stage's prefix and an API key."""

from collections.abc import Iterator
from typing import Any

import browsing
import pytest
from browsing import Model
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from smallboat.testing import pages

Json = dict[str, Any]
DRIVERS = {"tillery": "Wyatt Tillery", "marrabel": "Lachie Marrabel", "wyndgate": "Rowan Wyndgate"}
GRID = [
    {"driver": driver, "constructor": "falkenrode", "grid": grid, "gap_to_pole": 0.1 * row}
    for row, (driver, grid) in enumerate(zip(DRIVERS, (1, 2, 0), strict=True))
]
TO_COME = [
    {key: entry[key] for key in ("driver", "constructor")} | {"grid": place}
    for place, entry in enumerate(GRID, start=1)
]
IN_VIEW = """const box = arguments[0].getBoundingClientRect();
    return box.top >= 0 && box.bottom <= innerHeight"""
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
    "calibration_metrics": {
        "metrics": {"win_log_loss": 1.234, "band_coverage": 0.81},
        "intervals": {"win_log_loss": [1.1, 1.3], "band_coverage": [0.78, 0.84]},
        "baseline": {"win_log_loss": 1.469, "band_coverage": 0.7},
        "difference": {
            "win_log_loss": {"value": -0.235, "low": -0.4, "high": -0.1},
            "band_coverage": {"value": 0.11, "low": 0.05, "high": 0.2},
        },
    },
}


def by_grid(request: Json) -> list[Json]:
    """The cars by grid place, the pit lane last."""
    entries = sorted(request["grid"], key=lambda entry: int(entry["grid"]) or 99)
    reason = {"feature": "grid", "description": "start place", "value": 1.0, "places": -1.5}
    sure = {"low": 1, "high": 2, "podium": 0.9, "win": 0.4, "score": 1.0, "reasons": [reason]}
    return [
        {**entry, **sure, "position": position} for position, entry in enumerate(entries, start=1)
    ]


class Page(browsing.Page):
    """The page with its grid and its result."""

    def grid(self) -> list[str]:
        return [each.get_attribute("data-driver") for each in self.all("#grid > li")]

    def settled(self, order: list[str]) -> bool:
        """Whether the shown prediction is of this order, and not on its way."""
        script = """return document.querySelector("#result[aria-busy]") ? [] :
            [...document.querySelectorAll("#result details")].map(each => each.dataset.driver)"""
        return bool(self.browser.execute_script(script) == order)


@pytest.fixture
def page(browser: webdriver.Chrome, model: Model) -> Iterator[Page]:
    """The page just opened."""
    model.predict, model.evaluation = by_grid, EVALUATION
    race = {"season": 2026, "round": 3, "circuit": "meerdam", "grid": GRID}
    model.page = {
        "circuits": [
            {"id": "dunmere", "name": "Dunmere Park"},
            {"id": "meerdam", "name": "Circuit Meerdam"},
        ],
        "drivers": [{"id": driver, "name": name} for driver, name in DRIVERS.items()],
        "constructors": [{"id": "falkenrode", "name": "Falkenrode"}],
        "races": [
            {"name": "Meerdam Grand Prix", "date": "2026-03-01", "request": race},
            {
                "name": "Dunmere Grand Prix",
                "date": "2026-03-15",
                "request": {**race, "round": 4, "circuit": "dunmere", "grid": TO_COME},
                "note": "no qualifying yet",
            },
        ],
    }
    with browsing.opened(browser, model):
        yield Page(browser)


def test_the_key_is_asked_for_once(page: Page) -> None:
    page.unlock("wrong")
    page.wait(lambda: "not valid" in page.one("#key-why").text)
    page.unlock()
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
    page.unlock()
    first, second, third = DRIVERS
    page.wait(lambda: page.settled([first, second, third]))
    page.one("#race option[value='1']").click()
    page.wait(lambda: model.asked[-1]["round"] == 3)
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
    sent = model.asked[-1]["grid"]
    assert [entry["grid"] for entry in sent] == [1, 2, 0]
    assert all("gap_to_pole" in entry for entry in sent)
    page.one("#keep").click()
    page.wait(lambda: "gap_to_pole" not in model.asked[-1]["grid"][0])


def test_it_tells_how_sure_the_model_is_why_and_what_it_is(page: Page) -> None:
    page.unlock()
    page.wait(lambda: page.settled(list(DRIVERS)))
    row = page.one("#result details")
    if not row.get_attribute("open"):  # as on a small screen
        row.find_element("css selector", "summary").click()
    chances = [each.text.split() for each in page.all("#result li:first-child .share")]
    assert chances == [["40", "%", "win"], ["90", "%", "podium"]]
    assert "1 to 2" in row.text
    assert "Start place" in row.text and "▲ 1.5" in row.text
    facts = page.one("#model").text
    for fact in ("run 17", "2026-03-01", "snapshot 55", "train 2016\u20132022", "2.800 to 3.200"):
        assert fact in facts
    assert "better" in facts and "not significant" in facts
    rows = [row.text for row in page.all("#model tbody tr")]
    (loss,) = [text for text in rows if text.startswith("Log loss")]
    assert "1.234" in loss and "1.469" in loss
    (coverage,) = [text for text in rows if "(aim: 0.8)" in text]
    assert "0.810" in coverage and "better" not in coverage


def test_it_opens_on_the_race_to_come_on_its_own_circuit(page: Page, model: Model) -> None:
    page.unlock()
    page.wait(lambda: page.settled(list(DRIVERS)))
    asked = model.asked[-1]
    assert (asked["round"], asked["circuit"]) == (4, "dunmere")
    assert "gap_to_pole" not in asked["grid"][0]
    chosen = page.one("#race option:checked").text
    assert chosen == "Next: Dunmere Grand Prix · 2026, round 4"
    assert not page.one("#keep").is_displayed()
    page.one("#circuit option[value='meerdam']").click()
    page.wait(lambda: model.asked[-1]["circuit"] == "meerdam")
    assert model.asked[-1]["round"] == 4


def test_long_names_leave_the_buttons_free_on_a_small_phone(page: Page, model: Model) -> None:
    model.page["drivers"][0]["name"] = "Wolfeschlegelsteinhausenbergerdorff"
    page.browser.refresh()
    page.unlock()
    page.wait(lambda: page.settled(list(DRIVERS)))
    with pages.screen(page.browser, 320, "light"):
        name, button = page.one("#grid .who"), page.one("#grid .step")
        width = "return arguments[0].scrollWidth - arguments[0].clientWidth"
        assert page.browser.execute_script(width, name) == 0
        assert name.rect["x"] + name.rect["width"] <= button.rect["x"]


def test_it_is_readable_on_a_phone_and_the_winner_is_on_the_first_screen(page: Page) -> None:
    page.unlock()
    page.wait(lambda: page.settled(list(DRIVERS)))
    page.check_look()
    with pages.screen(page.browser, 320, "light"):
        page.browser.refresh()
        page.wait(lambda: page.settled(list(DRIVERS)))
        winner = page.one("#result li").rect
        assert winner["y"] + winner["height"] < pages.SIZES[320]
        page.one("#finish .jump").click()
        assert "1 Tillery" in page.one("#podium").text
        page.wait(lambda: page.browser.execute_script(IN_VIEW, page.one("#podium")))


def test_a_model_that_is_away_is_told_in_a_sentence(page: Page, model: Model) -> None:
    page.unlock()
    page.wait(lambda: page.settled(list(DRIVERS)))
    model.fails = True
    page.one("#grid .handle").send_keys(Keys.ARROW_DOWN)
    page.wait(lambda: "try again" in page.one("#trouble").text)
    model.fails = False
    page.one("#reset").click()
    page.wait(lambda: not page.one("#trouble").is_displayed())
    page.browser.get_log("browser")


def test_it_tells_of_each_release_why_it_came_and_went(page: Page) -> None:
    browsing.check_releases(page)
