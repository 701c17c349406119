"""The model's answer in words: how likely a purchase is, how sure that is, and what to do."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..inputs import NAMES, Array
from .schema import Request

Answer = dict[str, Any]
APPROACH, WAIT = "approach", "wait"
AFTER = NAMES.index("after")
EVEN = {"threshold": 0.5}
"""Where the configuration states no costs, both mistakes cost the same."""


def predictions(
    request: Request, answers: Array, features: Array, evaluation: Mapping[str, Any]
) -> list[Answer]:
    """What the model says of the visit.

    Args:
        request: the visit so far.
        answers: of the model, shape [1]: the probability of a purchase.
        features: what `features` returned for the request.
        evaluation: of the model; its `calibration` is that of `metrics.calibration`, its `decision`
            what `metrics.decide` did, if the configuration states costs.

    Returns:
        One: probability, low and high (95 % interval of the share of held-out sessions with such a
        probability that purchased), decision (APPROACH from the threshold on, else WAIT),
        threshold, events_after (events after the first add).
    """
    probability, curve = float(answers[0]), evaluation["calibration"]
    low, high = (
        float(np.interp(probability, curve["predicted"], curve[end])) for end in ("low", "high")
    )
    threshold = float(evaluation.get("decision", EVEN)["threshold"])
    return [
        {
            "probability": round(probability, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "decision": APPROACH if probability >= threshold else WAIT,
            "threshold": round(threshold, 4),
            "events_after": int(features[0, AFTER]),
        }
    ]
