"""The numbers behind the made-up sessions: published ones, and those that were chosen.

A session with an add to cart is a buyer's or not, which is drawn first. Both kinds of visitor go
from action to action by a Markov chain; the chains, the ends, the pauses after the first add, how
often the added product is looked at again and the price of the first added product differ by kind.
Arrays that differ by kind have the other visitors at 0 and the buyers at 1.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

SEARCH, VIEW, DETAIL, ADD, REMOVE, PURCHASE = range(6)
"""The actions, in the order in which events of one time are put."""

STEPS = (0, 2, 4, 6, 8, 10)
"""The numbers of events after the first add at which the task asks."""

CART_SHARE = 214_585 / 4_934_699
BUYERS = 46_039 / 214_585

AT_ONCE = np.array([0.250, 0.0583])
"""Share of the sessions that have no event after the first add; 6 % of these purchase."""

ENDS = np.array([0.108, 0.109])
"""Chance that the event is the last one, for each further event after the first add."""

MOST_AFTER = 150
"""More events after the first add than this are not made."""

ADD_FIRST = 0.04
"""Share of the cart sessions that begin with the add."""

MORE_BEFORE = 3.37
"""Mean number of events before the first add beyond one, in the other cart sessions."""

BEFORE = np.array(
    [  # from search, view, detail, add (never), remove (never), the start
        [
            [0.100, 0.380, 0.520, 0, 0],
            [0.048, 0.512, 0.440, 0, 0],
            [0.040, 0.400, 0.560, 0, 0],
            [0.040, 0.480, 0.480, 0, 0],
            [0.040, 0.480, 0.480, 0, 0],
            [0.040, 0.560, 0.400, 0, 0],
        ],
        [
            [0.120, 0.370, 0.510, 0, 0],
            [0.064, 0.496, 0.440, 0, 0],
            [0.055, 0.390, 0.555, 0, 0],
            [0.040, 0.480, 0.480, 0, 0],
            [0.040, 0.480, 0.480, 0, 0],
            [0.050, 0.550, 0.400, 0, 0],
        ],
    ]
)
"""Chances of the next action before the first add; the event right before it is a detail."""

AFTER = np.array(
    [  # from search, view, detail, add, remove
        [
            [0.090, 0.340, 0.500, 0.040, 0.030],
            [0.045, 0.430, 0.427, 0.038, 0.060],
            [0.045, 0.343, 0.500, 0.067, 0.045],
            [0.035, 0.425, 0.440, 0.025, 0.075],
            [0.060, 0.365, 0.440, 0.035, 0.100],
        ],
        [
            [0.110, 0.470, 0.376, 0.034, 0.010],
            [0.045, 0.660, 0.258, 0.025, 0.012],
            [0.055, 0.516, 0.355, 0.061, 0.013],
            [0.030, 0.720, 0.215, 0.025, 0.010],
            [0.080, 0.440, 0.340, 0.110, 0.030],
        ],
    ]
)
"""Chances of the next action after the first add."""

PAUSE_SHAPE = 0.7
PAUSE_BEFORE = 65.0
PAUSE_AFTER = np.array([78.0, 52.0])
"""Mean pauses in seconds beyond `SHORTEST_PAUSE`; they are gamma distributed with one shape."""

SHORTEST_PAUSE = 1_000
LONGEST_PAUSE = 29 * 60 * 1_000
"""In milliseconds: two events of a session are a second apart, and less than half an hour."""

AGAIN = np.array([0.18, 0.30])
"""Chance that a product page after the first add is the one of the first added product."""

PRICE_TILT = 0.06
"""By how much the log of the chance of a buyer's first added product falls for a price bucket."""


def pauses(rng: np.random.Generator, mean: Array) -> Array:
    """Pauses in whole milliseconds around means in seconds, int64 of the same shape."""
    seconds = rng.standard_gamma(PAUSE_SHAPE, mean.shape) * (mean / PAUSE_SHAPE)
    milliseconds = SHORTEST_PAUSE + (seconds * 1_000).astype(np.int64)
    return np.minimum(milliseconds, LONGEST_PAUSE)
