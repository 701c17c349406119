"""Which candidate wins, and the gates that the winner must pass."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import __version__
from ..errors import NoCandidateError

TOLERANCE = 1e-4
"""How far a graph's answers may differ from its estimator's, in standard deviations of those."""
DEVIATIONS = " standard deviations of its answers"

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


def gates(
    evaluated: Result, served: Result, expectations: Result, size: int, limits: Result
) -> list[Result]:
    """Each gate with its limit and the actual value; all must pass for a release.

    Args:
        evaluated: what `training.evaluate_winner` returned.
        served: what `training.refit` returned.
        expectations: how many were `checked`, and how many `errors` there were.
        size: bytes of the bundle.
        limits: the `[gates]` of the configuration.
    """
    floor = limits["leakage"] * evaluated["baseline_score"]
    return [
        _gate("expectations", expectations["errors"], "<=", 0),
        _gate("better than the baseline", evaluated["score"], "<", evaluated["baseline_score"]),
        _gate("no leakage", evaluated["score"], ">=", floor),
        _slices(evaluated["slices"], limits["slice_margin"]),
        _gate("parity of the evaluation model", evaluated["parity"], "<=", TOLERANCE, DEVIATIONS),
        _gate("parity of the served model", served["parity"], "<=", TOLERANCE, DEVIATIONS),
        _gate("bundle size in MiB", size / 2**20, "<=", limits["bundle_mib"]),
    ]


SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda actual, limit: actual < limit,
    "<=": lambda actual, limit: actual <= limit,
    ">=": lambda actual, limit: actual >= limit,
}


def _gate(name: str, actual: float, sign: str, limit: float, suffix: str = "") -> Result:
    return {
        "gate": name,
        "expected": f"{sign} {limit:.4g}",
        "actual": f"{actual:.4g}{suffix}",
        "passed": SIGNS[sign](actual, limit),
    }


def _slices(slices: list[Result], margin: float) -> Result:
    """The gate that no slice is worse than the baseline by more than the margin."""
    name = "worst slice against the baseline"
    if not slices:
        return _gate(name, float("nan"), "<=", margin, " (no slice has enough rows)")
    worst = max(slices, key=lambda part: part["error"] - part["baseline"])
    suffix = f" ({worst['by']} {worst['value']}, {worst['rows']} rows)"
    return _gate(name, worst["error"] - worst["baseline"], "<=", margin, suffix)


def disqualified(parity: float) -> str | None:
    """Why a candidate can't be served, or None: its graph must answer as its estimator does."""
    if parity <= TOLERANCE:
        return None
    return (
        f"its ONNX graph differs from the estimator by {parity:.1e}{DEVIATIONS} on validation rows"
    )


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
        "evaluation_trained_until": evaluated["until"],
        **{name: evaluated[name] for name in ("difference", "slices", "calibration", "importance")},
        **{
            name: evaluated[name]
            for name in ("decision", "calibration_metrics")
            if name in evaluated
        },
        "gates": shown,
        "passed": all(gate["passed"] for gate in shown),
    }
