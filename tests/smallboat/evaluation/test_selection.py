"""Who wins, who can't, and what a winner must show."""

from typing import Any

import numpy as np
import pytest
import smallboat
from smallboat.errors import NoCandidateError
from smallboat.evaluation import gates, selection

NAN = float("nan")


def found(value: float, half: float = 0.2) -> dict[str, float]:
    """A value in the middle of its interval."""
    return {"value": value, "low": value - half, "high": value + half}


def part(value: str, difference: dict[str, float], groups: int = 4) -> dict[str, Any]:
    """A slice, and how much worse it is than the baseline."""
    return {"by": "place", "value": value, "rows": 80, "groups": groups, "difference": difference}


GOOD: dict[str, Any] = {
    "primary": "error",
    "difference": {"error": found(-0.5), "bias": found(9.0)},
    "relative_error": found(0.86, 0.05),
    "parity": 0.0,
    "slices": [part("north", found(0.4))],
}
LIMITS = {"leakage": 0.5, "slice_margin": 1.0, "bundle_mib": 50.0, "class_rows": 30}


def result(name: str, score: float, complexity: int = 1, why: str | None = None) -> dict[str, Any]:
    """A candidate whose score is the same in every resample."""
    held_out = {"resampled": np.full(100, score)}
    found = {"candidate": name, "score": score, "complexity": complexity, "disqualified": why}
    return found | {"held_out": held_out}


def noisy(name: str, score: float, complexity: int, noise: float) -> dict[str, Any]:
    """A candidate whose score moves from resample to resample."""
    values = score + noise * np.random.default_rng(len(name)).normal(size=1000)
    return result(name, score, complexity) | {"held_out": {"resampled": values}}


def decide(served: float = 0.0, errors: int = 0, size: int = 1, **evaluated: Any) -> list[Any]:
    expectations = {"checked": 90, "errors": errors}
    return gates.decide(GOOD | evaluated, {"parity": served}, expectations, size, LIMITS)


def failed(shown: list[dict[str, Any]]) -> list[str]:
    return [gate["gate"] for gate in shown if not gate["passed"]]


def test_the_lowest_score_wins() -> None:
    assert selection.choose([result("a", 3.2), result("b", 3.1)], {})["candidate"] == "b"


def test_of_two_equals_the_simpler_wins() -> None:
    equals = [result("forest", 3.1, complexity=2), result("ridge", 3.1, complexity=1)]
    assert selection.choose(equals, {})["candidate"] == "ridge"


def test_what_noise_could_have_made_is_a_tie_and_the_simpler_wins() -> None:
    rivals = [noisy("forest", 3.10, 2, 0.1), noisy("ridge", 3.15, 1, 0.1)]
    assert selection.choose(rivals, {})["candidate"] == "ridge"


def test_what_noise_could_not_have_made_is_no_tie() -> None:
    rivals = [noisy("forest", 3.10, 2, 0.01), noisy("ridge", 3.15, 1, 0.01)]
    assert selection.choose(rivals, {})["candidate"] == "forest"


@pytest.mark.parametrize(("behind", "winner"), [(0.9, "ridge"), (1.1, "forest")])
def test_a_tie_is_one_standard_error_of_the_paired_difference(behind: float, winner: str) -> None:
    """What moves both alike, however far, does not count."""
    rng = np.random.default_rng(1)
    shared, own = rng.normal(size=5000), 0.01 * rng.normal(size=5000)
    own -= own.mean()
    forest = result("forest", 3.0, 2) | {"held_out": {"resampled": 3.0 + shared}}
    score = 3.0 + behind * float(own.std())
    ridge = result("ridge", score, 1) | {"held_out": {"resampled": score + shared + own}}
    assert selection.choose([forest, ridge], {})["candidate"] == winner


def test_without_a_winner_the_competition_is_told_all_the_same() -> None:
    told = selection.competition([result("a", 1.0, why="its graph differs")], {"b": "it crashed"})
    assert told["winner"] is None and told["tied"] == []


def test_of_two_equally_simple_ones_the_better_wins() -> None:
    rivals = [noisy("worse", 3.15, 1, 0.1), noisy("better", 3.10, 1, 0.1)]
    assert selection.choose(rivals, {})["candidate"] == "better"


def test_a_disqualified_candidate_does_not_win() -> None:
    results = [result("a", 1.0, why="its graph differs"), result("b", 3.1)]
    assert selection.choose(results, {})["candidate"] == "b"


def test_when_none_can_be_served_each_reason_is_told() -> None:
    with pytest.raises(NoCandidateError) as caught:
        selection.choose([result("a", 1.0, why="its graph differs")], {"b": "it crashed"})
    assert caught.value.exit_code == 3
    assert "a: its graph differs" in str(caught.value)
    assert "b: it crashed" in str(caught.value)


@pytest.mark.parametrize(("parity", "qualified"), [(0.0, True), (1e-4, True), (2e-4, False)])
def test_parity_disqualifies(parity: float, qualified: bool) -> None:
    assert (selection.disqualified(parity) is None) == qualified


def test_a_good_winner_passes_every_gate() -> None:
    shown = decide(served=1e-6)
    assert failed(shown) == []
    assert all(gate["warning"] is None and gate["next_step"] is None for gate in shown)


@pytest.mark.parametrize(
    ("broken", "gate"),
    [
        ({"errors": 1}, "expectations"),
        ({"difference": {"error": found(0.3)}}, "not worse than the baseline"),
        ({"difference": {"error": found(NAN)}}, "not worse than the baseline"),
        ({"relative_error": found(0.4, 0.05)}, "no leakage"),
        ({"relative_error": found(NAN)}, "no leakage"),
        ({"slices": [part("north", found(1.3))]}, "worst slice against the baseline"),
        ({"slices": [part("north", found(NAN), 1)]}, "worst slice against the baseline"),
        ({"slices": []}, "worst slice against the baseline"),
        ({"class_rows": {"0": 900, "1": 29}}, "rows of each class in the test part"),
        ({"class_rows": {"a": 0, "b": 900}}, "rows of each class in the test part"),
        ({"parity": 0.3}, "parity of the evaluation model"),
        ({"served": 0.3}, "parity of the served model"),
        ({"served": float("nan")}, "parity of the served model"),
        ({"size": 51 * 2**20}, "bundle size in MiB"),
    ],
)
def test_each_gate_can_be_broken(broken: dict[str, Any], gate: str) -> None:
    shown = decide(**broken)
    assert failed(shown) == [gate]
    (next_step,) = [each["next_step"] for each in shown if not each["passed"]]
    assert next_step and gates.failures({"gates": shown}).endswith(f": {next_step}")


@pytest.mark.parametrize(
    ("moved", "gate", "warning"),
    [
        (
            {"difference": {"error": found(0.1)}},
            "not worse than the baseline",
            "error may be no better than the baseline's: the 95 % interval of the difference, "
            "-0.100 to +0.300, includes 0",
        ),
        (
            {"difference": {"error": found(0.0, 0.0)}},
            "not worse than the baseline",
            "error may be no better than the baseline's: the 95 % interval of the difference, "
            "+0.000 to +0.000, includes 0",
        ),
        (
            {"relative_error": found(0.45)},
            "no leakage",
            "the error is 0.450 of the baseline's, less than gates.leakage = 0.5, which may be "
            "chance",
        ),
        (
            {"slices": [part("north", found(3.0), groups=3)]},
            "worst slice against the baseline",
            "place north is worse than the baseline by 3.000, more than gates.slice_margin = 1; on "
            "80 rows in 3 groups it may be chance",
        ),
        (
            {"slices": [part("north", found(1.1)), part("south", found(1.15), groups=1)]},
            "worst slice against the baseline",
            "place south is worse than the baseline by 1.150, more than gates.slice_margin = 1; on "
            "80 rows in 1 group it may be chance",
        ),
    ],
)
def test_what_chance_could_have_made_is_a_warning(
    moved: dict[str, Any], gate: str, warning: str
) -> None:
    shown = decide(**moved)
    assert failed(shown) == []
    assert {each["gate"]: each["warning"] for each in shown if each["warning"]} == {gate: warning}


def test_the_slice_that_is_worse_for_sure_is_named_not_the_one_that_may_be_worse() -> None:
    slices = [part("south", found(1.6, 1.5)), part("west", found(1.5)), *GOOD["slices"]]
    (shown,) = [each for each in decide(slices=slices) if "slice" in each["gate"]]
    assert shown["expected"] == "95 % interval of the difference not wholly above 1"
    assert shown["actual"] == "+1.5 [+1.3, +1.7] (place west, 80 rows in 4 groups)"


@pytest.mark.parametrize(
    ("rows", "actual"),
    [
        ({"0": 900, "1": 30}, "30 rows of class 1"),
        ({"no": 900, "yes": 1}, "1 row of class yes"),
        ({"a": 3, "b": 29, "c": 90}, "3 rows of class a, and too few of 1 other class"),
        ({"a": 3, "b": 2, "c": 0}, "0 rows of class c, and too few of 2 other classes"),
    ],
)
def test_the_class_with_the_fewest_test_rows_is_named(rows: dict[str, int], actual: str) -> None:
    (shown,) = [each for each in decide(class_rows=rows) if "each class" in each["gate"]]
    assert (shown["expected"], shown["actual"]) == (">= 30", actual)
    assert shown["passed"] == (min(rows.values()) >= 30)


def test_what_only_the_machine_needs_is_not_kept() -> None:
    winner = result("forest", 2.0) | {"settings": {"depth": 1}}
    told = selection.competition([result("ridge", 3.0), winner], {"b": "it crashed"})
    assert told["winner"] == "forest" and told["tied"] == ["forest"]
    assert told["settings"] == {"depth": 1}
    assert told["failures"] == {"b": "it crashed"}
    assert all("held_out" not in each for each in told["candidates"])
    assert "held_out" in winner


@pytest.mark.parametrize("passed", [True, False])
def test_all_gates_must_pass(passed: bool) -> None:
    names = ("metrics", "intervals", "baseline", "difference", "calibration", "importance")
    known = {name: {} for name in names}
    evaluated = GOOD | known | {"evaluation_trained_until": "2020-01-01"}
    shown = decide(size=1 if passed else 2**30, relative_error=found(0.45))
    told = selection.evaluate({"run": "7"}, known, evaluated, shown)
    assert told["run"] == "7" and told["evaluation_trained_until"] == "2020-01-01"
    assert told["library"] == f"smallboat {smallboat.__version__}"
    assert told["passed"] is passed
    (warning,) = told["warnings"]
    assert warning.startswith("the error is 0.450 of the baseline's")


@pytest.mark.parametrize("decision", [{}, {"decision": {"threshold": 0.3}}])
def test_a_decision_is_kept_where_there_is_one_and_a_date_too(decision: dict[str, Any]) -> None:
    names = ("metrics", "intervals", "baseline", "difference", "calibration", "importance")
    known = {name: {} for name in names}
    told = selection.evaluate({}, known, GOOD | known | decision, [])
    optional = ("decision", "evaluation_trained_until")
    assert {key: told[key] for key in told if key in optional} == decision
