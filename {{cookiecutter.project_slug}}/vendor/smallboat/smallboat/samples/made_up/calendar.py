"""When sessions begin: 91 days with the rhythm of a shop, in UTC."""

import datetime as dt

import numpy as np

from .behaviour import Array

FIRST = dt.date(2019, 1, 15)
DAYS = 91
DAY_MS = 86_400_000

HOURS = np.array(
    [62, 50, 36, 25, 18, 14, 13, 15, 20, 28, 38, 48, 58, 66, 72, 76, 78, 80, 84, 90, 96, 98, 90, 76]
)
"""Sessions by hour of the day, as weights."""

WEEKDAYS = np.array([1.08, 1.05, 1.03, 1.0, 0.92, 0.85, 1.0])
"""Sessions by day of the week from Monday on, as weights."""


def bounds() -> tuple[int, int]:
    """The first millisecond of the first day, and the last one of the last day."""
    begin = int(dt.datetime.combine(FIRST, dt.time(), dt.UTC).timestamp()) * 1_000
    return begin, begin + DAYS * DAY_MS - 1


def starts(share: Array) -> Array:
    """Where a share (0 to 1) of all sessions has begun: epoch milliseconds, int64."""
    weekday = (FIRST.weekday() + np.arange(DAYS)) % 7
    weights = (WEEKDAYS[weekday][:, None] * HOURS).ravel()
    begun = np.concatenate([[0.0], np.cumsum(weights) / weights.sum()])
    hours = np.interp(share, begun, np.arange(len(begun)))
    return bounds()[0] + (hours * 3_600_000).astype(np.int64)
