"""Which candidate wins, and what the winner must show."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import __version__
from ..errors import NoCandidateError

TOLERANCE = 1e-4
"""How far an ONNX graph's answers may lie from its estimator's."""

Result = dict[str, Any]


def choose(results: list[Result], failures: dict[str, str]) -> Result:
    """The simplest candidate that validation can't tell from the best one.

    Raises NoCandidateError, with each reason, when all failed or were disqualified.
    """
    winner = _simplest(results)
    if winner is None:
        reasons = failures | {r["candidate"]: r["disqualified"] for r in results}
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise NoCandidateError(f"no candidate can be served: {told}")
    return winner


def _simplest(results: list[Result]) -> Result | None:
    return min(tied(results), key=lambda one: (one["complexity"], one["score"]), default=None)


def tied(results: list[Result]) -> list[Result]:
    """The best of the candidates that can be served, and those that can't be told from it.

    Two can't be told apart if their scores differ by at most one standard error of the difference
    on the same resamples: the one-standard-error rule of Breiman et al., Classification and
    Regression Trees, 1984, with a paired error.
    """
    qualified = [result for result in results if result["disqualified"] is None]
    best = min(qualified, key=lambda result: result["score"], default=None)
    return [result for result in qualified if not _worse(result, best)]


def _worse(result: Result, best: Any) -> bool:
    error = np.std(result["held_out"]["resampled"] - best["held_out"]["resampled"])
    return bool(result["score"] - best["score"] > error)


def gates(
    evaluated: Result, served: Result, expectations: Result, size: int, limits: Result
) -> list[Result]:
    """Each gate with what it expects and what was found; all must pass for a release.

    Args:
        evaluated: what `training.evaluate_winner` measured.
        served: what `training.refit` made.
        expectations: how many were `checked` and how many `errors` there were.
        size: bytes of the bundle.
        limits: the `[gates]` of the configuration.
    """
    floor = limits["leakage"] * evaluated["baseline_score"]
    return [
        _gate("expectations", expectations["errors"], "<=", 0),
        _gate("better than the baseline", evaluated["score"], "<", evaluated["baseline_score"]),
        _gate("no leakage", evaluated["score"], ">=", floor),
        _slices(evaluated["slices"], limits["slice_margin"]),
        _gate("parity of the evaluation model", evaluated["parity"], "<=", TOLERANCE),
        _gate("parity of the served model", served["parity"], "<=", TOLERANCE),
        _gate("bundle size in MiB", size / 2**20, "<=", limits["bundle_mib"]),
    ]


SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda actual, limit: actual < limit,
    "<=": lambda actual, limit: actual <= limit,
    ">=": lambda actual, limit: actual >= limit,
}


def _gate(name: str, actual: float, sign: str, limit: float, of: str = "") -> Result:
    return {
        "gate": name,
        "expected": f"{sign} {limit:.4g}",
        "actual": f"{actual:.4g}{of}",
        "passed": SIGNS[sign](actual, limit),
    }


def _slices(slices: list[Result], margin: float) -> Result:
    """No slice may be worse than the baseline by more than the margin; the worst one is named."""
    name = "worst slice against the baseline"
    if not slices:
        return _gate(name, float("nan"), "<=", margin, " (no slice has enough rows)")
    worst = max(slices, key=lambda part: part["error"] - part["baseline"])
    of = f" ({worst['by']} {worst['value']}, {worst['rows']} rows)"
    return _gate(name, worst["error"] - worst["baseline"], "<=", margin, of)


def disqualified(parity: float) -> str | None:
    """Why a candidate can't be served, or None: its graph must answer as its estimator does."""
    if parity <= TOLERANCE:
        return None
    return f"its ONNX graph differs from the estimator by {parity:.1e} on validation rows"


def competition(results: list[Result], failures: dict[str, str]) -> Result:
    """How all candidates did, as plain values for people; without a winner `winner` is None."""
    winner = _simplest(results) or {"candidate": None, "settings": {}}
    return {
        "candidates": [{k: v for k, v in one.items() if k != "held_out"} for one in results],
        "failures": failures,
        "tied": [result["candidate"] for result in tied(results)],
        "winner": winner["candidate"],
        "settings": winner["settings"],
    }


def evaluate(facts: Result, winner: Result, evaluated: Result, shown: list[Result]) -> Result:
    """All that is known of a run, as plain values for the bundle.

    Args:
        facts: what is known of the run itself, and its `competition`.
        winner: what `training.search` found for the winner.
        evaluated: what `training.evaluate_winner` measured.
        shown: the gates.
    """
    return {
        **facts,
        "library": f"smallboat {__version__}",
        "metrics": {"validation": winner["metrics"], "test": evaluated["metrics"]},
        "intervals": {"validation": winner["intervals"], "test": evaluated["intervals"]},
        "baseline": {"validation": winner["baseline"], "test": evaluated["baseline"]},
        "evaluation_trained_until": evaluated["until"],
        **{name: evaluated[name] for name in ("difference", "slices", "spread", "importance")},
        **({"decision": evaluated["decision"]} if "decision" in evaluated else {}),
        "gates": shown,
        "passed": all(gate["passed"] for gate in shown),
    }
