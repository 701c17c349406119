"""Which candidate wins, and what the winner must show before it may be released."""

from typing import Any

from ..errors import NoCandidateError

TOLERANCE = 1e-4
"""How far an ONNX graph's answers may lie from its estimator's."""


def choose(results: list[dict[str, Any]], failures: dict[str, str]) -> dict[str, Any]:
    """The best candidate on validation; ties go to the simpler one.

    Raises NoCandidateError, with each reason, when all failed or were disqualified.
    """
    qualified = [result for result in results if result["disqualified"] is None]
    if not qualified:
        reasons = failures | {r["candidate"]: r["disqualified"] for r in results}
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise NoCandidateError(f"no candidate can be served: {told}")
    return min(qualified, key=lambda result: (result["score"], result["complexity"]))


def gates(judged: dict[str, Any], served: dict[str, Any]) -> list[dict[str, Any]]:
    """Each gate with what it expects and what was found; all must pass for a release."""
    return [
        _gate("better than the baseline", judged["score"], "<", judged["baseline_score"]),
        _gate("parity of the judged model", judged["difference"], "<=", TOLERANCE),
        _gate("parity of the served model", served["difference"], "<=", TOLERANCE),
    ]


def _gate(name: str, actual: float, sign: str, limit: float) -> dict[str, Any]:
    passed = actual < limit or (sign == "<=" and actual == limit)
    return {
        "gate": name,
        "expected": f"{sign} {limit:.4g}",
        "actual": f"{actual:.4g}",
        "passed": passed,
    }


def disqualified(difference: float) -> str | None:
    """Why a candidate can't be served, or None: its graph must answer as its estimator does."""
    if difference <= TOLERANCE:
        return None
    return f"its ONNX graph differs from the estimator by {difference:.1e} on validation rows"


def evaluate(
    results: list[dict[str, Any]],
    failures: dict[str, str],
    winner: dict[str, Any],
    judged: dict[str, Any],
    served: dict[str, Any],
) -> dict[str, Any]:
    """What is known of the winner and its competitors, as the bundle keeps it."""
    shown = gates(judged, served)
    return {
        "candidates": results,
        "failures": failures,
        "winner": winner["candidate"],
        "settings": winner["settings"],
        "metrics": {"validation": winner["metrics"], "test": judged["metrics"]},
        "baseline": {"validation": winner["baseline"], "test": judged["baseline"]},
        "gates": shown,
        "passed": all(gate["passed"] for gate in shown),
    }
