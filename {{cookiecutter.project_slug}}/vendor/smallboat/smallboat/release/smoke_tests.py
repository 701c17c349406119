"""What a release must show when it is asked: right answers, what always holds, and in time."""

import math
import time
from pathlib import Path
from typing import Any

from ..errors import CloudError, ReleaseError
from ..problem import Problem
from ..reports import report
from ..serving.servers import Invoke
from ..store import bundle, store

TOLERANCE = 1e-3
"""How far an answered number may lie from the one that the release's own files give."""
ASKS = 20
"""How often it is asked for its latency; one answer may be late."""


def check(problem: Problem, when: str, ask: Invoke, folder: Path, latency_ms: float) -> None:
    """Ask a server what is known of the release in a folder, and print each gate.

    Args:
        problem: the project's.
        when: for people.
        ask: the server.
        folder: the release that should answer.
        latency_ms: how long an answer may take.

    Raises:
        ReleaseError: a gate is broken, or the server does not answer at all.
    """
    print(when, flush=True)
    try:
        gates = _gates(problem, ask, folder, latency_ms)
    except ReleaseError as error:
        raise ReleaseError(f"{when}: {error}") from None
    except CloudError:  # nobody answered
        raise
    except Exception as error:  # an answer can be wrong in any way
        told = f"{type(error).__name__}: {error}"
        raise ReleaseError(f"{when}: its answers can't be read: {told}") from error
    print("\n".join(map(report.gate, gates)), flush=True)
    broken = [f"{gate['gate']} (found {gate['actual']})" for gate in gates if not gate["passed"]]
    if broken:
        raise ReleaseError(f"{when} it failed: {'; '.join(broken)}")


def _gates(problem: Problem, ask: Invoke, folder: Path, latency_ms: float) -> list[dict[str, Any]]:
    release = store.read_json(folder / "release.json")["release"]
    online = store.read_json(folder / "online_features.json")
    questions = problem.service.questions(online)

    def answers(requests: list[Any]) -> list[Any]:
        answer = ask({"requests": requests})
        if answer["model"]["release"] != release:
            raise ReleaseError(f"{answer['model']['release']} answers, not {release}")
        return list(answer["results"])

    found = [result["predictions"] for result in answers(questions)]
    apart = distance(found, _expected(problem, folder, questions, online))
    invariants = problem.service.invariants(answers, online)
    taken = [0.0]
    for number in range(ASKS):
        started = time.perf_counter()
        answers([questions[number % len(questions)]])
        taken.append(1000 * (time.perf_counter() - started))
        late = sorted(taken)[-2]
        if late > latency_ms:
            break
    gates = [
        ("answers as its files give them", f"<= {TOLERANCE:g}", f"{apart:.3g}", apart <= TOLERANCE),
        *((name, "yes", message, passed) for name, passed, message in invariants),
        (
            "milliseconds of all answers but one",
            f"<= {latency_ms:g}",
            f"{late:.3g}",
            late <= latency_ms,
        ),
    ]
    names = ("gate", "expected", "actual", "passed")
    return [dict(zip(names, gate, strict=True)) for gate in gates]


def _expected(
    problem: Problem, folder: Path, questions: list[Any], online: dict[str, Any]
) -> list[Any]:
    onnx = (folder / "model.onnx").read_bytes()
    evaluation = store.read_json(folder / "evaluation.json")
    expected = []
    for question in questions:
        features, _ = problem.service.features(question, online)
        answers = bundle.predict(onnx, features)
        expected.append(problem.service.predictions(question, answers, features, evaluation))
    return expected


def distance(found: Any, expected: Any) -> float:
    """The largest difference of numbers in two JSON values; infinite if anything else differs."""
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        return max((distance(found[key], expected[key]) for key in expected), default=0.0)
    if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        return max(map(distance, found, expected), default=0.0)
    numbers = all(isinstance(value, int | float) for value in (found, expected))
    if numbers and math.isfinite(found):
        return abs(float(found) - float(expected))
    return 0.0 if found == expected else math.inf
