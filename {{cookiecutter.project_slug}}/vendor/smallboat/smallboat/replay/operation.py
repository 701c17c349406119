"""One policy in operation: predict, learn the outcomes, judge, retrain, release."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from .calendar import Moment
from .monitor import Monitor
from .policies import Due

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]


class Served(Protocol):
    """What is released: a `protocol.Release`, or what a test puts in its place."""

    @property
    def facts(self) -> Json:
        """With `model_hash`, the `promise` of its evaluation, and the `reference`."""

    def predict(self, rows: pd.DataFrame, /) -> Array:
        """Its answers, shape [n] or [n, classes]."""


class Retrain(Protocol):
    """Trains before a day, and compares with the champion."""

    def __call__(self, day: pd.Timestamp, champion: Any, /) -> tuple[Any, str]:
        """The new release, or None if the champion is kept; and why."""


@dataclass
class Record:
    """What a policy did.

    Attributes:
        predicted: of all rows of the replay, shape [n] or [n, classes].
        retrainings: `day`, `outcome` (released or kept), `message` and `drift` of each.
        windows: what the monitor said.
    """

    predicted: Array
    retrainings: list[Json] = field(default_factory=list)
    windows: list[Json] = field(default_factory=list)


def operate(
    live: pd.DataFrame,
    moments: list[Moment],
    first: Served,
    due: Due,
    retrain: Retrain,
    monitor: Monitor,
) -> Record:
    """Run a policy through all moments.

    Args:
        live: the rows of the replay.
        moments: when they are predicted.
        first: the release that is served at the first moment.
        due: when the policy retrains.
        retrain: trains on all that is known before a day.
        monitor: a new one.
    """
    served, last = first, moments[0].day
    answers, retrainings = [], []
    for moment in moments:
        if due(moment.day, last, monitor.asked):
            found, message = retrain(moment.day, served)
            told = {"day": f"{moment.day:%Y-%m-%d}", "drift": monitor.asked, "message": message}
            retrainings.append(told | {"outcome": "kept" if found is None else "released"})
            served, last = found or served, moment.day
            if found is not None:
                monitor.released()
        rows = live.iloc[moment.rows]
        answers.append(served.predict(rows))
        monitor.add(served.facts, rows, answers[-1], f"{last:%Y-%m-%d}")
    return Record(np.concatenate(answers), retrainings, monitor.windows)
