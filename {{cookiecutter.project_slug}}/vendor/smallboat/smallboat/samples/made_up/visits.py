"""The log's rows: of sessions without an add to cart, and of cart sessions as a log has them."""

from dataclasses import dataclass, fields

import numpy as np

from . import behaviour
from .behaviour import DETAIL, PURCHASE, REMOVE, SEARCH, VIEW, Array
from .carts import Carts
from .shop import Shop

NOTHING = -1

LENGTHS = (
    (1, 0.268), (2, 0.487), (3, 0.576), (4, 0.637), (5, 0.684), (6, 0.720), (7, 0.749), (8, 0.775),
    (9, 0.799), (10, 0.820), (12, 0.847), (14, 0.872), (16, 0.893), (18, 0.911), (20, 0.923),
    (23, 0.939), (27, 0.955),
)  # fmt: skip
"""Share of the sessions without an add that have at most so many rows."""

TAIL = 23.0
"""Mean number of rows beyond the last of `LENGTHS`, of the sessions that are longer."""

MOST_ROWS = 397
PAGES_OF_PRODUCTS = (0.6, 1.62)
"""Shape of the beta distribution of a session's share of product pages."""

TWIN = 0.5
"""Chance that a product page gives a page view of the same time, too."""

SEARCHES = (0.045, 0.0080, 0.6)
"""Chance that a session of two rows or more searches: base, for each row, at most."""

MORE_SEARCHES = 0.032
"""Chance of each further row of such a session to be a search."""

SEARCHES_ALONE = 1.2
"""Mean number of searches of a session of nothing else."""

OLD_CARTS, OLD_BUYERS = 0.033, 0.0025
"""Share of the sessions of three rows or more that remove, or buy, what they have from before."""

COPIES = 0.4
"""Chance to stop after each row of a removal or a purchase that gives several."""


@dataclass(frozen=True)
class Rows:
    """Rows of the log, in the order of session and time; arrays of one length."""

    session: Array  # int32: the session's place in its chunk
    action: Array  # int8
    sku: Array  # int32, or NOTHING
    page: Array  # int32: number of the page; of no use for a search
    time: Array  # int64, epoch milliseconds

    @classmethod
    def joined(cls, *parts: "Rows") -> "Rows":
        """All rows of the parts, one part behind the other."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


def lengths(rng: np.random.Generator, sessions: int) -> Array:
    """Numbers of rows of sessions without an add, int64 of the size."""
    count, share = np.array(LENGTHS).T
    ends = np.interp(np.arange(1, count[-1] + 1), count, share)
    draw = rng.random(sessions)
    tail = count[-1] + rng.geometric(1 / TAIL, sessions)
    length = np.where(draw > ends[-1], tail, np.searchsorted(ends, draw) + 1)
    return np.minimum(length, MOST_ROWS).astype(np.int64)


def plain(rng: np.random.Generator, session: Array, start: Array, shop: Shop) -> Rows:
    """Sessions without an add to cart: numbers and beginnings are given by session."""
    length = lengths(rng, len(session))
    own = np.repeat(np.arange(len(session), dtype=np.int32), length)
    begin = np.cumsum(length) - length
    place = np.arange(len(own)) - begin[own]
    share = rng.beta(*PAGES_OF_PRODUCTS, len(session)).astype(np.float32)
    action = np.where(rng.random(len(own), dtype=np.float32) < share[own], DETAIL, VIEW)
    action = action.astype(np.int8)
    _search(rng, action, begin, length, own)
    copy = np.zeros(len(own), dtype=bool)
    for chance, what in ((OLD_CARTS, REMOVE), (OLD_BUYERS, PURCHASE)):
        chosen = np.flatnonzero((length > 2) & (rng.random(len(length)) < chance))
        copies = np.minimum(rng.geometric(COPIES, len(chosen)), length[chosen] - 1)
        first = begin[chosen] + (rng.random(len(chosen)) * (length[chosen] - copies)).astype(int)
        rows = np.repeat(first, copies) + _counted(copies)
        action[rows] = what
        copy[rows] = _counted(copies) > 0
    twin = np.zeros(len(own), dtype=bool)
    twin[1:] = (action[1:] == VIEW) & (action[:-1] == DETAIL) & (place[1:] > 0)
    twin &= rng.random(len(own), dtype=np.float32) < TWIN
    main = shop.products(rng, len(session))
    sku = np.full(len(own), NOTHING, dtype=np.int32)
    page = shop.page(rng, len(own))
    product = np.flatnonzero(action >= DETAIL)
    sku[product] = shop.related(rng, main[own[product]])
    sku[action == REMOVE] = main[own[action == REMOVE]]
    page[product] = sku[product]
    page[1:][twin[1:]] = page[:-1][twin[1:]]
    pause = _pauses(rng, len(own))
    pause[twin | copy | (place == 0)] = 0
    total = np.cumsum(pause)
    time = start[own] + total - total[begin][own]
    return Rows(session[own], action, sku, page, time)


def searches(rng: np.random.Generator, session: Array, start: Array) -> Rows:
    """Sessions of nothing but searches."""
    length = rng.geometric(1 / SEARCHES_ALONE, len(session))
    own = np.repeat(np.arange(len(session)), length)
    total = np.cumsum(_pauses(rng, len(own)))
    nothing = np.full(len(own), NOTHING, np.int32)
    time = start[own] + total - total[np.cumsum(length) - length][own]
    return Rows(session[own], np.full(len(own), SEARCH, np.int8), nothing, nothing, time)


def logged(
    rng: np.random.Generator, carts: Carts, session: Array, start: Array, shop: Shop
) -> Rows:
    """Cart sessions as a log has them: twins, copies, the purchase, and what comes behind it."""
    made = carts.made
    own = np.nonzero(made)[0].astype(np.int32)
    clock = start[:, None] + np.cumsum(carts.pause, axis=1)
    action = carts.action[made]
    twin = (action == DETAIL) & (rng.random(len(own)) < TWIN)
    copies = np.where(action == REMOVE, rng.geometric(COPIES, len(own)), 1 + twin)
    row = np.repeat(np.arange(len(own)), copies)
    is_twin = twin[row] & (_counted(copies) == 1)
    action = np.where(is_twin, VIEW, action[row]).astype(np.int8)
    product = action >= DETAIL
    sku = np.where(product, carts.sku[made][row], NOTHING).astype(np.int32)
    page = np.where(product | is_twin, carts.sku[made][row], shop.page(rng, len(row)))
    events = Rows(session[own[row]], action, sku, page.astype(np.int32), clock[made][row])
    end = clock[np.arange(len(start)), carts.before + carts.after]
    return Rows.joined(events, *_bought(rng, carts, session, end, shop))


def _bought(
    rng: np.random.Generator, carts: Carts, session: Array, end: Array, shop: Shop
) -> tuple[Rows, Rows]:
    """The purchases of the buyers, of one or several products at one time, and some last views."""
    buyer = np.flatnonzero(carts.buyer)
    time = end[buyer] + _pauses(rng, len(buyer))
    items = np.minimum(rng.geometric(0.72, len(buyer)), 5)
    views = rng.geometric(0.4, len(buyer)) - 1
    bought, seen = np.repeat(np.arange(len(buyer)), items), np.repeat(np.arange(len(buyer)), views)
    main = carts.added[buyer][bought]
    sku = np.where(_counted(items) == 0, main, shop.other(rng, main)).astype(np.int32)
    pause = np.cumsum(_pauses(rng, len(seen)))
    later = pause - np.concatenate([[0], pause])[(np.cumsum(views) - views)[seen]]
    return (
        Rows(
            session[buyer][bought], np.full(len(bought), PURCHASE, np.int8), sku, sku, time[bought]
        ),
        Rows(
            session[buyer][seen],
            np.full(len(seen), VIEW, np.int8),
            np.full(len(seen), NOTHING, np.int32),
            shop.page(rng, len(seen)),
            time[seen] + later,
        ),
    )


def _search(
    rng: np.random.Generator, action: Array, begin: Array, length: Array, own: Array
) -> None:
    """Make some rows of some sessions of two rows or more searches; one row is none."""
    base, each, most = SEARCHES
    chance = np.where(length > 1, np.minimum(base + each * length, most), 0.0)
    searching = rng.random(len(length)) < chance
    more = searching[own] & (rng.random(len(own), dtype=np.float32) < MORE_SEARCHES)
    action[more] = SEARCH
    chosen = np.flatnonzero(searching)
    first = (rng.random(len(chosen)) * length[chosen]).astype(np.int64)
    action[begin[chosen] + first] = SEARCH
    action[begin[chosen] + (first + 1) % length[chosen]] = VIEW


def _pauses(rng: np.random.Generator, size: int) -> Array:
    """Pauses of sessions about which nothing is asked, whole milliseconds."""
    seconds = rng.standard_exponential(size, dtype=np.float32)
    seconds *= np.sqrt(seconds) * np.float32(45_000)
    return np.minimum(behaviour.SHORTEST_PAUSE + seconds.astype(np.int64), behaviour.LONGEST_PAUSE)


def _counted(copies: Array) -> Array:
    """0, 1, 2 … within each group of so many."""
    ends = np.cumsum(copies)
    result: Array = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - copies, copies)
    return result
