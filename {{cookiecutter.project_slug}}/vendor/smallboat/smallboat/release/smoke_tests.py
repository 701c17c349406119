"""Smoke tests of a release: correct answers, the invariants of the problem, latency."""

import math
import time
from typing import Any

from ..errors import CloudError, ReleaseError
from ..evaluation import gates
from ..problem import Problem
from ..reports import report
from ..serving.servers import Invoke
from ..store import bundle
from ..store.release_bundle import Bundle

TOLERANCE = 1e-3
"""How far an answered number may be from the one that the release's own files give."""
REQUESTS = 20
"""How many requests measure the latency; one may be late."""
LATENCY = "milliseconds of all answers but the slowest"

ANSWERS = "repeat it; if it fails again, the server has other packages than training: compare them"
INVARIANT = "correct the features or candidates, or the invariant itself in the project's `service`"
FASTER = "repeat it without other load, choose a smaller model, or raise release.latency_ms"


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
        decided = _gates(problem, ask, release, latency_ms)
    except ReleaseError as error:
        raise ReleaseError(f"{name} failed: {error}") from None
    except CloudError:  # AWS did not answer, which says nothing about the release
        raise
    except Exception as error:  # an answer can be wrong in any way
        reason = f"{type(error).__name__}: {error}"
        raise ReleaseError(f"{name} failed: the answers can't be read: {reason}") from error
    print("\n".join(map(report.gate, decided)), flush=True)
    if failed := gates.failures({"gates": decided}):
        raise ReleaseError(f"{name} failed: {failed}")


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
        gates.exact("answers match the release's files", error, "<=", TOLERANCE, ANSWERS),
        *(
            gates.gate(invariant, "yes", message, passed, INVARIANT)
            for invariant, passed, message in invariants
        ),
        gates.exact(LATENCY, second_longest, "<=", latency_ms, FASTER),
    ]


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
