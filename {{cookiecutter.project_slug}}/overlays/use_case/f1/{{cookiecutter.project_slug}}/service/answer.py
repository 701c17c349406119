"""The model's answers in words: places, how sure they are, and what moved each car."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from smallboat import ranking

from ..inputs import FEATURES, Array
from .schema import Request

Answer = dict[str, Any]
REASONS = 5


class Outcomes(NamedTuple):
    """How a race may end for each car, the predicted winner first.

    Attributes:
        low: the first place of the range in which some 80 % of such cars ended, shape [cars].
        high: the last place of that range, shape [cars].
        win: probabilities, shape [cars].
        podium: probabilities, shape [cars].
    """

    low: Array
    high: Array
    win: Array
    podium: Array


def outcomes(scores: Array, calibration: Mapping[str, Any]) -> Outcomes:
    """How a race may end for cars with these scores.

    Args:
        scores: the model's answers, ascending, shape [cars].
        calibration: what `metrics.calibration` returned.
    """
    win, *_, podium = ranking.among_first(scores, calibration["temperatures"])
    return Outcomes(*ranges(len(scores), calibration), win, podium)


def ranges(size: int, calibration: Mapping[str, Any]) -> tuple[Array, Array]:
    """The first and the last place of each car's range in a race of `size` cars."""
    last = size - 1
    low, high = (
        np.interp(np.arange(size) / max(last, 1), calibration["share"], calibration[end]) * last
        for end in ("low", "high")
    )
    return 1 + np.rint(low).astype(int), 1 + np.rint(high).astype(int)


def predictions(
    request: Request, answers: Array, features: Array, evaluation: Mapping[str, Any]
) -> list[Answer]:
    """What the model says of each car, the predicted winner first.

    Args:
        request: the race.
        answers: of the model, shape [entries]; lower is better.
        features: what `features` returned for the request.
        evaluation: of the model; its `calibration` is what `metrics.calibration` returned.

    Returns:
        position, driver, constructor, grid, score (the model's answer), low and high (in some 80 %
        of held-out races a car predicted there ended between them), podium and win (probabilities).
    """
    order = _order(answers, features)
    columns = outcomes(answers[order], evaluation["calibration"])
    return [
        {
            "position": position,
            **{name: request["grid"][row][name] for name in ("driver", "constructor", "grid")},
            "score": round(score, 4),
            "low": low,
            "high": high,
            "podium": round(podium, 4),
            "win": round(win, 4),
        }
        for position, (row, score, low, high, win, podium) in enumerate(
            zip(*(values.tolist() for values in (order, answers[order], *columns)), strict=True), 1
        )
    ]


def explain(
    answers: Array, features: Array, ask: Callable[[Array], Array], online: Mapping[str, Any]
) -> list[list[dict[str, Any]]]:
    """What moved each car most, in the order of `predictions`.

    Each feature in turn gets the mean of the race; `places` is how far the car lies from where it
    would be then (negative = the feature brings it forward). All are asked in one batch.

    Args:
        answers: of the model, shape [entries].
        features: what `features` returned.
        ask: the model: answers of shape [n] to features of shape [n, inputs].
        online: not needed.

    Returns:
        For each car up to REASONS features, the strongest first: feature, description, value
        (in the feature's unit), places.
    """
    size, width = features.shape
    changed = np.repeat(features[None], width, axis=0)
    each = np.arange(width)
    changed[each, :, each] = features.mean(axis=0)[:, None]
    otherwise = ask(changed.reshape(-1, width)).reshape(width, size)
    # Places, not scores: a ranker's score has no unit.
    ladder, steps = np.sort(answers), np.arange(size)
    moved = np.interp(answers, ladder, steps) - np.interp(otherwise, ladder, steps)
    strongest = np.argsort(-np.abs(moved), axis=0, kind="stable")[:REASONS]
    return [
        [
            {
                "feature": FEATURES[feature].name,
                "description": FEATURES[feature].description,
                "value": round(float(features[row, feature]), 3),
                "places": round(float(moved[feature, row]), 2),
            }
            for feature in strongest[:, row]
            if abs(moved[feature, row]) >= 0.05
        ]
        for row in _order(answers, features)
    ]


def _order(answers: Array, features: Array) -> Array:
    """Rows by answer; equal ones as they start, so the order of the request's rows is nothing."""
    return np.lexsort((features[:, 0], np.round(answers, 5)))
