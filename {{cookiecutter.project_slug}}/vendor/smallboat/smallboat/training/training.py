"""What the steps of the training flow call: search, evaluate, refit."""

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from ..errors import UserError
from ..evaluation import evaluation, reference, selection
from ..problem import Feature, Output, Problem
from ..store import bundle, converters
from ..words import counted
from .splits import Split

Result = dict[str, Any]
CURVE_EVERY = 5


def columns(problem: Problem) -> list[str]:
    """The names of a model's inputs, in their order."""
    return [feature.name for feature in problem.features.FEATURES]


def candidate_names(problem: Problem) -> list[str]:
    """The candidates, in the order in which they start; UserError if they can't be served."""
    if reason := bundle.unservable(problem.candidates.OUTPUT):
        raise UserError(f"candidates.OUTPUT: {reason}")
    return [candidate.name for candidate in problem.candidates.CANDIDATES]


def fit(
    problem: Problem, name: str, settings: Mapping[str, Any], frame: pd.DataFrame, seed: int
) -> Any:
    """Fit one setting of a candidate on a feature table; returns the estimator."""
    candidate = problem.candidate(name)
    return problem.candidates.fit(candidate, settings, frame, columns(problem), seed)


def predict(problem: Problem, fitted: Any, frame: pd.DataFrame) -> bundle.FloatArray:
    """An estimator's answers to a table, as `bundle.answers` returns them."""
    return bundle.answers(fitted, inputs(problem, frame), problem.candidates.OUTPUT)


def inputs(problem: Problem, frame: pd.DataFrame) -> bundle.FloatArray:
    """What a model sees of a feature table, float32 of shape [len(frame), inputs]."""
    return frame[columns(problem)].to_numpy(dtype=np.float32)


def search(
    problem: Problem, name: str, train: pd.DataFrame, validation: pd.DataFrame, seed: int
) -> Result:
    """Fit each setting of a candidate on train and keep the best on validation.

    A candidate that has no ONNX graph, or whose graph does not answer as the estimator does, is
    disqualified; UserError if the estimator doesn't fit OUTPUT.

    Returns:
        Plain values for people, and under `held_out` what the choice of a winner and its evaluation
        need: the best setting's `predicted`, shape [len(validation)], and the resamples of PRIMARY.
    """
    candidate, primary = problem.candidate(name), problem.metrics.PRIMARY
    trials = []
    best: tuple[Any, Any, Any] | None = None
    for settings in candidate.grid:
        started = time.perf_counter()
        model = fit(problem, name, settings, train, seed)
        answers = predict(problem, model, validation)
        scores = evaluation.score(problem, validation, answers)
        seconds = round(time.perf_counter() - started, 3)
        trials.append({"settings": settings, **scores, "seconds": seconds})
        if best is None or scores["score"] < best[0]["score"]:
            best = trials[-1], model, answers
    assert best is not None, f"{name} has an empty grid"
    trial, fitted, predicted = best
    resampled = evaluation.resample(problem, validation, predicted)
    fits, best_score = counted(len(trials), "fit"), f"{primary} {trial['score']:.3f}"
    print(f"{name}: {fits}, best {best_score} on validation with {trial['settings']}")
    return {
        "candidate": name,
        "complexity": candidate.complexity,
        "trials": trials,
        **trial,
        "intervals": evaluation.intervals(resampled),
        "learning_curve": _learning_curve(problem, fitted, validation),
        "baseline": problem.metrics.score(validation, problem.metrics.baseline(validation)),
        "disqualified": _disqualified(problem, fitted, validation),
        "held_out": {"predicted": predicted, "resampled": resampled[primary]},
    }


def _disqualified(problem: Problem, fitted: Any, frame: pd.DataFrame) -> str | None:
    """Why a fitted estimator can't be served; None if it can."""
    try:
        parity = export(problem, fitted, frame)["parity"]
    except converters.ConversionError as error:
        return str(error)
    return selection.disqualified(parity)


def _learning_curve(problem: Problem, fitted: Any, frame: pd.DataFrame) -> list[tuple[int, float]]:
    """Boosting rounds and PRIMARY after them; empty for a family that has no rounds."""
    rounds = problem.candidates.rounds(fitted, frame, columns(problem), CURVE_EVERY)
    return [(done, evaluation.score(problem, frame, answer)["score"]) for done, answer in rounds]


def export(problem: Problem, fitted: Any, frame: pd.DataFrame) -> Result:
    """A fitted estimator as an ONNX graph, and the parity of the two on a table."""
    graph = bundle.to_onnx(fitted, len(columns(problem)), problem.candidates.OUTPUT)
    with converters.explained(fitted):  # onnxruntime checks a graph when it runs
        answers = bundle.predict(graph, inputs(problem, frame))
    return {"onnx": graph, "parity": bundle.parity(answers, predict(problem, fitted, frame))}


def evaluate_winner(
    problem: Problem,
    winner: Result,
    parts: Split,
    seed: int,
    slice_rows: int,
    costs: Mapping[str, float] | None = None,
) -> Result:
    """Fit the winner's settings on the past, and compare it with the baseline on the test rows.

    Slices, the calibration and the reference need more rows than one period has: they use all
    held-out rows, each predicted by a model that had not seen it. With `costs` (the table
    [decision]) there is a `decision`, made on validation rows: test rows choose nothing.
    """
    decision = {}
    if costs:
        predicted = winner["held_out"]["predicted"]
        made = _decide(problem)(parts.validation, predicted, costs)
        decision = {"decision": made} if made else {}
    fitted = fit(problem, winner["candidate"], winner["settings"], parts.past, seed)
    exported = export(problem, fitted, parts.test)
    predicted = predict(problem, fitted, parts.test)
    held_out = np.concatenate([winner["held_out"]["predicted"], predicted])
    return {
        **exported,
        **evaluation.against_baseline(problem, parts.test, predicted),
        **_newest("evaluation_trained_until", parts.past),
        "calibration": problem.metrics.calibration(parts.held_out, held_out),
        "reference": reference.to_json(reference.sketch(problem, parts.held_out, held_out)),
        "slices": evaluation.slices(problem, parts.held_out, held_out, slice_rows),
        "importance": evaluation.importance(
            problem, exported["onnx"], parts.test, columns(problem), seed
        ),
        "class_rows": evaluation.class_rows(problem, parts.test),
        "predicted": problem.metrics.as_target(parts.test, predicted),
        **decision,
        **_calibration_metrics(problem, winner, parts, predicted),
    }


def _calibration_metrics(
    problem: Problem, winner: Result, parts: Split, predicted: bundle.FloatArray
) -> Result:
    """How good the shown probabilities and ranges are on test rows; empty if it is not measured.

    What makes them out of answers is fitted on validation rows: the served one, which is fitted on
    all held-out rows, has seen the test rows.
    """
    measure = getattr(problem.metrics, "calibration_metrics", None)
    if measure is None:
        return {}
    calibration = problem.metrics.calibration(parts.validation, winner["held_out"]["predicted"])
    groups = measure(parts.test, predicted, calibration, parts.past)
    return {"calibration_metrics": evaluation.calibration_metrics(*groups)}


def _decide(problem: Problem) -> Any:
    """`metrics.decide`; UserError if there is none."""
    decide = getattr(problem.metrics, "decide", None)
    if decide is None:
        raise UserError("there is a table [decision], but metrics.py has no function `decide`")
    return decide


def refit(problem: Problem, winner: Result, frame: pd.DataFrame, seed: int) -> Result:
    """Fit the winner's settings on all rows: the model that is served, and its signature."""
    fitted = fit(problem, winner["candidate"], winner["settings"], frame, seed)
    return {**export(problem, fitted, frame), "signature": signature(problem, winner, frame)}


def signature(problem: Problem, winner: Result, frame: pd.DataFrame) -> Result:
    """What the served model takes and answers, and how far its training data reached, if known."""
    return {
        "candidate": winner["candidate"],
        "settings": winner["settings"],
        **interface(problem),
        "trained_rows": len(frame),
        **_newest("trained_until", frame),
    }


def _newest(name: str, frame: pd.DataFrame) -> dict[str, str]:
    """The newest date of a table under that name; empty if it has no dates."""
    return {name: str(frame["date"].max().date())} if "date" in frame else {}


def interface(problem: Problem) -> Result:
    """The part of a signature that the problem states: inputs and output."""
    return {
        "inputs": [_field(feature) for feature in problem.features.FEATURES],
        "output": _field(problem.candidates.OUTPUT),
    }


def _field(described: Feature | Output) -> Result:
    """An input or the output of a model as the signature lists it: without what is the default.

    So a library that knows more of inputs makes the same model hashes.
    """
    known = {
        field.name: getattr(described, field.name)
        for field in fields(described)
        if getattr(described, field.name) != field.default
    }
    return {"type": "float32", **known}
