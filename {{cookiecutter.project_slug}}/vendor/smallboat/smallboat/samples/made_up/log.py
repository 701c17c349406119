"""The log, a chunk of sessions at a time: what is drawn for a chunk depends on its number alone."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from . import calendar, carts, visits
from .behaviour import CART_SHARE, SEARCH, Array
from .shop import Shop
from .visits import Rows

CHUNK = 50_000
"""Sessions that are made at once."""

SEARCH_ONLY = 76_369 / 4_934_699
"""Sessions of nothing but searches, beyond the sessions that browse, for each of these."""

TURNED = 0.4
"""Share of the sessions whose rows are not in the order of time."""

NO_MORE_CLICKS = 0.630
"""Chance, after each click on a search's results, that there is none further."""

MOST_CLICKS = 5


@dataclass(frozen=True)
class Chunk:
    """Sessions that browse, by their place in the chunk, in the order of their beginnings."""

    number: int
    first: int  # number of the first session
    start: Array  # int64, epoch milliseconds
    has_cart: Array  # bool
    seed: int

    def stream(self, of: int) -> np.random.Generator:
        """Random numbers for one purpose."""
        return np.random.default_rng([self.seed, self.number + 1, of])

    def carts(self, shop: Shop) -> carts.Carts:
        """The chunk's cart sessions, in the order of the chunk."""
        return carts.make(self.stream(1), int(self.has_cart.sum()), shop)


def chunks(sessions: int, seed: int) -> Iterator[Chunk]:
    """All chunks of so many sessions."""
    for number, first in enumerate(range(0, sessions, CHUNK)):
        size = min(CHUNK, sessions - first)
        rng = np.random.default_rng([seed, number + 1, 0])
        begun = (first + np.arange(size) + rng.random(size)) / sessions
        has_cart = rng.random(size) < CART_SHARE
        yield Chunk(number, first, calendar.starts(begun), has_cart, seed)


def rows(chunk: Chunk, sessions: int, shop: Shop) -> tuple[dict[str, Array], dict[str, Array]]:
    """The rows of a chunk: columns of browsing, and of search.

    `session` (int32) is the number of the session among all, `sku` and `page` as `Rows` has them;
    a search has `query` (number of the phrase) and `clicks`, both int32.
    """
    rng = chunk.stream(2)
    size = len(chunk.start)
    place = np.arange(size, dtype=np.int32)
    without, having = place[~chunk.has_cart], place[chunk.has_cart]
    alone = [int((chunk.first + done) * SEARCH_ONLY) for done in (0, size)]
    extra = np.arange(size, size + alone[1] - alone[0], dtype=np.int32)
    found = Rows.joined(
        visits.plain(rng, without, chunk.start[without], shop),
        visits.logged(rng, chunk.carts(shop), having, chunk.start[having], shop),
        visits.searches(rng, extra, rng.choice(chunk.start, len(extra))),
    )
    found = _mixed(rng, found, size + len(extra))
    number = np.concatenate([place + chunk.first, extra - size + sessions + alone[0]])
    session = number[found.session].astype(np.int32)
    is_search = found.action == SEARCH
    names = [field.name for field in fields(Rows)]
    browsing = {name: getattr(found, name)[~is_search] for name in names}
    query, clicks = _searches(rng, int(is_search.sum()), shop)
    search = {"time": found.time[is_search], "query": query, "clicks": clicks}
    return browsing | {"session": session[~is_search]}, search | {"session": session[is_search]}


def _mixed(rng: np.random.Generator, rows: Rows, sessions: int) -> Rows:
    """Rows by session; in some sessions the order of time is turned, and none ends too late."""
    order = np.argsort(rows.session.astype(np.uint16), kind="stable")
    own = rows.session[order]
    length = np.bincount(own, minlength=sessions)
    begin = np.cumsum(length) - length
    last = rows.time[order[begin + length - 1]]
    early = np.maximum(last - calendar.bounds()[1], 0)
    by = np.where(rng.random(sessions) < TURNED, (rng.random(sessions) * length).astype(int), 0)
    way = np.where((by > 0) & (rng.random(sessions) < 0.5), -1, 1)
    place = ((np.arange(len(own)) - begin[own]) * way[own] + by[own]) % length[own]
    order = order[begin[own] + place]
    return Rows(
        own, rows.action[order], rows.sku[order], rows.page[order], rows.time[order] - early[own]
    )


def _searches(rng: np.random.Generator, size: int, shop: Shop) -> tuple[Array, Array]:
    """The phrase of each search, and the number of clicks on its results."""
    query = (rng.random(size) ** 2 * shop.queries).astype(np.int32)
    clicks = np.minimum(rng.geometric(NO_MORE_CLICKS, size) - 1, MOST_CLICKS)
    return query, clicks.astype(np.int32)
