"""Who wins, who can't, and what a winner must show."""

from typing import Any

import numpy as np
import pytest
import smallboat
from smallboat.errors import NoCandidateError
from smallboat.evaluation import selection

GOOD: dict[str, Any] = {
    "score": 3.0,
    "baseline_score": 3.5,
    "parity": 0.0,
    "slices": [{"by": "place", "value": "north", "rows": 80, "error": 3.9, "baseline": 3.5}],
}
LIMITS = {"leakage": 0.5, "slice_margin": 1.0, "bundle_mib": 50.0}


def result(name: str, score: float, complexity: int = 1, why: str | None = None) -> dict[str, Any]:
    """A candidate whose score is the same in every resample."""
    held_out = {"resampled": np.full(100, score)}
    found = {"candidate": name, "score": score, "complexity": complexity, "disqualified": why}
    return found | {"held_out": held_out}


def noisy(name: str, score: float, complexity: int, noise: float) -> dict[str, Any]:
    """A candidate whose score moves from resample to resample."""
    values = score + noise * np.random.default_rng(len(name)).normal(size=1000)
    return result(name, score, complexity) | {"held_out": {"resampled": values}}


def gates(served: float = 0.0, errors: int = 0, size: int = 1, **evaluated: Any) -> list[Any]:
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
    assert failed(gates(served=1e-6)) == []


@pytest.mark.parametrize(
    ("broken", "gate"),
    [
        ({"errors": 1}, "expectations"),
        ({"score": 3.5}, "better than the baseline"),
        ({"score": 3.6}, "better than the baseline"),
        ({"score": 1.7}, "no leakage"),
        ({"slices": [GOOD["slices"][0] | {"error": 4.6}]}, "worst slice against the baseline"),
        ({"slices": []}, "worst slice against the baseline"),
        ({"parity": 0.3}, "parity of the evaluation model"),
        ({"served": 0.3}, "parity of the served model"),
        ({"served": float("nan")}, "parity of the served model"),
        ({"size": 51 * 2**20}, "bundle size in MiB"),
    ],
)
def test_each_gate_can_be_broken(broken: dict[str, Any], gate: str) -> None:
    assert failed(gates(**broken)) == [gate]


def test_a_score_that_is_no_number_passes_nothing() -> None:
    assert failed(gates(score=float("nan"))) == ["better than the baseline", "no leakage"]


def test_the_worst_slice_is_named() -> None:
    bad = {"by": "place", "value": "south", "rows": 70, "error": 5.0, "baseline": 3.5}
    (shown,) = [g for g in gates(slices=[*GOOD["slices"], bad]) if "slice" in g["gate"]]
    assert shown["expected"] == "<= 1"
    assert shown["actual"] == "1.5 (place south, 70 rows)"


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
    names = ("metrics", "intervals", "baseline", "difference", "spread", "importance")
    known = {name: {} for name in names}
    evaluated = GOOD | known | {"until": "2020-01-01"}
    shown = gates(size=1 if passed else 2**30)
    told = selection.evaluate({"run": "7"}, known, evaluated, shown)
    assert told["run"] == "7" and told["evaluation_trained_until"] == "2020-01-01"
    assert told["library"] == f"smallboat {smallboat.__version__}"
    assert told["passed"] is passed


@pytest.mark.parametrize("decision", [{}, {"decision": {"threshold": 0.3}}])
def test_a_decision_is_kept_where_there_is_one(decision: dict[str, Any]) -> None:
    names = ("metrics", "intervals", "baseline", "difference", "spread", "importance")
    known = {name: {} for name in names}
    told = selection.evaluate({}, known, GOOD | known | {"until": "2020-01-01"} | decision, [])
    assert {key: told[key] for key in told if key == "decision"} == decision
