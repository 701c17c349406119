"""Which candidate wins, and what evaluation.json says of it."""

from typing import Any

import numpy as np

from .. import __version__
from ..errors import NoCandidateError
from . import gates

KEPT = ("primary", "difference", "relative_error", "slices", "calibration", "importance")
"""What evaluation.json takes from the winner's evaluation as it is."""
OPTIONAL = ("decision", "calibration_metrics", "evaluation_trained_until")
"""The same, if the problem has it."""
SHOWN = ("calibration", "decision")
"""What makes the answers that people are shown out of the model's."""

Result = dict[str, Any]


def choose(results: list[Result], failures: dict[str, str]) -> Result:
    """The simplest candidate that is as good as the best one on validation, within noise.

    Raises NoCandidateError, which names each reason, if all failed or were disqualified.
    """
    winner = _simplest(results)
    if winner is None:
        reasons = failures | {r["candidate"]: r["disqualified"] for r in results}
        listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise NoCandidateError(f"no candidate can be served: {listed}")
    return winner


def _simplest(results: list[Result]) -> Result | None:
    return min(tied(results), key=lambda one: (one["complexity"], one["score"]), default=None)


def tied(results: list[Result]) -> list[Result]:
    """The best of the candidates that can be served, and those that are as good within noise.

    A candidate is as good if its score is higher by at most one standard error of the difference on
    the same resamples: the one-standard-error rule of Breiman et al., Classification and Regression
    Trees, 1984, with a paired error.
    """
    qualified = [result for result in results if result["disqualified"] is None]
    best = min(qualified, key=lambda result: result["score"], default=None)
    return [result for result in qualified if not _worse(result, best)]


def _worse(result: Result, best: Any) -> bool:
    error = np.std(result["held_out"]["resampled"] - best["held_out"]["resampled"])
    return bool(result["score"] - best["score"] > error)


def disqualified(parity: float) -> str | None:
    """Why a candidate can't be served, or None: its graph must answer as its estimator does."""
    if parity <= gates.TOLERANCE:
        return None
    far = f"{parity:.1e}{gates.DEVIATIONS}"
    return f"its ONNX graph differs from the estimator by {far} on validation rows"


def reason(results: list[Result], ties: list[str]) -> str:
    """Why the winner was chosen, as the end of a sentence.

    Args:
        results: all candidates that were trained.
        ties: the names of those that are as good as the best within noise.
    """
    if len(results) == 1:
        return "the only candidate"
    if sum(result["disqualified"] is None for result in results) == 1:
        return "the only candidate that can be served"
    if len(ties) == 1:
        return "better than the others by more than one standard error"
    return f"the simplest of the {len(ties)} that are within one standard error of the best"


def competition(results: list[Result], failures: dict[str, str]) -> Result:
    """The results of all candidates as plain values; `winner` is None if there is none."""
    winner = _simplest(results) or {"candidate": None, "settings": {}}
    return {
        "candidates": [{k: v for k, v in one.items() if k != "held_out"} for one in results],
        "failures": failures,
        "tied": [result["candidate"] for result in tied(results)],
        "winner": winner["candidate"],
        "settings": winner["settings"],
    }


def evaluate(facts: Result, winner: Result, evaluated: Result, shown: list[Result]) -> Result:
    """A run's evaluation.json, as plain values.

    Args:
        facts: the run's id, snapshot and the like, and its `competition`.
        winner: what `training.search` returned for the winner.
        evaluated: what `training.evaluate_winner` returned.
        shown: the gates.
    """
    return {
        **facts,
        "library": f"smallboat {__version__}",
        "metrics": {"validation": winner["metrics"], "test": evaluated["metrics"]},
        "intervals": {"validation": winner["intervals"], "test": evaluated["intervals"]},
        "baseline": {"validation": winner["baseline"], "test": evaluated["baseline"]},
        **{name: evaluated[name] for name in KEPT},
        **{name: evaluated[name] for name in OPTIONAL if name in evaluated},
        "gates": shown,
        "warnings": [gate["warning"] for gate in shown if gate["warning"]],
        "passed": all(gate["passed"] for gate in shown),
    }


def without_winner(facts: Result, reason: str) -> Result:
    """The evaluation.json of a run in which no candidate can be served: its only gate failed."""
    return {
        **facts,
        "library": f"smallboat {__version__}",
        "model_hash": None,
        "gates": [gates.no_candidate(reason)],
        "warnings": [],
        "passed": False,
    }
