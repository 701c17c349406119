"""What speaks for a purchase and what against it, beside a visit that is ordinary there."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from ..inputs import NAMES, Array, assemble
from .topics import TOPICS

REASONS = 6
LEAST = 0.1
"""Percentage points; what moves less is no reason."""
ORDINARY = (
    "five events to the first product in the cart and five after it, in five minutes, without a "
    "search, on a Wednesday afternoon, of medium price"
)
_CATALOG = {"first": [5, "one"], "second": [5, "one"], "third": [5, "other"]}
_BEGINS = 1_551_276_000_000  # 2019-02-27, 14:00 UTC
_STEPS = (
    (0, "view", None),
    (20, "detail", "first"),
    (50, "view", None),
    (90, "detail", "second"),
    (130, "add", "second"),
    (150, "view", None),
    (180, "detail", "third"),
    (220, "view", None),
    (260, "detail", "second"),
    (300, "view", None),
)


def explain(
    answers: Array, features: Array, ask: Callable[[Array], Array], online: Mapping[str, Any]
) -> list[list[dict[str, Any]]]:
    """What moved the answer most, in the order of `predictions`.

    Each topic in turn is as in the ordinary visit; all are asked in one batch.

    Args:
        answers: of the model, shape [n], n visits.
        features: what `features` returned, shape [n, len(NAMES)].
        ask: the model: answers of shape [m] to features of shape [m, len(NAMES)].
        online: not needed.

    Returns:
        For each visit up to REASONS topics, the strongest first: topic, about, says (of this
        visit), ordinary (of the ordinary one), points (percentage points by which the topic raises
        the probability).
    """
    ordinary, columns = _ordinary(), _columns()
    changed = np.repeat(features[None], len(TOPICS), axis=0)
    for topic, places in enumerate(columns):
        changed[topic][:, places] = ordinary[places]
    otherwise = ask(changed.reshape(-1, len(NAMES))).reshape(len(TOPICS), len(answers))
    points = 100.0 * (answers - otherwise)
    strongest = np.argsort(-np.abs(points), axis=0, kind="stable")[:REASONS]
    usual = dict(zip(NAMES, ordinary.tolist(), strict=True))
    told = []
    for visit, row in enumerate(features):
        values = dict(zip(NAMES, row.tolist(), strict=True))
        told.append(
            [
                {
                    "topic": TOPICS[topic].name,
                    "about": TOPICS[topic].about,
                    "says": TOPICS[topic].message(values),
                    "ordinary": TOPICS[topic].message(usual),
                    "points": round(float(points[topic, visit]), 1),
                }
                for topic in strongest[:, visit]
                if abs(points[topic, visit]) >= LEAST
            ]
        )
    return told


@cache
def _ordinary() -> Array:
    """The features of the ordinary visit, shape [len(NAMES)]."""
    events = [
        {"action": action, "time": _BEGINS + 1000 * seconds, "sku": sku}
        for seconds, action, sku in _STEPS
    ]
    values: Array = assemble({"events": events}, {"catalog": _CATALOG})[0][0]
    return values


@cache
def _columns() -> list[Array]:
    """The places in NAMES of each topic's features."""
    return [np.array([NAMES.index(name) for name in topic.features]) for topic in TOPICS]
