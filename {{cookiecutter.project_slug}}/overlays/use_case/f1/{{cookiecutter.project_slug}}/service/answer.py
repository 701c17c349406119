"""The model's answers in words: places with their bands, and what moved each car."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..inputs import FEATURES, Array
from .schema import Request

Answer = dict[str, Any]
REASONS = 5
PODIUM = 3


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
        of held-out races a car predicted there ended between them), podium and win (shares).
    """
    order, size = _order(answers, features), len(answers)
    share = np.arange(size) / max(size - 1, 1)
    table = evaluation["calibration"]
    low, high, podium, win = (
        np.interp(share, table["share"], table[name]) for name in ("low", "high", "podium", "win")
    )
    columns = zip(
        order.tolist(),
        answers[order].tolist(),
        np.rint(1 + low * (size - 1)).astype(int).tolist(),
        np.rint(1 + high * (size - 1)).astype(int).tolist(),
        _shares(podium, PODIUM).tolist(),
        _shares(win, 1).tolist(),
        strict=True,
    )
    entries = request["grid"]
    return [
        {
            "position": position,
            "driver": entries[row]["driver"],
            "constructor": entries[row]["constructor"],
            "grid": entries[row]["grid"],
            "score": round(score, 4),
            "low": first,
            "high": last,
            "podium": round(podium_, 3),
            "win": round(win_, 3),
        }
        for position, (row, score, first, last, podium_, win_) in enumerate(columns, start=1)
    ]


def explain(
    answers: Array, features: Array, ask: Callable[[Array], Array]
) -> list[list[dict[str, Any]]]:
    """What moved each car most, in the order of `predictions`.

    Each feature in turn gets the mean of the race; `places` is how far the car lies from where it
    would be then (negative = the feature brings it forward). All are asked in one batch.

    Args:
        answers: of the model, shape [entries].
        features: what `features` returned.
        ask: the model: answers of shape [n] to features of shape [n, inputs].

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


def _shares(shares: Array, total: int) -> Array:
    """Shares that add up to the total, none above 1; all are 1 if there are no more cars."""
    if len(shares) <= total:
        return np.ones(len(shares))
    whole = np.zeros(len(shares), dtype=bool)
    while True:
        free = np.where(whole, 0.0, shares)
        scaled: Array = np.where(whole, 1.0, free * (total - whole.sum()) / free.sum())
        if scaled.max() <= 1.0 + 1e-9:
            return scaled
        whole |= scaled > 1.0
