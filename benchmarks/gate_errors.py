"""How often each gate stops a model that is as good, and how often it finds one that is worse.

Run in the template's environment: python benchmarks/gate_errors.py
Errors of races are drawn, and the library's own functions decide. The baseline's error is 3.4
places (0.5 from race to race) and the model's differs from it by 0.58 from race to race, as for f1
on 2014 to 2024. A slice of a constructor has two cars a race, which differ by 1.8. The rates of the
comparison with the champion are in tests/smallboat/evaluation/test_comparison.py.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from smallboat.evaluation import evaluation, gates

SAMPLES, SLICED_SAMPLES = 1000, 300  # the second are of 39 slices each
ERROR, RACE, MODEL, TEAM = 3.4, 0.5, 0.58, 1.8
SLICES = [(22, MODEL)] * 4 + [(4, MODEL)] * 24 + [(88, TEAM)] * 10
"""Races of each season, circuit and constructor in four held-out seasons, and how they vary."""
LIMITS = {"leakage": 0.5, "slice_margin": 1.0, "bundle_mib": 50.0}
Array = np.ndarray[Any, np.dtype[Any]]
Draw = Callable[[np.random.Generator], list[dict[str, Any]]]


def resampled(frame: pd.DataFrame, errors: Array, counts: Array) -> dict[str, Array]:
    """The mean error in each resample; the answers of these models are their errors."""
    return {"mae": (counts @ errors) / len(frame)}


METRICS = SimpleNamespace(
    PRIMARY="mae",
    SLICES=("slice",),
    baseline=lambda frame: frame["baseline"].to_numpy(),
    loss=lambda frame, errors: errors,
    resampled=resampled,
    score=lambda frame, errors: {"mae": float(errors.mean())},
)
PROBLEM: Any = SimpleNamespace(metrics=METRICS)


def races(rng: np.random.Generator, number: int, worse: float, spread: float) -> pd.DataFrame:
    """The errors of the baseline, and of a model that is so much worse on average."""
    baseline = rng.normal(ERROR, RACE, number)
    model = baseline + rng.normal(worse, spread, number)
    columns = {"group": np.arange(number), "baseline": baseline, "model": model}
    return pd.DataFrame(columns).assign(slice="all")


def decided(frame: pd.DataFrame, sliced: pd.DataFrame) -> list[dict[str, Any]]:
    """The gates of a run on its test races, and on the slices of its held-out races."""
    evaluated = {
        **evaluation.against_baseline(PROBLEM, frame, frame["model"].to_numpy()),
        "slices": evaluation.slices(PROBLEM, sliced, sliced["model"].to_numpy(), 1),
        "parity": 0.0,
    }
    return gates.decide(evaluated, {"parity": 0.0}, {"errors": 0}, 0, LIMITS)


def tested(number: int, worse: float) -> Draw:
    """Runs with so many test races."""

    def draw(rng: np.random.Generator) -> list[dict[str, Any]]:
        frame = races(rng, number, worse, MODEL)
        return decided(frame, frame)

    return draw


def sliced(worse: float, slices: list[tuple[int, float]]) -> Draw:
    """Runs whose model is as good as the baseline, and in the first of the slices so much worse."""

    def draw(rng: np.random.Generator) -> list[dict[str, Any]]:
        parts = [
            races(rng, number, 0.0 if at else worse, spread).assign(slice=str(at))
            for at, (number, spread) in enumerate(slices)
        ]
        return decided(races(rng, 22, 0.0, MODEL), pd.concat(parts, ignore_index=True))

    return draw


def report(what: str, gate: str, draw: Draw, samples: int = SAMPLES) -> None:
    """Print in which share of the samples a gate stops the run, and in which it warns."""
    rng = np.random.default_rng(1)
    found = [next(each for each in draw(rng) if each["gate"] == gate) for _ in range(samples)]
    stopped = np.mean([not each["passed"] for each in found])
    warned = np.mean([bool(each["warning"]) for each in found])
    print(f"{gate:<34} {what:<44} stops {stopped:6.1%}, warns {warned:6.1%}", flush=True)


def main() -> None:
    """Print the error rates of all gates that chance can move."""
    for number in (10, 22):
        for worse in (-0.2, 0.0, 0.25, 0.5, 1.0):
            what = f"{number} races, worse by {worse:+.2f} places"
            report(what, "not worse than the baseline", tested(number, worse))
    for worse in (0.0, 1.0, 2.0, 3.0):
        what = f"39 slices, a circuit of 4 races worse by {worse:.0f}"
        slices = [(4, MODEL), *SLICES]
        report(what, "worst slice against the baseline", sliced(worse, slices), SLICED_SAMPLES)
    for worse in (1.0, 1.5, 2.0):
        what = f"39 slices, a constructor worse by {worse:.1f}"
        slices = [(88, TEAM), *SLICES]
        report(what, "worst slice against the baseline", sliced(worse, slices), SLICED_SAMPLES)
    for share in (0.8, 0.5, 0.4, 0.1):
        what = f"10 races, {share:.0%} of the baseline's error"
        report(what, "no leakage", tested(10, (share - 1) * ERROR))


if __name__ == "__main__":
    main()
