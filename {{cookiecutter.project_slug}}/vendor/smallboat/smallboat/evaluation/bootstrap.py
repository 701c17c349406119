"""Intervals of a metric, by the bootstrap over groups (races, days).

Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13. Groups are drawn
whole, because the rows of a group depend on each other.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import UserError

Array = np.ndarray[Any, np.dtype[Any]]
Sums = Callable[[Array, Array], Array]

RESAMPLES = 10_000
MOST_GROUPS = 2_000
"""The draws of so many groups take 160 MB, and more of them hardly change an interval."""
SEED = 0


@lru_cache(maxsize=4)
def counts(groups: int) -> Array:
    """How often each group is drawn, shape [RESAMPLES, groups].

    The draws depend only on the number of groups, so differences between models that are measured
    on the same rows are paired. UserError if there are more than MOST_GROUPS.
    """
    check(groups)
    drawn = np.random.default_rng(SEED).multinomial(groups, [1 / groups] * groups, RESAMPLES)
    drawn = drawn.astype(np.float64)
    drawn.flags.writeable = False  # callers share it
    return drawn


def check(groups: int) -> None:
    """UserError if there are more groups than can be drawn."""
    if groups > MOST_GROUPS:
        raise UserError(
            f"{groups:,} groups are more than the {MOST_GROUPS:,} that intervals can be made of: "
            "make the column group coarser in features.py, such as 200 buckets by a hash of it"
        )


def interval(values: Array, coverage: float = 0.95) -> list[float]:
    """The percentile interval of a metric's resamples: its low and its high end."""
    tail = (1 - coverage) / 2
    return [float(end) for end in np.quantile(values, [tail, 1 - tail])]


def sums(group: Array, counts: Array) -> Sums:
    """What sums the rows of groups that are drawn so often.

    Args:
        group: the group of each row, from 0 on, shape [n].
        counts: how often each group is drawn, shape [draws, groups].

    Returns:
        A function of codes (whole numbers from 0 on) and values, both of shape [n]: the sums of the
        values by code in each draw, shape [draws, codes].
    """
    groups = counts.shape[1]

    def drawn(code: Array, values: Array) -> Array:
        codes = int(code.max()) + 1
        once = np.bincount(group * codes + code, values, minlength=groups * codes)
        summed: Array = counts @ once.reshape(groups, codes)
        return summed

    return drawn


def mean(values: Array, drawn: Sums) -> Array:
    """The mean of values, shape [n], in each draw of `sums`, shape [draws]."""
    whole = np.zeros(len(values), dtype=np.int64)
    found: Array = drawn(whole, values)[:, 0] / drawn(whole, np.ones(len(values)))[:, 0]
    return found
