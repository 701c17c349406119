"""The best possible answer: the chance of a purchase given a session's events so far, by Bayes."""

import numpy as np

from . import behaviour
from .behaviour import DETAIL, STEPS, Array
from .carts import START, Carts
from .shop import Shop


def posteriors(carts: Carts, shop: Shop) -> tuple[Array, Array]:
    """The chance of a purchase after 0, 2 … 10 events after the first add.

    Returns:
        The chances, float64 [sessions, steps], and which of them are of rows of the task: a session
        has the steps up to its events, bool of the same shape.
    """
    evidence = np.cumsum(_transitions(carts) + _pauses(carts) + _pages(carts), axis=1)
    steps = np.array(STEPS)
    place = np.minimum(carts.before[:, None] + steps, carts.action.shape[1] - 1)
    prior = np.log(behaviour.BUYERS / (1 - behaviour.BUYERS)) + shop.tilt[carts.added]
    odds = prior[:, None] + np.take_along_axis(evidence, place, axis=1) + _stays(steps)
    return 1 / (1 + np.exp(-odds)), carts.after[:, None] >= steps


def _transitions(carts: Carts) -> Array:
    """What each action says, as log of its chance for buyers to that for others."""
    with np.errstate(divide="ignore", invalid="ignore"):
        early, late = (np.log(table[1] / table[0]) for table in (behaviour.BEFORE, behaviour.AFTER))
    place = np.arange(carts.action.shape[1])
    before = carts.before[:, None]
    last = np.roll(carts.action, 1, axis=1).astype(np.intp)
    last[:, 0] = START
    said = np.where(
        place < before,
        early[last, carts.action],
        late[np.minimum(last, len(late) - 1), carts.action],
    )
    forced = (place == before) | (place == before - 1)
    return np.where(forced, 0.0, said)


def _pauses(carts: Carts) -> Array:
    """What each pause after the first add says: it is linear in the pause."""
    scale = behaviour.PAUSE_AFTER / behaviour.PAUSE_SHAPE
    seconds = (carts.pause - behaviour.SHORTEST_PAUSE) / 1_000
    said = behaviour.PAUSE_SHAPE * np.log(scale[0] / scale[1])
    said = said - seconds * (1 / scale[1] - 1 / scale[0])
    return np.where(_late(carts), said, 0.0)


def _pages(carts: Carts) -> Array:
    """What each product page after the first add says: of the added product, or of another."""
    again = np.log(behaviour.AGAIN[1] / behaviour.AGAIN[0])
    other = np.log((1 - behaviour.AGAIN[1]) / (1 - behaviour.AGAIN[0]))
    said = np.where(carts.sku == carts.added[:, None], again, other)
    return np.where(_late(carts) & (carts.action == DETAIL), said, 0.0)


def _stays(steps: Array) -> Array:
    """What it says that the session has so many events after the first add."""
    stays = (1 - behaviour.AT_ONCE[:, None]) * (1 - behaviour.ENDS[:, None]) ** (steps - 1)
    return np.where(steps == 0, 0.0, np.log(stays[1] / stays[0]))


def _late(carts: Carts) -> Array:
    late: Array = np.arange(carts.action.shape[1]) > carts.before[:, None]
    return late
