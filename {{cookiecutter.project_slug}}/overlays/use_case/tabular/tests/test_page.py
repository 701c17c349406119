"""The page in a real browser, behind a stage's prefix and an API key; a stub is the model."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsing
import pytest
from browsing import Model, Page
from selenium import webdriver

from {{ cookiecutter.project_slug }} import service
from {{ cookiecutter.project_slug }}.table import TABLE

Json = dict[str, Any]
VALUES: Json = {"number": 4.0, "category": "some", "flag": True, "date": "2024-03-02", "text": ""}
ROW = {column.name: VALUES[column.type] for column in TABLE.columns}
ONLINE = {
    "columns": {
        name: {"typical": value, "levels": {"some": 3, "other": 1}, "range": [0, 9]}
        for name, value in ROW.items()
    },
    "examples": [ROW, {}],
}
FIRST = next(iter(ROW))
EVALUATION = {
    "created": "2026-03-02T10:00:00+00:00",
    "winner": "ridge",
    "periods": {"test": [9, 9], "train": [0, 7], "validation": [8, 8]},
    "metrics": {"test": {"mae": 3.0, "log_loss": 0.7}},
    "intervals": {"test": {"mae": [2.8, 3.2], "log_loss": [0.6, 0.8]}},
    "baseline": {"test": {"mae": 3.5, "log_loss": 0.72}},
    "difference": {
        "mae": {"value": -0.5, "low": -0.7, "high": -0.3},
        "log_loss": {"value": -0.02, "low": -0.125, "high": 0.085},
    },
}
ANSWERS: dict[str, Json] = {
    "binary": {"prediction": "up", "probability": 0.831, "threshold": 0.4},
    "multiclass": {"prediction": "up", "probabilities": {"down": 0.1, "up": 0.7, "even": 0.2}},
    "regression": {"prediction": 41.5, "low": 30.25, "high": 55.0},
}
SAYS = {
    "binary": ["up", "83.1 %", "16.9 %", "from 40.0 % on"],
    "multiclass": ["up", "70.0 %", "20.0 %", "10.0 %"],
    "regression": ["41.5", "between 30.25 and 55"],
}


def answering(kind: str) -> Any:
    """A model that answers each row alike."""
    reason = {"column": FIRST, "typical": ROW[FIRST], "effect": -0.125}
    return lambda request: [{**ANSWERS[kind], "reasons": [reason]} for _ in request["rows"]]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of target; it need not be that of the project's table."""
    return str(getattr(request, "param", "binary"))


@pytest.fixture
def page(browser: webdriver.Chrome, model: Model, kind: str) -> Iterator[Page]:
    """The page just opened, and its first answer there."""
    model.predict, model.evaluation = answering(kind), EVALUATION
    model.page = {**service.page(ONLINE), "kind": kind, "classes": ["down", "up"]}
    with browsing.opened(browser, model) as opened:
        opened.unlock()
        opened.wait(lambda: opened.all("#answer .big"))
        yield opened


@pytest.mark.parametrize("kind", ANSWERS, indirect=True)
def test_it_shows_the_answer_and_its_reasons(page: Page, kind: str) -> None:
    for text in SAYS[kind]:
        assert text in page.one("#answer").text
    reason = page.one("#reasons li").text
    assert FIRST in reason and "typical" in reason
    assert ("\u22120.125" if kind == "regression" else "\u221212.5 points") in reason
    assert TABLE.target in page.one("#title").text


def test_each_change_is_asked_and_an_empty_field_is_not_known(page: Page, model: Model) -> None:
    assert model.asked[-1]["rows"][0].keys() == ROW.keys()
    page.one("#examples option[value='1']").click()
    page.wait(lambda: set(model.asked[-1]["rows"][0].values()) == {None})
    page.one("#examples option[value='0']").click()
    page.wait(lambda: model.asked[-1]["rows"][0][FIRST] is not None)


def test_warnings_and_a_model_that_is_away_are_told(page: Page, model: Model) -> None:
    model.warnings = [f"rows[0].{FIRST}: 'x' is unknown"]
    page.one("#examples option[value='1']").click()
    page.wait(lambda: page.one("#warnings").text == f"{FIRST}: 'x' is unknown")
    model.fails = True
    page.one("#examples option[value='0']").click()
    page.wait(lambda: "try again" in page.one("#trouble").text)
    page.browser.get_log("browser")


def test_a_csv_file_is_predicted_row_by_row(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with file.open("w", newline="", encoding="utf-8-sig") as opened:
        rows = [[*map(str, ROW.values()), 'a "b", c']] * 25
        csv.writer(opened, delimiter=";").writerows([[*ROW, "note"], *rows])
    page.one("#file").send_keys(str(file))
    page.wait(lambda: page.one("#file-told").text == "25 rows predicted")
    assert len(page.all("#file-result tbody tr")) == 20
    assert 'a "b", c' in page.one("#file-result tbody tr").text
    assert page.one("#file-save").get_attribute("download") == "rows.predicted.csv"
    assert page.one("#file-save").get_attribute("href").startswith("blob:")


def test_a_cell_of_a_csv_file_is_read_as_in_training(
    page: Page, model: Model, tmp_path: Path
) -> None:
    kinds = {column.name: column.type for column in TABLE.columns}
    many = "1.234,5" if TABLE.decimal == "," else "1,234.5"
    words = {"number": [many, "NA"], "flag": ["1.0", "?"]}
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as opened:
        rows = [[words.get(kind, [""] * 2)[at] for kind in kinds.values()] for at in range(2)]
        csv.writer(opened).writerows([list(kinds), *rows])
    page.one("#file").send_keys(str(file))
    page.wait(lambda: page.one("#file-told").text == "2 rows predicted")
    read = {"number": [1234.5, None], "flag": [True, None]}
    for at, row in enumerate(model.asked[-1]["rows"]):
        expected = {name: read[kind][at] for name, kind in kinds.items() if kind in read}
        assert row == {name: value for name, value in expected.items() if value is not None}


def test_a_wrong_csv_file_is_told_in_a_sentence(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    for text, says in (("a,b\n1,2\n", "lacks the column"), (f"{FIRST},b\n1\n", "has 1 values")):
        file.write_text(text)
        page.one("#file").clear()
        page.one("#file").send_keys(str(file))
        page.wait(lambda says=says: says in page.one("#file-result").text)


def test_it_is_readable_on_a_phone_in_the_readers_colours(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([ROW, *[map(str, ROW.values())] * 3])
    page.one("#file").send_keys(str(file))
    page.wait(lambda: page.all("#file-result tbody tr"))
    page.check_look()


def test_it_tells_of_each_release_why_it_came_and_went(page: Page) -> None:
    browsing.check_releases(page)
