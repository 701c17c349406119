"""How good answers are, by the kind of a table's target; see `contract.Metrics`.

n is the number of rows, k that of classes. Answers have the shape [n], of several classes [n, k].
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation import bootstrap, probabilities, regression
from .schema import Table

Array = np.ndarray[Any, np.dtype[Any]]
FEWEST_DECIDED = 1_000
"""Of fewer rows, no threshold is chosen by what it costs on them."""
FEWEST_STEPS = 50
"""Of each of many classes, resamples tell so many probabilities apart; see `probabilities`."""


def score(table: Table, frame: pd.DataFrame, predicted: Array) -> dict[str, float]:
    """The metrics of answers.

    Returns:
        binary: those of `probabilities.measured`, `auc_error` (1 - `roc_auc`) and `error_rate` (of
        the likelier class); multiclass: those of `probabilities.measured_classes`; regression:
        those of `regression.measured`.
    """
    drawn = bootstrap.sums(np.zeros(len(frame), dtype=np.int64), np.ones((1, 1)))
    found = _measured(table, frame, predicted, drawn, len(frame))
    return {name: float(value[0]) for name, value in found.items()}


def resampled(
    table: Table, frame: pd.DataFrame, predicted: Array, counts: Array
) -> dict[str, Array]:
    """Each metric of `score`, shape [draws], for groups drawn `counts` times, [draws, groups]."""
    drawn = bootstrap.sums(frame["group"].factorize()[0], counts)
    steps = probabilities.STEPS // max(1, len(table.classes) - 1)
    return _measured(table, frame, predicted, drawn, max(FEWEST_STEPS, steps))


def _measured(
    table: Table, frame: pd.DataFrame, predicted: Array, drawn: bootstrap.Sums, most: int
) -> dict[str, Array]:
    """Each metric in each draw, shape [draws]."""
    target, answers = _target(frame), _checked(table, frame, predicted)
    if table.kind == "regression":
        return regression.measured(target, answers, drawn)
    if table.kind == "multiclass":
        return probabilities.measured_classes(target, answers, drawn, most)
    found = probabilities.measured(target, answers, drawn, most)
    wrong = bootstrap.mean(_classes(answers) != target, drawn)
    return found | {"auc_error": 1 - found["roc_auc"], "error_rate": wrong}


def loss(table: Table, frame: pd.DataFrame, predicted: Array) -> Array:
    """The error of each row, shape [n].

    0 or 1 if the error rate decides, else the logarithmic loss; of a regression the absolute error
    as a share of the mean one that the median has, so that limits hold for targets of any unit.
    """
    target, answers = _target(frame), _checked(table, frame, predicted)
    if table.kind == "regression":
        errors: Array = np.abs(answers - target) / regression.constant_mae(target)
    elif table.primary == "error_rate":
        errors = (_classes(answers) != target).astype(np.float64)
    else:
        errors = probabilities.log_losses(target, answers)
    return errors


def as_target(table: Table, frame: pd.DataFrame, predicted: Array) -> Array:
    """Answers in the unit of the target, shape [n]; of several classes the likeliest one."""
    answers = _checked(table, frame, predicted)
    return _classes(answers) if answers.ndim == 2 else answers


def _classes(answers: Array) -> Array:
    """The index of the likeliest class, shape [n]."""
    likeliest = answers.argmax(axis=1) if answers.ndim == 2 else answers >= 0.5
    return likeliest.astype(np.float64)


def calibration(table: Table, frame: pd.DataFrame, predicted: Array) -> dict[str, Any]:
    """What people are shown beside answers, from rows that the model has not seen.

    Returns:
        binary: see `probabilities.reliability`; multiclass: the same of the likeliest class;
        regression: `interval`, see `regression.interval`, relative if the logarithm is learned.
    """
    target, answers = _target(frame), _checked(table, frame, predicted)
    if table.kind == "regression":
        return {"interval": regression.interval(target, answers, table.log)}
    entity = frame["group"].to_numpy() if table.group else np.arange(len(frame))
    if table.kind == "multiclass":
        target, answers = (_classes(answers) == target).astype(np.float64), answers.max(axis=1)
    return probabilities.reliability(target, answers, entity)


def calibration_metrics(
    table: Table,
    frame: pd.DataFrame,
    predicted: Array,
    fitted: Mapping[str, Any],
    past: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of a regression: the share of a group's rows within the interval, and its mean width.

    The trivial rule answers the median of the past, with the interval that this had.
    """
    target, group, constant = _target(frame), frame["group"].to_numpy(), baseline(table, past)
    trivial = regression.interval(_target(past), constant, table.log)
    same = np.full(len(frame), constant[0])
    return (
        regression.covered(fitted["interval"], target, predicted, group),
        regression.covered(trivial, target, same, group),
    )


def decide(
    table: Table, frame: pd.DataFrame, predicted: Array, costs: Mapping[str, float]
) -> dict[str, float]:
    """Of a binary target: from which probability on to act, see `probabilities.cheapest`.

    Of few rows, chance decides which threshold is the cheapest. Then it is the one that would be,
    were the probabilities true: Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001.
    """
    if table.kind != "binary":
        return {}
    target, probability = _target(frame), _checked(table, frame, predicted)
    found = probabilities.cheapest(target, probability, costs)
    if len(frame) >= FEWEST_DECIDED:
        return found
    contact, missed = found["contact_cost"], found["missed_cost"]
    threshold = round(contact / (contact + missed), 6)
    paid = np.where(probability >= threshold, contact * (1 - target), missed * target)
    return found | {"threshold": threshold, "expected_cost": float(paid.mean())}


def baseline(table: Table, frame: pd.DataFrame) -> Array:
    """The same answer for all rows: the share of each class, the mean, or for mae the median.

    It is that of these rows: what is better is better than any constant answer.
    """
    target = _target(frame)
    if table.kind == "multiclass":
        shares = np.bincount(target.astype(np.int64), minlength=len(table.classes)) / len(target)
        return np.tile(shares, (len(target), 1))
    constant = np.median(target) if table.primary == "relative_mae" else target.mean()
    return np.full(len(target), constant)


def _checked(table: Table, frame: pd.DataFrame, predicted: Array) -> Array:
    """Answers as float64; ValueError if they are none."""
    if table.kind != "regression":
        return probabilities.checked(predicted, len(frame))
    answers = np.asarray(predicted, dtype=np.float64)
    if len(answers) != len(frame):
        raise ValueError(f"{len(answers)} predictions for {len(frame)} rows")
    if not np.isfinite(answers).all():
        raise ValueError("predictions that are not finite numbers can't be compared")
    return answers


def _target(frame: pd.DataFrame) -> Array:
    return frame["target"].to_numpy(dtype=np.float64)
