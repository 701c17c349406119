"""Metrics that are expected of calibrated probabilities before outcomes are known."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smallboat.evaluation import bootstrap, expected, probabilities
from smallboat.problem import Output

Array = np.ndarray[Any, np.dtype[Any]]
CLASSES = ("a", "b", "c")


def score(frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    drawn = bootstrap.sums(np.zeros(len(frame), dtype=np.int64), np.ones((1, 1)))
    target = frame["target"].to_numpy()
    measure = probabilities.measured_classes if predicted.ndim == 2 else probabilities.measured
    found = measure(target, predicted, drawn, len(frame))
    return {name: float(values[0]) for name, values in found.items()}


def problem(kind: str) -> Any:
    output: Any = Output("answer", "1", "", kind, classes=CLASSES if kind[-1] == "s" else ())  # type: ignore[arg-type]
    return SimpleNamespace(
        candidates=SimpleNamespace(OUTPUT=output), metrics=SimpleNamespace(score=score)
    )


def asked(rows: int, seed: int, hard: float = 1.0) -> tuple[Array, Array]:
    """Outcomes, and answers that exaggerate: their odds are too far from even."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.2, 1.5 * hard, rows)
    target = (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return target, 1 / (1 + np.exp(-1.7 * odds - 0.5))


def asked_classes(rows: int, seed: int) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    chances = random.dirichlet([2, 1, 1], rows)
    target = (random.random(rows)[:, None] > chances.cumsum(axis=1)).sum(axis=1)
    sharper = chances**1.5
    return target.astype(float), sharper / sharper.sum(axis=1, keepdims=True)


def estimated(kind: str, past: tuple[Array, Array], outputs: Array) -> Any:
    target, predicted = past
    curves = expected.calibration(target, predicted, np.arange(len(target)))
    frame = pd.DataFrame({"group": np.arange(len(outputs))})
    return expected.metrics(problem(kind), {"calibration": curves}, frame, outputs)


def test_it_tells_what_is_found_later_also_of_harder_requests() -> None:
    for hard in (1.0, 0.4):
        target, outputs = asked(20_000, 2, hard)
        found = estimated("probability", asked(8_000, 1), outputs)
        real = score(pd.DataFrame({"target": target}), outputs)
        for name in ("ap", "roc_auc", "log_loss"):
            assert found[name]["value"] == pytest.approx(real[name], abs=0.03), name
            assert found[name]["low"] < found[name]["value"] < found[name]["high"]


def test_without_calibration_the_answers_would_promise_too_much() -> None:
    target, outputs = asked(20_000, 2)
    found = estimated("probability", asked(8_000, 1), outputs)
    promised = expected.metrics(
        problem("probability"),
        {
            "calibration": [
                {"predicted": [0.1, 0.9], "observed": [0.1, 0.9], "rows": [1e9, 1e9], "effect": 1}
            ]
        },
        pd.DataFrame({"group": np.arange(len(outputs))}),
        outputs,
    )
    real = score(pd.DataFrame({"target": target}), outputs)["log_loss"]
    assert promised is not None
    assert promised["log_loss"]["value"] < real - 0.05
    assert found["log_loss"]["value"] == pytest.approx(real, abs=0.02)


def test_the_interval_holds_what_is_found_nineteen_times_of_twenty() -> None:
    hits = 0
    for seed in range(40):
        target, outputs = asked(500, 100 + seed)
        found = estimated("probability", asked(1_000, seed), outputs)["ap"]
        real = score(pd.DataFrame({"target": target}), outputs)["ap"]
        hits += found["low"] <= real <= found["high"]
    assert hits >= 34  # 95 % of 40 are 38; fewer than 34 have a chance of 1.4 %


def test_of_several_classes_each_is_calibrated() -> None:
    target, outputs = asked_classes(20_000, 2)
    found = estimated("probabilities", asked_classes(8_000, 1), outputs)
    real = score(pd.DataFrame({"target": target}), outputs)
    for name in ("log_loss", "error_rate", "macro_ap"):
        assert found[name]["value"] == pytest.approx(real[name], abs=0.03), name


def test_rows_of_a_group_that_end_alike_make_the_calibration_less_certain() -> None:
    target, outputs = asked(400, 1)
    five = (np.repeat(each, 5) for each in (target, outputs))
    (curve,) = expected.calibration(*five, np.repeat(np.arange(400), 5))
    assert curve["effect"] == pytest.approx(5, rel=0.25)


def test_only_probabilities_have_it_and_a_reference_without_calibration_has_none() -> None:
    frame, outputs = pd.DataFrame({"group": [1, 2]}), np.array([0.2, 0.4])
    curves = expected.calibration(*asked(1_000, 1), np.arange(1_000))
    assert expected.metrics(problem("value"), {"calibration": curves}, frame, outputs) is None
    assert expected.metrics(problem("probability"), {}, frame, outputs) is None
    empty = expected.metrics(
        problem("probability"), {"calibration": curves}, frame[:0], outputs[:0]
    )
    assert empty is None


def test_30_000_rows_take_a_second() -> None:
    _, outputs = asked(30_000, 2)
    started = time.perf_counter()
    estimated("probability", asked(8_000, 1), outputs)
    assert time.perf_counter() - started < 5  # 0.9 s on a quiet machine


def test_a_metric_that_some_outcomes_do_not_have_is_not_expected() -> None:
    """Few rows may be drawn without a single positive one."""
    curves = expected.calibration(*asked(500, 1), np.arange(500))
    few = problem("probability")
    few.metrics.score = lambda frame, _: {"share": 1 / frame["target"].sum()}
    frame = pd.DataFrame({"group": [0, 1]})
    with np.errstate(divide="ignore"):
        assert expected.metrics(few, {"calibration": curves}, frame, np.full(2, 0.1)) is None
