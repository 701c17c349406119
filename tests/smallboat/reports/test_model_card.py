"""The model card of a run on the toy problem: complete, true, escaped, small."""

import copy
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smallboat.config import config
from smallboat.evaluation import gates, selection
from smallboat.reports import model_card
from smallboat.store import bundle, store
from smallboat.testing import pages
from smallboat.training import splits, training
from smallboat.validation import preparation
from toy.problem import PROBLEM

LIMIT = 60_000
HOSTILE = "<script>alert('\" & http-equiv')</script>"
Json = dict[str, Any]


class Tree(HTMLParser):
    """The elements, ids and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for key, value in attrs if key == "id" and value]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """The arguments of the card of a run of the simplest candidate."""
    settings = config.load(PROBLEM, "local")
    root = str(tmp_path_factory.mktemp("store"))
    snapshot = store.make_snapshot(PROBLEM, root, settings.data.model_dump())
    frame, _, _ = preparation.engineer(PROBLEM, root, snapshot)
    parts = splits.split(frame, settings.training.model_dump())
    winner = training.search(PROBLEM, "ridge", parts.train, parts.validation, seed=1)
    limits, costs = settings.gates.model_dump(), settings.model_dump()["decision"]
    evaluated = training.evaluate_winner(PROBLEM, winner, parts, 1, limits["slice_rows"], costs)
    served = training.refit(PROBLEM, winner, frame, 1)
    facts = {
        "run": "17",
        "created": store.now(),
        "snapshot": snapshot,
        "commit": "0123abc",
        "periods": parts.periods,
        "split_by": parts.by,
        "winner": "ridge",
        "settings": winner["settings"],
        "model_hash": bundle.model_hash(served["onnx"], served["signature"]),
    }
    decided = gates.decide(evaluated, served, {"errors": 0}, 5000, limits)
    return {
        "project": "parcels",
        "problem": PROBLEM,
        "evaluation": selection.evaluate(facts, winner, evaluated, decided),
        "signature": served["signature"],
        "manifest": store.manifest(root, snapshot),
        "frame": frame,
    }


@pytest.fixture
def given(run: Json) -> Json:
    """The same, to be changed."""
    parts = "evaluation", "signature", "manifest"
    return run | {name: copy.deepcopy(run[name]) for name in parts}


def text(given: Json) -> str:
    """What a reader sees, spaces joined."""
    return re.sub(r"\s+", " ", Tree(model_card.page(**given)).text)


def test_it_says_what_it_is_for_of_what_and_how_it_was_judged(given: Json) -> None:
    told, evaluation, manifest = text(given), given["evaluation"], given["manifest"]
    for part in (
        "minutes: from the depot to the door",
        manifest["source"],
        manifest["licence"],
        evaluation["snapshot"],
        f"{len(given['frame']):,} rows, from {given['frame']['date'].min().date()}",
        "Each parcel takes as long as its depot's did on average.",
        *(each["gate"] for each in evaluation["gates"]),
        *(each["expected"] for each in evaluation["gates"]),
        *(each["actual"] for each in evaluation["gates"]),
        f"{evaluation['metrics']['test']['mae']:.3f}",
        "{:.3f} to {:.3f}".format(*evaluation["intervals"]["test"]["mae"]),
        f"{evaluation['baseline']['test']['mae']:.3f}",
        evaluation["importance"][0]["group"],
        f"learned from no row after {given['signature']['trained_until']}",
        "0123abc",
        evaluation["library"],
        evaluation["model_hash"],
    ):
        assert part in told, part


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("files: /home/ann/shop/raw in the format otto", "files: raw in the format otto"),
        ("~/raw/t.csv", "t.csv"),
        ("../../ann/t.csv", "t.csv"),
        ("sample: data/sample", "sample: data/sample"),
        ("the API at https://example.org/f1", "the API at https://example.org/f1"),
    ],
)
def test_it_names_no_folder_outside_of_the_project(given: Json, source: str, told: str) -> None:
    given["manifest"]["source"] = source
    assert f"source{told}licence" in text(given)


def test_the_worst_slice_comes_first_and_is_named_as_a_limit(given: Json) -> None:
    one = given["evaluation"]["slices"][0]
    worse = {"value": 0.5, "low": 0.25, "high": 0.75}
    bad = one | {"name": "the bad one", "error": one["baseline"] + 0.5, "difference": worse}
    given["evaluation"]["slices"].insert(1, bad)
    html = model_card.page(**given)
    table = html.partition(f"{one['by']}: worse than the baseline in 1 of ")[2]
    first = re.search(r'<th scope="row">(.*?)</th>', table)
    assert first and first[1] == "the bad one"
    assert f"By {one['by']}, it is worse than the baseline in 1 slice: do not rely" in html


def test_the_usual_range_is_that_of_nine_of_ten_rows_and_no_rows_own(given: Json) -> None:
    frame = given["frame"].copy()
    frame["distance"] = np.linspace(0, 1000, len(frame))
    frame["floor"] = np.nan
    shown = model_card.inputs(given["evaluation"], given["signature"], frame)
    ranges = {each["name"]: each for each in shown}
    assert (ranges["distance"]["low"], ranges["distance"]["high"]) == pytest.approx((50, 950))
    assert ranges["floor"]["missing"] == 1.0 and ranges["floor"]["low"] is None
    assert "none" in text(given | {"frame": frame})
    for rows, told in ((21, True), (20, False)):
        few = frame.assign(distance=frame["distance"].where(np.arange(len(frame)) < rows))
        shown = model_card.inputs(given["evaluation"], given["signature"], few)
        (found,) = (each for each in shown if each["name"] == "distance")
        assert (found["low"] is not None) == told


CURVE = {"predicted": [0.1, 0.4], "observed": [0.12, 0.3], "rows": [300, 100]}


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (
            {"calibration": CURVE},
            "differ from the observed shares by 0.040 on average, over 2 groups of 400 held-out",
        ),
        ({"calibration": {}}, "are fitted on held-out rows; how good they are on test rows"),
        ({"calibration": {}, "calibration_metrics": None}, "It answers no probabilities"),
    ],
)
def test_it_says_how_far_its_probabilities_can_be_trusted(
    given: Json, known: Json, told: str
) -> None:
    given["evaluation"] |= known
    if known.get("calibration_metrics", 1) is None:
        del given["evaluation"]["calibration_metrics"]
    assert told in text(given)


def test_warnings_and_failed_gates_are_limits(given: Json) -> None:
    assert "with a warning" not in text(given).partition("What it does not know")[2]
    given["evaluation"] |= {"warnings": ["mae may be no better"], "passed": False}
    told = text(given)
    assert "The run passed with a warning: mae may be no better." in told
    assert "The run did not pass its gates: it may not be released." in told


def test_of_a_category_the_known_ones_are_counted(given: Json) -> None:
    given["signature"]["inputs"][0]["unit"] = model_card.CATEGORY
    name, default = (given["signature"]["inputs"][0][key] for key in ("name", "default"))
    given["frame"] = given["frame"].assign(**{name: np.arange(len(given["frame"])) % 4 + default})
    (found,) = (
        each
        for each in model_card.inputs(given["evaluation"], given["signature"], given["frame"])
        if each["name"] == name
    )
    assert (found["levels"], round(found["missing"], 2)) == (3, 0.25)
    told = text(given)
    assert "3 known" in told
    assert "A category that it has not seen is answered as any other unknown one." in told


def test_it_asks_no_other_host_runs_no_script_and_is_small(given: Json) -> None:
    html = model_card.page(**given)
    tree = Tree(html)
    assert not re.search(r"https?:|url\(|@import|\ssrc=|href=\"[^#]", html)
    assert not {"script", "link", "img", "iframe", "object"} & set(tree.tags)
    assert len(tree.ids) == len(set(tree.ids))
    assert len(html.encode()) < LIMIT / 2
    assert html == model_card.page(**given)


def wide(given: Json, count: int) -> Json:
    """The same of so many inputs and slices, all with long texts."""
    names = [f"a_rather_long_name_of_a_column_{number}" * 3 for number in range(count)]
    one = given["signature"]["inputs"][0]
    slice_ = given["evaluation"]["slices"][0]
    given["signature"]["inputs"] = [one | {"name": each, "description": each * 9} for each in names]
    given["evaluation"]["importance"] = [
        {"group": each, "features": [each] * 5, "importance": 0.25} for each in names
    ]
    given["evaluation"]["slices"] = [slice_ | {"value": each * 9} for each in names]
    given["manifest"]["rows"] = dict.fromkeys(names, 12345)
    frame = pd.DataFrame(np.zeros((60, count)), columns=pd.Index(names))
    return given | {"frame": frame}


def test_a_table_of_a_thousand_columns_has_a_small_card_that_says_what_it_leaves_out(
    given: Json,
) -> None:
    given = wide(given, 1000)
    html = model_card.page(**given)
    assert len(html.encode()) < LIMIT
    assert "without the 940 least important ones" in html
    assert "The worst 10 of 1000." in html


def hostile(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: hostile(part) for key, part in value.items()}
    if isinstance(value, list):
        return [hostile(part) for part in value]
    return HOSTILE if isinstance(value, str) else value


def test_text_from_outside_is_escaped_everywhere(given: Json) -> None:
    names = [each["name"] for each in given["signature"]["inputs"]]
    given["evaluation"] = hostile(given["evaluation"]) | {"primary": "mae", "importance": []}
    inputs = hostile(given["signature"]["inputs"])
    named = [each | {"name": name} for each, name in zip(inputs, names, strict=True)]
    given["signature"] = hostile(given["signature"]) | {"inputs": named}
    given["manifest"] = hostile(given["manifest"]) | {"rows": {HOSTILE: 3}}
    metrics = SimpleNamespace(baseline=SimpleNamespace(__doc__=HOSTILE))
    html = model_card.page(
        **given | {"project": HOSTILE, "problem": SimpleNamespace(metrics=metrics)}
    )
    tree = Tree(html)
    assert "script" not in tree.tags
    assert tree.text.count(HOSTILE) > 20


def test_without_time_no_date_is_told(given: Json) -> None:
    given["frame"] = given["frame"].drop(columns="date")
    del given["signature"]["trained_until"]
    told = text(given)
    assert " from 20" not in told and "no row after" not in told


def test_it_is_readable_on_a_phone(given: Json, browser: Any, show: Any) -> None:
    show(model_card.page(**given))
    assert pages.all_faults(browser) == {}
