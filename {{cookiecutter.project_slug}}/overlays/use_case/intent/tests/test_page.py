"""The page in a real browser, behind a stage's prefix and an API key."""

from collections.abc import Iterator
from typing import Any

import browsing
import pytest
from browsing import Model
from example_visits import event
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys

from {{ cookiecutter.project_slug }}.service.reasons import ORDINARY

Json = dict[str, Any]
SHOES, SOCKS, HAT = ("a1b2c3" + "0" * 58, "d4e5f6" + "0" * 58, "ffeedd" + "0" * 58)
CATALOG = {SHOES: [7, "feet"], SOCKS: [None, "feet"], HAT: [2, "heads"]}
LONG = [
    event("view", 0),
    event("detail", 65, sku=SHOES),
    event("add", 70, sku=SHOES),
    event("search", 80, clicks=2),
    event("detail", 90, sku=SOCKS),
    event("remove", 100, sku=SHOES),
    event("view", 120),
    event("add", 3725, sku=SOCKS),
]
SHORT = [event("add", 0, sku=HAT), event("view", 30)]
ADDED = 3  # events of LONG up to its first add
OPENED = 7  # events of LONG with which it opens
SESSIONS = [
    {"name": name, "date": "2019-04-14", "purchased": bought, "request": {"events": events}}
    for name, bought, events in (("long", True, LONG), ("short", False, SHORT))
]
EVALUATION = {
    "created": "2026-03-02T10:00:00+00:00",
    "winner": "xgboost",
    "periods": {"test": [201914, 201915], "train": [201903, 201913]},
    "period_names": {"test": "weeks 14 to 15 of 2019", "train": "weeks 3 to 13 of 2019"},
    "metrics": {"test": {"ap": 0.5, "log_loss": 0.4}},
    "intervals": {"test": {"ap": [0.45, 0.55], "log_loss": [0.38, 0.42]}},
    "baseline": {"test": {"ap": 0.25, "log_loss": 0.41}},
    "difference": {
        "ap": {"value": 0.25, "low": 0.2, "high": 0.3},
        "log_loss": {"value": -0.01, "low": -0.125, "high": 0.085},
    },
}


def chances(request: Json) -> list[Json]:
    """Two points of a hundred for each event; from eight events on it is enough."""
    events = request["events"]
    chance = 0.1 + 0.02 * len(events)
    because = {"topic": "cart", "about": "The cart", "says": "full", "ordinary": "empty"}
    against = {"topic": "pace", "about": "Pace", "says": "slow", "ordinary": "slow"}
    return [
        {
            "probability": chance,
            "low": chance - 0.05,
            "high": chance + 0.05,
            "decision": "approach" if len(events) >= 8 else "wait",
            "threshold": 0.25,
            "events_after": 0,
            "reasons": [because | {"points": 12.5}, against | {"points": -3.04}],
        }
    ]


class Page(browsing.Page):
    """The page with its visit and its chance."""

    def said(self) -> str:
        return str(self.one("[aria-live=polite]").get_attribute("textContent"))

    def settled(self, size: int) -> bool:
        """Whether the answer to so many events is shown, and the line up to it."""
        script = """const chance = document.getElementById("chance");
            const dots = document.querySelectorAll("#chart .dot").length;
            return chance.hasAttribute("data-waits") ? ["", 0] : [chance.textContent, dots]"""
        chance, dots = self.browser.execute_script(script)
        return bool(chance == f"{10 + 2 * size} %" and dots == len(self.all("#list > li")) - 2)


@pytest.fixture
def page(browser: webdriver.Chrome, model: Model) -> Iterator[Page]:
    """The page just opened."""
    model.predict, model.evaluation, model.warnings = chances, EVALUATION, ["this is a stub"]
    model.page = {"sessions": SESSIONS, "catalog": CATALOG, "ordinary": ORDINARY}
    with browsing.opened(browser, model):
        yield Page(browser)


@pytest.fixture
def shown(page: Page) -> Page:
    """The page with its key, at the first add of the first visit."""
    page.unlock()
    page.wait(lambda: page.settled(OPENED))
    page.one("#slider").send_keys(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    page.wait(lambda: page.settled(ADDED))
    return page


def asked(model: Model) -> list[list[Json]]:
    """The events that the model was asked for, in order."""
    return [request["events"] for request in model.asked]


def test_the_key_is_asked_for_once(page: Page) -> None:
    page.unlock("wrong")
    page.wait(lambda: "not valid" in page.one("#key-why").text)
    page.unlock()
    page.wait(lambda: page.settled(OPENED))
    page.browser.refresh()
    page.wait(lambda: page.settled(OPENED))
    page.one("#forget").click()
    page.browser.refresh()
    page.wait(lambda: page.one("#key").get_attribute("open"))
    page.one("#key-cancel").click()
    page.wait(lambda: "Without an API key" in page.one("#trouble").text)


def test_markup_in_data_and_answers_is_shown_as_text(
    browser: webdriver.Chrome, model: Model
) -> None:
    """Anybody may send a product's id; a page of the session's owner shows it."""
    markup = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    events = [event("detail", 0, sku=markup), event("add", 5, sku=markup)]
    session = {"name": markup, "date": markup, "purchased": True, "request": {"events": events}}
    model.predict, model.evaluation, model.warnings = chances, EVALUATION, [markup]
    model.page = {"sessions": [session], "catalog": {markup: [7, markup]}, "ordinary": ORDINARY}
    with browsing.opened(browser, model):
        page = Page(browser)
        page.unlock()
        page.wait(lambda: "onerror" in page.one("#warnings").text)
        assert "<img" in page.one("#list").text
        assert not page.all("img, main script") and browser.title != "run"


def test_it_opens_with_a_line_of_answers_before_the_end(page: Page, model: Model) -> None:
    page.unlock()
    page.wait(lambda: page.settled(OPENED))
    assert asked(model)[0] == LONG[:OPENED]
    assert sorted(map(len, asked(model))) == list(range(ADDED, OPENED + 1))
    assert len(page.all("#chart .dot")) == OPENED - ADDED + 1
    assert not page.one("#outcome").is_displayed()
    names = ["14 Apr, 14:00 · 8 events · 2 added", "14 Apr, 14:00 · 2 events · 1 added"]
    assert [each.text for each in page.all("#session option")] == names


def test_it_opens_the_first_visit_with_many_answers(
    browser: webdriver.Chrome, model: Model
) -> None:
    many = [event("add", 0, sku=HAT), *(event("view", second) for second in range(1, 20))]
    sessions = [*SESSIONS, SESSIONS[1] | {"request": {"events": many}}]
    model.predict, model.evaluation = chances, EVALUATION
    model.page = {"sessions": sessions, "catalog": CATALOG, "ordinary": ORDINARY}
    with browsing.opened(browser, model):
        page = Page(browser)
        page.unlock()
        page.wait(lambda: len(page.all("#chart .dot")) == 11)
        assert page.one("#session").get_attribute("value") == "2"


def test_it_tells_what_happened(shown: Page) -> None:
    assert shown.one("#now").text == (
        "Event 3 of 8, 1:10 after the start: put into the cart: product A, price 7 of 10"
    )
    assert [each.text.split("\n") for each in shown.all("#list > li")] == [
        ["1:10", "Put into the cart: product A", "price 7 of 10 · a1b2c3"],
        ["1:05", "Looked at product A", "price 7 of 10 · a1b2c3"],
        ["0:00", "Looked at a page"],
    ]
    assert shown.one("#cart").text == "In the cart: product A"
    assert "between 11 % and 21 %" in shown.one("#between").text
    assert shown.one("#decision").text.startswith("Leave them alone\nbelow 25 %")
    assert shown.one("#warnings").text == "This is a stub"
    assert not shown.one("#outcome").is_displayed()


def test_keys_and_buttons_step_and_the_answer_follows(shown: Page, model: Model) -> None:
    shown.one("#next").click()
    shown.wait(lambda: shown.settled(4))
    assert "Event 4 of 8" in shown.said() and "Chance 18 %: Leave them alone" in shown.said()
    assert "searched and clicked 2 results" in shown.one("#now").text
    shown.one("#slider").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    shown.wait(lambda: shown.settled(6))
    assert shown.one("#cart").text == "In the cart: nothing"
    assert shown.one("#slider").get_attribute("aria-valuetext") == "event 6 of 8"
    before = len(asked(model))
    shown.one("#back").click()
    shown.wait(lambda: shown.settled(5))
    assert len(asked(model)) == before
    shown.one("#slider").send_keys(Keys.END)
    shown.wait(lambda: shown.settled(8))
    assert "Approach them" in shown.one("#decision").text
    assert shown.one("#outcome").text == (
        "The end: they bought; the model would have approached them at event 8."
    )
    assert "1:02:05" in shown.one("#now").text
    assert not shown.one("#next").is_enabled()
    assert sorted(map(len, asked(model))) == list(range(ADDED, 9))


def test_before_the_first_add_there_is_nothing_to_ask(shown: Page, model: Model) -> None:
    before = asked(model)
    shown.one("#slider").send_keys(Keys.HOME)
    assert shown.one("#decision").text.startswith("No cart yet")
    assert shown.one("#chance").text == "\u2013"
    assert "the cart is empty" in shown.one("#reasons").text
    assert not shown.one("#back").is_enabled()
    shown.one("#next").click()
    shown.one("#next").click()
    shown.wait(lambda: shown.settled(ADDED))
    assert asked(model) == before


def test_it_plays_to_the_end_by_itself_and_can_be_stopped(shown: Page) -> None:
    shown.one("#session option[value='1']").click()
    shown.wait(lambda: shown.one("#chance").text == "12 %")
    shown.one("#play").click()
    assert shown.one("#play").text == "Pause"
    shown.wait(lambda: shown.one("#play").text == "Play again")
    assert shown.one("#outcome").text == (
        "The end: they left without buying; the model would never have approached them."
    )
    shown.one("#play").click()
    assert "Event 1 of 2" in shown.one("#now").text
    shown.one("#play").click()
    assert shown.one("#play").text == "Play"
    shown.browser.execute_async_script("setTimeout(arguments[0], 1200)")
    assert "Event 1 of 2" in shown.one("#now").text


def test_pressing_the_chart_goes_to_that_event(shown: Page) -> None:
    chart = shown.one("#chart svg")
    sixth = round(46 + (5.5 / 8) * (chart.rect["width"] - 60) - chart.rect["width"] / 2)
    ActionChains(shown.browser).move_to_element_with_offset(chart, sixth, 0).click().perform()
    shown.wait(lambda: shown.settled(6))
    told = shown.one("#chart svg").get_attribute("aria-label")
    assert "over 4 events: now 22 %, between 16 % and 22 % so far; approach from 25 %" in told


def test_an_event_of_ones_own_is_tried_and_taken_back(shown: Page, model: Model) -> None:
    assert not shown.one("#own-clicks").is_displayed()
    shown.one("#own-action option[value=search]").click()
    assert not shown.one("#own-product").is_displayed()
    shown.one("#own-clicks").clear()
    shown.one("#own-clicks").send_keys("3")
    shown.one("#own-add").click()
    shown.wait(lambda: shown.one("#chance").text == "18 %")
    assert asked(model)[-1] == [*LONG[:ADDED], event("search", 90, clicks=3)]
    shown.one("#own-action option[value=add]").click()
    products = [each.text for each in shown.all("#own-product option")]
    assert products == ["A · price 7 of 10", "another one · price not known"]
    shown.all("#own-product option")[1].click()
    shown.one("#own-seconds").clear()
    shown.one("#own-seconds").send_keys("5", Keys.ENTER)
    shown.wait(lambda: shown.one("#chance").text == "20 %")
    assert asked(model)[-1][-1] == event("add", 95, sku=SOCKS)
    assert len(shown.all("#list .own")) == 2
    assert "The last 2 events are yours" in shown.one("#mine").text
    assert not shown.one("#outcome").is_displayed()
    shown.one("#undo").click()
    shown.wait(lambda: shown.settled(ADDED))
    assert not shown.one("#mine").is_displayed()
    assert "Event 3 of 8" in shown.one("#now").text


def test_a_question_that_nobody_waits_for_is_not_shown(page: Page, model: Model) -> None:
    model.slow = 1.5
    page.unlock()
    page.wait(lambda: page.one("#chance").get_attribute("data-waits") is not None)
    page.browser.execute_async_script("setTimeout(arguments[0], 200)")
    page.one("#back").click()
    assert page.one("#chance").get_attribute("data-waits") is not None
    model.slow = 0.0
    page.wait(lambda: page.settled(OPENED - 1))
    page.wait(lambda: LONG[:OPENED] in asked(model))  # its answer comes late
    assert sorted(map(len, asked(model))) == list(range(ADDED, OPENED + 1))
    assert page.settled(OPENED - 1)


def test_it_tells_what_speaks_for_and_against_and_what_the_model_is(shown: Page) -> None:
    texts = [each.text.split("\n") for each in shown.all("#reasons li")]
    assert texts == [
        ["The cart", "Full", "typical: empty", "+12.5"],
        ["Pace", "Slow", "typical", "\u22123.0"],
    ]
    assert [each.get_attribute("class") for each in shown.all("#reasons li")] == ["for", "contra"]
    assert ORDINARY in shown.one("section[aria-labelledby=why-title]").text
    facts = shown.one("#model").text
    for fact in ("run 17", "snapshot 55", "train weeks 3 to 13 of 2019", "0.450 to 0.550"):
        assert fact in facts
    assert "Average precision" in facts and "better" in facts and "not significant" in facts


def test_everything_that_is_used_has_a_name(shown: Page) -> None:
    used = shown.all("main button, main select, main input, main [tabindex]")
    assert len(used) >= 10
    named = [each for each in used if each.is_displayed()]
    assert [each.get_attribute("id") for each in named if not each.accessible_name] == []
    sizes = {each.get_attribute("id"): each.rect["height"] for each in named}
    assert {name: height for name, height in sizes.items() if height < 44} == {}


def test_it_is_readable_on_a_phone_in_the_readers_colours(shown: Page) -> None:
    shown.one("#slider").send_keys(Keys.END)
    shown.wait(lambda: shown.settled(8))
    shown.check_look()


def test_a_model_that_is_away_is_told_in_a_sentence(shown: Page, model: Model) -> None:
    shown.one("#session option[value='1']").click()
    shown.wait(lambda: shown.one("#chance").text == "12 %")
    model.fails = True
    shown.one("#play").click()
    shown.wait(lambda: "try again" in shown.one("#trouble").text)
    shown.wait(lambda: shown.one("#play").text == "Play again")
    model.fails = False
    shown.one("#play").click()
    shown.wait(lambda: shown.one("#chance").text == "14 %")
    assert not shown.one("#trouble").is_displayed()
    shown.browser.get_log("browser")


def test_it_tells_of_each_release_why_it_came_and_went(page: Page) -> None:
    browsing.check_releases(page)
