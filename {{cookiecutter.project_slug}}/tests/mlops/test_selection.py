"""Who wins, who can't, and what a winner must show."""

from typing import Any

import pytest

from {{ cookiecutter.project_slug }}.errors import NoCandidateError
from {{ cookiecutter.project_slug }}.mlops import selection


def result(name: str, score: float, complexity: int = 1, why: str | None = None) -> dict[str, Any]:
    return {"candidate": name, "score": score, "complexity": complexity, "disqualified": why}


def judged(score: float = 3.0, baseline: float = 3.5, difference: float = 0.0) -> dict[str, Any]:
    return {"score": score, "baseline_score": baseline, "difference": difference}


def failed(gates: list[dict[str, Any]]) -> list[str]:
    return [gate["gate"] for gate in gates if not gate["passed"]]


def test_the_lowest_score_wins() -> None:
    assert selection.choose([result("a", 3.2), result("b", 3.1)], {})["candidate"] == "b"


def test_of_two_equals_the_simpler_wins() -> None:
    equals = [result("forest", 3.1, complexity=2), result("ridge", 3.1, complexity=1)]
    assert selection.choose(equals, {})["candidate"] == "ridge"


def test_a_disqualified_candidate_does_not_win() -> None:
    results = [result("a", 1.0, why="its graph differs"), result("b", 3.1)]
    assert selection.choose(results, {})["candidate"] == "b"


def test_when_none_can_be_served_each_reason_is_told() -> None:
    with pytest.raises(NoCandidateError) as caught:
        selection.choose([result("a", 1.0, why="its graph differs")], {"b": "it crashed"})
    assert caught.value.exit_code == 3
    assert "a: its graph differs" in str(caught.value)
    assert "b: it crashed" in str(caught.value)


@pytest.mark.parametrize(("difference", "qualified"), [(0.0, True), (1e-4, True), (2e-4, False)])
def test_parity_disqualifies(difference: float, qualified: bool) -> None:
    assert (selection.disqualified(difference) is None) == qualified


def test_a_good_winner_passes_every_gate() -> None:
    assert failed(selection.gates(judged(), {"difference": 1e-6})) == []


@pytest.mark.parametrize(
    ("judged_", "served", "gate"),
    [
        (judged(score=3.5), 0.0, "better than the baseline"),
        (judged(score=3.6), 0.0, "better than the baseline"),
        (judged(score=float("nan")), 0.0, "better than the baseline"),
        (judged(difference=0.3), 0.0, "parity of the judged model"),
        (judged(), 0.3, "parity of the served model"),
        (judged(), float("nan"), "parity of the served model"),
    ],
)
def test_each_gate_can_be_broken(judged_: dict[str, Any], served: float, gate: str) -> None:
    assert failed(selection.gates(judged_, {"difference": served})) == [gate]
