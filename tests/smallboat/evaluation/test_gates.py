"""Each gate of training, broken by data or a model that has the fault it is there for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bundles import PLAIN
from smallboat.config import config
from smallboat.evaluation import gates, selection
from smallboat.problem import Output
from smallboat.store import bundle
from smallboat.training import splits, training
from toy import candidates, metrics
from toy.problem import PROBLEM

CANDIDATE = min(candidates.CANDIDATES, key=lambda each: each.complexity).name
LIMITS = config.load(PROBLEM, "local").gates.model_dump()


def failed(parts: splits.Split, limits: dict[str, Any] = LIMITS) -> dict[str, str]:
    """Train and evaluate a candidate as the flow does; the gates that fail and what they found."""
    results = [training.search(PROBLEM, CANDIDATE, parts.train, parts.validation, 1)]
    winner = selection.choose(results, {})
    evaluated = training.evaluate_winner(PROBLEM, winner, parts, 1, limits["slice_rows"])
    served = training.refit(PROBLEM, winner, pd.concat([parts.past, parts.test]), 1)
    size = sum(len(content) for content in bundle.files(served, evaluated, {}).values())
    decided = gates.decide(evaluated, served, {"errors": 0}, size, limits)
    return {gate["gate"]: gate["actual"] for gate in decided if not gate["passed"]}


def test_an_honest_candidate_passes(parts: splits.Split) -> None:
    assert failed(parts) == {}


def test_a_feature_that_leaks(parts: splits.Split) -> None:
    """The target stands in a column that the baseline does not read."""
    column = next(name for name in training.columns(PROBLEM) if name not in PLAIN)
    leaking = [
        part.assign(**{column: part["target"].astype("float32")})
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert set(failed(splits.Split(*leaking))) == {"no leakage"}


def test_a_candidate_worse_than_the_baseline(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "baseline", lambda frame: frame["target"].to_numpy(float))
    assert "not worse than the baseline" in failed(parts)


def test_a_slice_that_is_much_worse_than_the_baseline(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the baseline knows the outcome in one slice, a model that does not is bad there."""
    by = metrics.SLICES[-1]
    value = parts.test[by].value_counts().index[0]
    honest = metrics.baseline
    monkeypatch.setattr(
        metrics,
        "baseline",
        lambda frame: np.where(frame[by] == value, frame["target"], honest(frame)),
    )
    found = failed(parts)
    assert set(found) == {"worst slice against the baseline"}
    assert f"({by} {value}, " in found["worst slice against the baseline"]


@pytest.mark.parametrize("more", [0, 1])
def test_a_class_with_few_test_rows(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """On a few rows of a class a metric is chance, however many rows the others have."""
    late = np.sort(parts.test["target"])[-29 - more]
    rare = [
        part.assign(target=(part["target"] >= late).astype(np.float64))
        for part in (parts.train, parts.validation, parts.test)
    ]
    monkeypatch.setattr(candidates, "OUTPUT", replace(candidates.OUTPUT, kind="probability"))
    monkeypatch.setattr(metrics, "baseline", lambda frame: np.full(len(frame), 0.15))
    assert LIMITS["class_rows"] == 30  # the toy's configuration says nothing
    gate = "rows of each class in the test part"
    assert failed(splits.Split(*rare)).get(gate) == (None if more else "29 rows of class 1")


@pytest.fixture
def crooked(parts: splits.Split, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the candidate answer some rows otherwise than its graph does."""

    def spoil(rows: pd.DataFrame, difference: float = 0.5) -> None:
        known = {row.tobytes() for row in rows[training.columns(PROBLEM)].to_numpy(np.float32)}
        straight = bundle.answers

        def crooked(fitted: Any, inputs: bundle.FloatArray, output: Output) -> Any:
            answers = straight(fitted, inputs, output)
            spoilt = [row.tobytes() in known for row in inputs]
            return np.where(spoilt, answers + difference, answers)

        monkeypatch.setattr(bundle, "answers", crooked)

    return spoil


def test_an_export_that_differs_on_validation_rows_is_no_winner(
    parts: splits.Split, crooked: Any
) -> None:
    crooked(parts.validation.tail(1))
    result = training.search(PROBLEM, CANDIDATE, parts.train, parts.validation, 1)
    parity = 0.5 / result["held_out"]["predicted"].std()
    assert result["disqualified"] == (
        f"its ONNX graph differs from the estimator by {parity:.1e} standard deviations of its "
        "answers on validation rows"
    )


def test_the_unit_of_the_target_decides_no_gate(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch, crooked: Any
) -> None:
    """In dollars, a million times larger, a sound float32 graph is off by more than 1e-4."""
    dollars = splits.Split(
        *(
            part.assign(target=1e6 * part["target"])
            for part in (parts.train, parts.validation, parts.test)
        )
    )
    honest = metrics.baseline
    monkeypatch.setattr(metrics, "baseline", lambda frame: 1e6 * honest(frame))
    limits = LIMITS | {"slice_margin": 1e6 * LIMITS["slice_margin"]}
    assert failed(dollars, limits) == {}
    crooked(dollars.test.tail(1), 2 * gates.TOLERANCE * dollars.test["target"].std())
    assert set(failed(dollars, limits)) == {
        "parity of the evaluation model",
        "parity of the served model",
    }


def test_an_export_that_differs_on_test_rows(parts: splits.Split, crooked: Any) -> None:
    crooked(parts.test.tail(1))
    assert set(failed(parts)) == {"parity of the evaluation model", "parity of the served model"}


def test_a_bundle_that_is_too_large(parts: splits.Split) -> None:
    assert set(failed(parts, limits=LIMITS | {"bundle_mib": 0.001})) == {"bundle size in MiB"}
