"""Rules about metrics and candidates, on a few rows."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation import selection
from ..problem import Candidate, Output
from ..store import bundle
from ..training import splits, training
from .sample import Rule, Sample, array, described, plain

if TYPE_CHECKING:
    import pandas as pd

FEW = 2000
"""Rows that a candidate is fitted on."""


def _split(sample: Sample) -> Iterable[str]:
    options = sample.settings.training.model_dump()
    sample.parts = splits.split(splits.recent(sample.frame, options["periods"]), options)
    return ()


def _baseline(sample: Sample) -> Iterator[str]:
    rows = sample.parts.validation
    baseline = sample.problem.metrics.baseline(rows)
    yield from sample.keep("baseline", baseline, array(baseline, len(rows), sample.classes))


def _as_target(sample: Sample) -> Iterator[str]:
    rows = sample.parts.validation
    yield from array(sample.problem.metrics.as_target(rows, sample.baseline), len(rows))


def _loss(sample: Sample) -> Iterator[str]:
    rows = sample.parts.validation
    yield from array(sample.problem.metrics.loss(rows, sample.baseline), len(rows))


def _score(sample: Sample) -> Iterator[str]:
    metrics, rows = sample.problem.metrics, sample.parts.validation
    scores = metrics.score(rows, sample.baseline)
    if not isinstance(scores, dict):
        yield f"returns {type(scores).__name__}; a dict of numbers is needed"
        return
    for name, value in scores.items():
        if not isinstance(value, int | float) or not np.isfinite(value):
            yield f"{name} is {value!r}; a finite number is needed"
    if metrics.PRIMARY not in scores:
        yield f"{metrics.PRIMARY} is missing, which is PRIMARY"
        return
    sample.scores = scores
    target = rows["target"].to_numpy(dtype=np.float64)
    known = np.eye(sample.classes)[target.astype(int)] if sample.classes else target
    if np.array_equal(metrics.as_target(rows, known), target):  # else answers have another unit
        perfect, trivial = metrics.score(rows, known)[metrics.PRIMARY], scores[metrics.PRIMARY]
        if perfect > trivial:
            yield (
                f"{metrics.PRIMARY} is {perfect:.4g} for perfect answers and {trivial:.4g} for the "
                "baseline; PRIMARY must be lower for better answers"
            )


def _resampled(sample: Sample) -> Iterator[str]:
    metrics, rows = sample.problem.metrics, sample.parts.validation
    counts = np.ones((3, rows["group"].nunique()))
    scores, resampled = sample.scores, metrics.resampled(rows, sample.baseline, counts)
    if resampled.keys() != scores.keys():
        yield f"returns {', '.join(resampled)}; score returns {', '.join(scores)}"
    for name, values in resampled.items():
        yield from (f"{name}: {what}" for what in array(values, len(counts)))


def _output(sample: Sample) -> Iterator[str]:
    output = sample.problem.candidates.OUTPUT
    if not isinstance(output, Output):
        yield f"is {output!r}, which is no Output"
    elif reason := bundle.unservable(output):
        yield reason
    elif output.kind == "probabilities" and (unknown := _unknown(sample, len(output.classes))):
        yield (
            f"has {len(output.classes)} classes, but the target is also {unknown[0]:g}: it must be "
            f"the index of a class, 0 to {len(output.classes) - 1}"
        )
    else:
        sample.output = output


def _unknown(sample: Sample, classes: int) -> list[float]:
    """The targets that are no index of a class."""
    return sorted(set(sample.frame["target"].unique()) - set(range(classes)))


def _candidates(sample: Sample) -> Iterator[str]:
    sample.candidates = []
    for candidate in sample.problem.candidates.CANDIDATES:
        if not isinstance(candidate, Candidate):
            yield f"holds {candidate!r}, which is no Candidate"
        elif not candidate.grid:
            yield f"{candidate.name} has an empty grid"
        elif candidate.name in [other.name for other in sample.candidates]:
            yield f"names {candidate.name} more than once"
        else:
            sample.candidates.append(candidate)
    if not sample.problem.candidates.CANDIDATES:
        yield "is empty"


def _fit(sample: Sample) -> Iterator[str]:
    """Each candidate, with the first of its settings; the simplest one comes last and is kept."""
    train, output = _thinned(sample.parts.train), sample.output
    for candidate in sorted(sample.candidates, key=lambda one: -one.complexity):
        try:
            wrong = list(_fitted(sample, candidate, train, output))
        except Exception as error:
            wrong = [described(sample.problem, error)]
        yield from (f"{candidate.name}: {what}" for what in wrong)


def _fitted(
    sample: Sample, candidate: Candidate, train: "pd.DataFrame", output: Output
) -> Iterator[str]:
    problem, rows = sample.problem, sample.parts.validation
    fitted = training.fit(problem, candidate.name, candidate.grid[0], train, seed=0)
    predicted = training.predict(problem, fitted, rows)
    classes = sample.classes
    wrong = [what.replace("returns", "answers") for what in array(predicted, len(rows), classes)]
    if output.kind == "probability" and ((predicted < 0) | (predicted > 1)).any():
        wrong.append("answers numbers that are no probabilities, but OUTPUT is of kind probability")
    exported = training.export(problem, fitted, rows)
    wrong += filter(None, [selection.disqualified(exported["parity"])])
    print(f"  {candidate.name}: parity {exported['parity']:.1e}")
    for done, answers in problem.candidates.rounds(fitted, rows, sample.columns, 1):
        wrong += (f"rounds: after {done}: {what}" for what in array(answers, len(rows), classes))
        break
    yield from wrong
    if not wrong:
        sample.onnx, sample.predicted = exported["onnx"], predicted


def _thinned(frame: "pd.DataFrame") -> "pd.DataFrame":
    return frame.iloc[:: max(1, len(frame) // FEW)]


def _calibration(sample: Sample) -> Iterator[str]:
    fitted = sample.problem.metrics.calibration(sample.parts.validation, sample.predicted)
    yield from sample.keep("evaluation", {"calibration": fitted}, plain(fitted, "what it returns"))


def _decide(sample: Sample) -> Iterator[str]:
    if sample.settings.decision is None:
        return
    decide: Any = getattr(sample.problem.metrics, "decide", None)
    if decide is None:
        yield "is missing, but the configuration has the table [decision]"
        return
    costs = sample.settings.decision.model_dump()
    decision = decide(sample.parts.validation, sample.predicted, costs)
    evaluation = sample.evaluation | ({"decision": decision} if decision else {})
    yield from sample.keep("evaluation", evaluation, plain(decision, "what it returns"))


def _calibration_metrics(sample: Sample) -> Iterator[str]:
    measure: Any = getattr(sample.problem.metrics, "calibration_metrics", None)
    if measure is None or sample.baseline is None:  # a wrong baseline skips this rule, too
        return
    rows, past = sample.parts.validation, sample.parts.train
    model, trivial = measure(rows, sample.predicted, sample.evaluation["calibration"], past)
    if list(model) != list(trivial):
        yield f"the model has {', '.join(model)}; the trivial rule has {', '.join(trivial)}"
    for name in model:
        values = array(model[name].to_numpy(), rows["group"].nunique())
        yield from (f"{name}: {what}" for what in values)


RULES: tuple[tuple[str, Rule], ...] = (
    ("candidates.OUTPUT", _output),
    ("config [training]", _split),
    ("metrics.baseline", _baseline),
    ("metrics.as_target", _as_target),
    ("metrics.loss", _loss),
    ("metrics.score", _score),
    ("metrics.resampled", _resampled),
    ("candidates.CANDIDATES", _candidates),
    ("candidates.fit", _fit),
    ("metrics.calibration", _calibration),
    ("metrics.decide", _decide),
    ("metrics.calibration_metrics", _calibration_metrics),
)
