"""The reports: complete, escaped, small, and without a word to any other host."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from smallboat.evaluation import gates
from smallboat.reports import cards, plots, svg
from smallboat.testing import pages

HOSTILE = "<script>alert('$x$ \" & http-equiv')</script>"
LIMIT = 200_000
INSIDE = """return [...document.querySelectorAll(arguments[0])].map((node) => {
  const box = node.getBoundingClientRect();
  return box.width > 0 && box.left >= 0 && box.right <= document.documentElement.clientWidth;
})"""
OUTCOMES = ".gates :is(.good, .warn, .bad)"


class Tree(HTMLParser):
    """The elements, ids and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(str(html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for key, value in attrs if key == "id" and value]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def candidate(name: str, score: float, **more: Any) -> dict[str, Any]:
    """A candidate of a use case whose metrics are loss and gain."""
    return {
        "candidate": name,
        "complexity": 1,
        "settings": {"depth": 2},
        "metrics": {"gain": 7000.0, "loss": score},
        "intervals": {"gain": [6500.0, 7500.0], "loss": [score - 0.1, score + 0.1]},
        "score": score,
        "baseline": {"gain": 5000.0, "loss": 0.9},
        "trials": [{"score": score + i / 10, "seconds": 0.2} for i in range(3)],
        "learning_curve": [],
        "disqualified": None,
        **more,
    }


def part(by: str, value: str, rows: int, error: float) -> dict[str, Any]:
    """A slice; the baseline's error is 0.9, and the interval is 0.02 to both sides."""
    worse = error - 0.9
    difference = {"value": worse, "low": worse - 0.02, "high": worse + 0.02}
    errors = {"error": error, "baseline": 0.9, "difference": difference}
    return {"by": by, "value": value, "rows": rows, "groups": 9, **errors}


@pytest.fixture
def evaluation() -> dict[str, Any]:
    """An evaluation with everything in it."""
    interval = {"gain": [6500.0, 7500.0], "loss": [0.4, 0.6]}
    scores = {"gain": 7000.0, "loss": 0.5}
    baseline = {"gain": 5000.0, "loss": 0.9}
    return {
        "run": "17",
        "created": "2026-11-21T01:00:00+00:00",
        "snapshot": "0123456789abcdef",
        "commit": None,
        "library": "smallboat 1.2.3",
        "model_hash": "fedcba9876543210",
        "periods": {"test": [9, 9], "train": [1, 6], "validation": [7, 8]},
        "evaluation_trained_until": "2023-11-26",
        "candidates": [
            candidate("plain", 0.52),
            candidate("forest", 0.5, learning_curve=[[1, 0.8], [2, 0.6], [3, 0.65]]),
            candidate("odd", 0.4, disqualified="its graph differs"),
        ],
        "failures": {"slow": "timed out after 600 seconds"},
        "tied": ["forest"],
        "winner": "forest",
        "settings": {"depth": 2},
        "metrics": {"validation": scores, "test": scores},
        "intervals": {"validation": interval, "test": interval},
        "baseline": {"validation": baseline, "test": baseline},
        "difference": {
            "gain": {"value": 2000.0, "low": -100.0, "high": 4000.0},
            "loss": {"value": -0.4, "low": -0.5, "high": -0.3},
        },
        "slices": [
            part("period", "202408", 1200, 0.5) | {"name": "August 2024"},
            part("place", "north", 600, 0.4),
            part("place", "south", 600, 0.95),
        ],
        "calibration": {},
        "importance": [
            {"group": f"column_{i}", "features": [f"column_{i}"], "importance": 0.2 - i / 100}
            for i in range(30)
        ],
        "warnings": [],
        "gates": [
            gates.gate("beats it", "< 0.9", "0.5", True, "train longer"),
            gates.gate("small", "<= 9", "4", True, "prune it"),
        ],
        "passed": True,
    }


ABOUT = {
    "source": "sample",
    "licence": "CC0",
    "data_until": "2026-11-01",
    "created": "2026-11-21T01:00:00+00:00",
    "rows": {"orders": 1200, "people": 30},
}
ACTUAL = np.arange(100) % 20


def result(message: str, passed: bool = True, severity: str = "error") -> dict[str, Any]:
    return {
        "view": "orders",
        "expectation": "ExpectIt",
        "severity": severity,
        "description": message,
        "passed": passed,
        "observed": "3 of 1,200 rows",
        "unexpected": [] if passed else ["row 7: -1"],
    }


def step(name: str, tasks: int | None = 1, seconds: float | None = 0.4) -> dict[str, Any]:
    return {"name": name, "doc": f"{name} it", "tasks": tasks, "seconds": seconds}


def text(fragment: cards.Fragment) -> str:
    """What a reader sees, spaces joined."""
    return re.sub(r"\s+", " ", Tree(fragment.html).text)


def report(evaluation: dict[str, Any]) -> str:
    """A whole page of everything."""
    moved = {
        "feature": "age",
        "psi": 0.4,
        "level": "large",
        "reference_mean": 1.0,
        "current_mean": None,
    }
    return cards.page(
        "A report",
        cards.winner(evaluation, "loss", ACTUAL, ACTUAL[::-1]),
        cards.candidates(evaluation, "loss"),
        cards.data(
            ABOUT,
            [result("holds"), result("breaks", passed=False)],
            {},
            {"rows": 200, "features": [moved]},
        ),
        cards.run([step("start"), [[step("a")], [step("b")]], step("end", None, None)]),
    )


def test_a_page_asks_no_other_host_and_runs_no_script(evaluation: dict[str, Any]) -> None:
    html = report(evaluation)
    assert not re.search(r"https?:|url\((?!#)|@import|\ssrc=|href=\"[^#]", html)
    assert not {"script", "link", "img", "iframe", "object"} & set(Tree(html).tags)
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    head = html.partition("</head>")[0]
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in head


def test_a_page_is_small_well_formed_and_its_ids_are_unique(evaluation: dict[str, Any]) -> None:
    html = report(evaluation)
    tree = Tree(html)
    assert len(html.encode()) < LIMIT
    assert tree.open == []
    assert len(tree.ids) == len(set(tree.ids))
    assert set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", html)) <= set(tree.ids)


def test_probabilities_that_people_are_shown_have_a_table_where_they_were_judged(
    evaluation: dict[str, Any],
) -> None:
    calibration_metrics = {
        "metrics": {"log_loss": 1.234},
        "intervals": {"log_loss": [1.111, 1.333]},
        "baseline": {"log_loss": 1.469},
        "difference": {"log_loss": {"value": -0.235, "low": -0.4, "high": -0.1}},
    }
    some: list[dict[str, Any]] = [{}, {"calibration_metrics": calibration_metrics}]
    for known in some:
        html = str(cards.winner(evaluation | known, "loss", ACTUAL, ACTUAL).html)
        for text in ("log_loss", "1.111 to 1.333", "1.469", "-0.235", "-0.400 to -0.100"):
            assert (text in html) is bool(known), text


def test_the_same_values_make_the_same_page(evaluation: dict[str, Any]) -> None:
    assert report(evaluation) == report(evaluation)


def test_plots_take_their_colours_from_the_page_and_say_what_they_show(
    evaluation: dict[str, Any],
) -> None:
    html = report(evaluation)
    assert not any(stand_in in html for stand_in in svg.VARIABLES)
    assert html.count("<svg") == html.count('role="img" aria-label="') == 4
    assert "the baseline has 0.9" in html


def hostile(value: Any) -> Any:
    """The same value with hostile text in place of each text."""
    if isinstance(value, dict):
        return {key: hostile(part) for key, part in value.items()}
    if isinstance(value, list):
        return [hostile(part) for part in value]
    return HOSTILE if isinstance(value, str) else value


def test_text_from_outside_is_escaped_everywhere(evaluation: dict[str, Any]) -> None:
    broken = hostile(evaluation) | {"failures": {HOSTILE: HOSTILE}}
    about = hostile(ABOUT) | {"rows": {HOSTILE: 3}}
    results = hostile([result("x"), result("x", passed=False)])
    drifted = {
        "feature": HOSTILE,
        "psi": 0.4,
        "level": "large",
        "reference_mean": 1.0,
        "current_mean": 2.0,
    }
    html = cards.page(
        HOSTILE,
        cards.winner(broken, "loss", ACTUAL, ACTUAL),
        cards.candidates(broken, "loss"),
        cards.data(about, results, None, {"rows": 200, "features": [drifted]}),
        cards.run([hostile(step("start"))]),
    )
    tree = Tree(html)
    assert "script" not in tree.tags
    assert tree.open == []
    assert tree.text.count(HOSTILE) > 30
    assert HOSTILE in Tree(plots.curves({HOSTILE: [[1, 0.5]]}, "loss")).text


def test_the_verdict_comes_first_and_says_why(evaluation: dict[str, Any]) -> None:
    message = text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL)).strip()
    assert message.startswith("Passed: forest may be released")
    assert "loss is 0.500 on the test rows; the baseline has 0.900." in message
    assert "chance" not in message.split("Gates")[0]

    warning = "the difference may be chance"
    evaluation["warnings"] = [warning]
    evaluation["gates"][0]["warning"] = warning
    message = text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL)).strip()
    assert message.startswith("Passed with 1 warning: forest may be released")
    assert f"Warning: {warning}." in message.split("Gates")[0]
    assert f"! passed with a warningbeats it< 0.90.5{warning}" in message

    evaluation["gates"][1] |= {"passed": False, "next_step": "prune it"}
    evaluation["passed"] = False
    message = text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL)).strip()
    assert message.startswith("Failed: forest can't be released")
    assert "Failed gates: small (expected <= 9, found 4)." in message
    assert "✗ failedsmall<= 94next: prune it" in message


def test_the_report_names_the_library_that_made_the_run(evaluation: dict[str, Any]) -> None:
    html = cards.winner(evaluation, "loss", ACTUAL, ACTUAL).html
    assert "<dt>library</dt><dd>smallboat 1.2.3</dd>" in html


def test_each_gate_is_marked_by_a_word(evaluation: dict[str, Any]) -> None:
    evaluation["gates"][1]["passed"] = evaluation["passed"] = False
    message = text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL))
    assert "✓ passedbeats it< 0.90.5" in message
    assert "✗ failedsmall<= 94" in message


def test_the_winner_shows_metrics_slices_and_the_most_important_features(
    evaluation: dict[str, Any],
) -> None:
    message = text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL))
    assert "loss0.5000.400 to 0.6000.900 -0.400-0.500 to -0.300" in message
    assert "gain7,0006,500 to 7,5005,000 +2,000-100.000 to +4,000" in message
    assert "period: nowhere worse than the baseline" in message
    assert "place: worse than the baseline in 1 of 2" in message
    assert "August 20241,2000.5000.900" in message
    assert "south6000.9500.900+0.050 worse+0.030 to +0.070" in message
    assert "column_14+0.060" in message
    assert "column_15" not in message


CURVE = {
    "predicted": [0.1, 0.4],
    "observed": [0.12, 0.35],
    "low": [0.08, 0.3],
    "high": [0.16, 0.41],
    "rows": [300, 299],
}


def test_of_chances_the_reliability_is_shown(evaluation: dict[str, Any]) -> None:
    evaluation["calibration"] = CURVE
    shown = cards.winner(evaluation, "loss", ACTUAL % 2, ACTUAL / 20)
    assert "Reliability" in text(shown) and "Predicted against actual" not in text(shown)
    assert "probability, of 599 rows: 0.120 at 0.100, 0.350 at 0.400" in shown.html


def test_a_decision_is_shown_where_there_is_one(evaluation: dict[str, Any]) -> None:
    assert "Decision threshold" not in text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL))
    evaluation["decision"] = {
        "threshold": 0.253,
        "contact_cost": 1.0,
        "missed_cost": 3.0,
        "expected_cost": 0.512,
        "without_model": 0.631,
    }
    message = text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL))
    assert "thresholdact from 0.253 on, which costs least on validation" in message
    assert "expected cost0.512 per row, 0.631 without the model" in message


def test_every_candidate_and_failure_appears_with_its_reason(evaluation: dict[str, Any]) -> None:
    message = text(cards.candidates(evaluation, "loss"))
    assert "forest winner" in message
    assert "odd is disqualified: its graph differs" in message
    assert "slow failed: timed out after 600 seconds" in message
    assert "plain0.5200.420 to 0.6207,0006,500 to 7,50030.6" in message
    assert "Learning curves" in message


@pytest.mark.parametrize("empty", ["slices", "importance"])
def test_a_winner_of_which_less_is_known_is_shown(evaluation: dict[str, Any], empty: str) -> None:
    evaluation[empty] = type(evaluation[empty])()
    assert "Passed" in text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL))


def test_one_candidate_with_equal_trials_and_no_curve_is_drawn(evaluation: dict[str, Any]) -> None:
    only = candidate("only", 0.9, trials=[{"score": 0.9, "seconds": 0.1}] * 3)
    only["intervals"]["loss"] = [0.9, 0.9]
    evaluation |= {"candidates": [only], "failures": {}}
    message = text(cards.candidates(evaluation, "loss"))
    assert "baseline 0.9" in message
    assert "Learning curves" not in message
    assert "Disqualified or failed" not in message


def test_candidates_that_all_failed_are_listed(evaluation: dict[str, Any]) -> None:
    evaluation |= {"candidates": [], "winner": None}
    assert "slow failed: timed out" in text(cards.candidates(evaluation, "loss"))


def test_a_wild_trial_does_not_squeeze_the_others() -> None:
    wild = candidate("wild", 0.5, trials=[{"score": score} for score in (0.5, 0.6, 1e6)])
    plot = plots.candidates([wild], "wild", "loss")
    assert max(map(float, re.findall(r"\d+\.?\d*", Tree(plot).text))) < 2


def test_the_data_fragment_shows_broken_expectations_first() -> None:
    results = [
        result("holds"),
        result("only warns", passed=False, severity="warning"),
        result("breaks", passed=False),
    ]
    message = text(cards.data(ABOUT, results, {"orders": 1000}, None))
    assert message.strip().startswith("1 of 3 expectations passed1 error: nothing is trained")
    assert message.index("breaks") < message.index("only warns") < message.index("holds")
    assert "row 7: -1" in message
    assert "orders1,2001,000+200" in message
    assert "people30nonenew" in message


def test_data_without_an_earlier_snapshot_says_so() -> None:
    message = text(cards.data(ABOUT, [result("holds")], None, None))
    assert "1 of 1 expectations passed" in message
    assert "no previous snapshot to compare with" in message
    assert "Drift was not measured: there is no previous snapshot" in message


def test_without_time_no_date_is_shown(evaluation: dict[str, Any]) -> None:
    told = text(cards.data(ABOUT, [result("holds")], None, None))
    assert "newest event2026-11-01" in told
    undated = {name: value for name, value in ABOUT.items() if name != "data_until"}
    assert text(cards.data(undated, [], None, None)).count("newest event") == 0
    told = text(cards.winner(evaluation, "loss", ACTUAL, ACTUAL))
    assert "train 1 to 6, validation 7 to 8, test 9; the evaluation model was trained on" in told
    del evaluation["evaluation_trained_until"]
    told = text(cards.winner(evaluation | {"split_by": "folds"}, "loss", ACTUAL, ACTUAL))
    assert "train folds 1 to 6, validation folds 7 to 8, test fold 9" in told
    assert "trained on data until" not in told


def test_drift_lists_what_moved_and_folds_the_rest() -> None:
    rows = [
        {
            "feature": "age",
            "psi": 0.4,
            "level": "large",
            "reference_mean": 30.0,
            "current_mean": 40.0,
        },
        {
            "feature": "size",
            "psi": 0.01,
            "level": "stable",
            "reference_mean": 1.0,
            "current_mean": 1.0,
        },
    ]
    message = text(cards.data(ABOUT, [], ABOUT["rows"], {"rows": 240, "features": rows}))
    assert (
        "The newest 240 rows, compared with the previous snapshot: 1 of 2 features drifted"
        in message
    )
    assert "age0.400large30.00040.000" in message
    assert message.index("1 stable features") < message.index("size0.010stable")


def test_the_flow_is_drawn_with_its_branches_and_fan_outs() -> None:
    many = [step("many", 6, 27.3)]
    fragment = cards.run(
        [step("start"), [[step("a")], [step("b")]], [many], step("end", None, None)]
    )
    message = text(fragment)
    assert "many6 tasks, 27.3 smany it" in message
    assert "endnot finished" in message
    assert fragment.html.count("sides fork") == 1
    assert fragment.html.count("box many") == 1


@pytest.mark.parametrize(
    ("actual", "predicted"),
    [([3.0], [3.0]), ([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.4]), (range(1000), [0.5] * 1000)],
    ids=["one row", "classes and shares", "a constant prediction"],
)
def test_any_predictions_can_be_held_against_what_came(actual: Any, predicted: Any) -> None:
    plot = plots.agreement(list(actual), list(predicted))
    assert f"for {len(list(actual))} rows" in plot
    assert 'style="fill: var(--accent)' in plot


def test_no_text_of_a_plot_is_cut(browser: Any, show: Any) -> None:
    long = candidate("hist_gradient_boosting", 0.5)
    long |= {key: {"average_error": long[key]["loss"]} for key in ("baseline", "intervals")}
    plot = plots.candidates([long], None, "average_error")
    show(f'<!DOCTYPE html><body style="font-family: sans-serif"><figure>{plot}</figure>')
    assert [told for told in pages.faults(browser) if "drawing" in told] == []


def test_a_runs_report_is_readable_and_shows_each_gates_outcome(
    browser: Any, show: Any, evaluation: dict[str, Any]
) -> None:
    evaluation["gates"][0] |= {"warning": "the difference may be chance " * 3}
    evaluation["gates"][1] |= {"passed": False, "next_step": "prune it", "actual": "a " * 80}
    evaluation["period_names"] = {"validation": "weeks 12 to 13 of 2019"}
    show(report(evaluation))
    assert pages.all_faults(browser) == {}
    for width in pages.SIZES:
        with pages.screen(browser, width, "light"):
            assert browser.execute_script(INSIDE, OUTCOMES) == [True, True]
            first = browser.find_element("css selector", ".verdict").rect
            assert first["y"] + first["height"] < pages.SIZES[width]
