"""Sessions with an add to cart: what the visitors do, without what a log adds to it."""

from dataclasses import dataclass

import numpy as np

from . import behaviour
from .behaviour import ADD, DETAIL, REMOVE, Array
from .shop import Shop

START = 5
"""Where the chances of the first action stand in `behaviour.BEFORE`."""


@dataclass(frozen=True)
class Carts:
    """Cart sessions up to the purchase, or whole: arrays [sessions] and [sessions, events].

    An event of a session stands at its position from 0; behind the last one stands nothing of use.
    """

    buyer: Array  # bool
    before: Array  # events before the first add: the position of the add
    after: Array  # events after it
    added: Array  # product of the first add
    action: Array  # int8
    sku: Array  # int32, of use for product actions
    pause: Array  # int64, milliseconds since the event before; 0 at the first one

    @property
    def made(self) -> Array:
        """Which positions hold an event, bool [sessions, events]."""
        length = self.before + 1 + self.after
        result: Array = np.arange(self.action.shape[1]) < length[:, None]
        return result


def make(rng: np.random.Generator, sessions: int, shop: Shop) -> Carts:
    """So many cart sessions."""
    buyer = rng.random(sessions) < behaviour.BUYERS
    kind = buyer.astype(np.intp)
    more = rng.geometric(1 / (1 + behaviour.MORE_BEFORE), sessions)
    before = np.where(rng.random(sessions) < behaviour.ADD_FIRST, 0, more)
    after = rng.geometric(behaviour.ENDS[kind])
    after = np.where(rng.random(sessions) < behaviour.AT_ONCE[kind], 0, after)
    after = np.minimum(after, behaviour.MOST_AFTER)
    before = np.minimum(before, behaviour.MOST_AFTER)
    added = shop.first_added(rng, buyer)
    action = _actions(rng, kind, before, int((before + 1 + after).max(initial=1)))
    late = np.arange(action.shape[1]) > before[:, None]
    mean = np.where(late, behaviour.PAUSE_AFTER[kind][:, None], behaviour.PAUSE_BEFORE)
    pause = behaviour.pauses(rng, mean)
    pause[:, 0] = 0
    sku = _products(rng, shop, kind, before, added, action)
    return Carts(buyer, before, after, added, action, sku, pause)


def _actions(rng: np.random.Generator, kind: Array, before: Array, length: int) -> Array:
    """Go through both chains, int8 [sessions, length]."""
    early, late = (np.cumsum(table, axis=2) for table in (behaviour.BEFORE, behaviour.AFTER))
    action = np.empty((len(kind), length), dtype=np.int8)
    draw = rng.random((length, len(kind)))
    last = np.full(len(kind), START)
    for place in range(length):
        ends = np.where(
            (place < before)[:, None], early[kind, last], late[kind, np.minimum(last, REMOVE)]
        )
        step = np.sum(draw[place][:, None] > ends[:, :-1], axis=1)
        step[place == before - 1] = DETAIL
        step[place == before] = ADD
        action[:, place] = last = step
    return action


def _products(
    rng: np.random.Generator, shop: Shop, kind: Array, before: Array, added: Array, action: Array
) -> Array:
    """The product of each event, int32 [sessions, events].

    A page right before the first add shows the added product; later adds are of the page before,
    and a removal is of what was added last.
    """
    place = np.arange(action.shape[1])
    main = np.broadcast_to(added[:, None], action.shape)
    again = rng.random(action.shape) < behaviour.AGAIN[kind][:, None]
    early = place < before[:, None]
    any_product = early | (action == ADD)
    sku = np.where(again, main, shop.other(rng, main))
    sku = np.where(any_product, shop.related(rng, main), sku).astype(np.int32)
    shown = (place == before[:, None] - 1) | (place == before[:, None])
    sku = np.where(shown, main, sku)
    page_before = np.roll(action, 1, axis=1) == DETAIL
    later = (action == ADD) & (place > before[:, None]) & page_before
    sku = np.where(later, np.roll(sku, 1, axis=1), sku)
    newest = np.maximum.accumulate(np.where(action == ADD, place, 0), axis=1)
    return np.where(action == REMOVE, np.take_along_axis(sku, newest, axis=1), sku)
