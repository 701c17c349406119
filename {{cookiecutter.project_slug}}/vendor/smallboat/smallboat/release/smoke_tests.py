"""Smoke tests of a release: correct answers, the invariants of the problem, latency."""

import math
import time
from typing import Any

from ..errors import CloudError, ReleaseError
from ..problem import Problem
from ..reports import report
from ..serving.servers import Invoke
from ..store import bundle
from ..store.release_bundle import Bundle

TOLERANCE = 1e-3
"""How far an answered number may be from the one that the release's own files give."""
REQUESTS = 20
"""How many requests measure the latency; one may be late."""


def check(problem: Problem, name: str, ask: Invoke, release: Bundle, latency_ms: float) -> None:
    """Send a server the questions of the problem, check its answers, and print each gate.

    Args:
        problem: the project's.
        name: of the check, for output and errors.
        ask: the server.
        release: the release that should answer.
        latency_ms: how long an answer may take.

    Raises:
        ReleaseError: a gate failed, or the server does not answer at all.
    """
    print(name, flush=True)
    try:
        gates = _gates(problem, ask, release, latency_ms)
    except ReleaseError as error:
        raise ReleaseError(f"{name} failed: {error}") from None
    except CloudError:  # AWS did not answer, which says nothing about the release
        raise
    except Exception as error:  # an answer can be wrong in any way
        reason = f"{type(error).__name__}: {error}"
        raise ReleaseError(f"{name} failed: the answers can't be read: {reason}") from error
    print("\n".join(map(report.gate, gates)), flush=True)
    failed = [f"{gate['gate']} (found {gate['actual']})" for gate in gates if not gate["passed"]]
    if failed:
        raise ReleaseError(f"{name} failed: {'; '.join(failed)}")


def _gates(
    problem: Problem, ask: Invoke, release: Bundle, latency_ms: float
) -> list[dict[str, Any]]:
    questions = problem.service.questions(release.online)

    def answers(requests: list[Any]) -> list[Any]:
        answer = ask({"requests": requests})
        if answer["model"]["release"] != release.release["release"]:
            expected = release.release["release"]
            raise ReleaseError(f"{answer['model']['release']} answers, not {expected}")
        return list(answer["results"])

    predictions = [result["predictions"] for result in answers(questions)]
    error = distance(predictions, _expected(problem, release, questions))
    invariants = problem.service.invariants(answers, release.online)
    milliseconds = [0.0]
    for number in range(REQUESTS):
        started = time.perf_counter()
        answers([questions[number % len(questions)]])
        milliseconds.append(1000 * (time.perf_counter() - started))
        second_longest = sorted(milliseconds)[-2]
        if second_longest > latency_ms:
            break
    return [
        _gate("answers match the release's files", error, TOLERANCE),
        *(
            {"gate": invariant, "expected": "yes", "actual": message, "passed": passed}
            for invariant, passed, message in invariants
        ),
        _gate("milliseconds of all answers but the slowest", second_longest, latency_ms),
    ]


def _gate(name: str, value: float, limit: float) -> dict[str, Any]:
    expected, actual = f"<= {limit:g}", f"{value:.3g}"
    return {"gate": name, "expected": expected, "actual": actual, "passed": value <= limit}


def _expected(problem: Problem, release: Bundle, questions: list[Any]) -> list[Any]:
    onnx = (release.folder / "model.onnx").read_bytes()
    expected = []
    for question in questions:
        features, _ = problem.service.features(question, release.online)
        answers = bundle.predict(onnx, features)
        expected.append(
            problem.service.predictions(question, answers, features, release.evaluation)
        )
    return expected


def distance(actual: Any, expected: Any) -> float:
    """The largest difference of numbers in two JSON values; infinite if anything else differs."""
    if isinstance(expected, dict) and isinstance(actual, dict) and actual.keys() == expected.keys():
        return max((distance(actual[key], expected[key]) for key in expected), default=0.0)
    if isinstance(expected, list) and isinstance(actual, list) and len(actual) == len(expected):
        return max(map(distance, actual, expected), default=0.0)
    numbers = all(isinstance(value, int | float) for value in (actual, expected))
    if numbers and math.isfinite(actual):
        return abs(float(actual) - float(expected))
    return 0.0 if actual == expected else math.inf
