"""The made-up shop: its products, how popular they are, its pages, and what a search finds.

Products stand in the order of their categories, so a category is a range of products, and a range
of the slots that popularity is drawn from.
"""

from dataclasses import dataclass

import numpy as np

from .behaviour import PRICE_TILT, Array

SESSIONS = 4_934_699
SKUS, CATALOG, PAGES, QUERIES = 57_483, 66_386, 431_817, 5_000
"""At full size: products that visitors see, rows of the catalogue, other pages, search phrases."""

GROWTH = 0.75
"""The shop of a share s of the sessions has the share s ** GROWTH of the products and pages."""

POPULARITY = ((0.01, 0.347), (0.05, 0.672), (0.10, 0.817), (0.25, 0.956), (1.0, 1.0))
"""Share of the most popular products, and their share of the interactions."""

TOP_EXPONENT = 0.58
"""The share of interactions grows with this power of the rank among the top 1 %."""

SLOTS = 1 << 22
SAME, ALIKE = 0.25, 0.65
"""Chances that a product page is the session's main product, or one of its category or itself."""


@dataclass(frozen=True)
class Shop:
    """The products and pages of a shop; products are numbers from 0."""

    skus: int  # products that visitors see: the first ones of the catalogue
    category: Array  # int32 by row of the catalogue
    price: Array  # int8 by row of the catalogue: 1 to 10
    content: Array  # bool by row of the catalogue: whether it has category, price and vectors
    pages: int  # pages that are no product's
    queries: int
    slots: Array  # int32 [SLOTS]: the product of each slot, by popularity
    buyer_slots: Array  # the same with the price tilt
    tilt: Array  # float by product: log of buyers' chance to the others' to add it first
    low: Array  # int32 by product: first slot of its category
    width: Array  # int32 by product: number of slots of its category

    def products(self, rng: np.random.Generator, size: int) -> Array:
        """Products by popularity, int32 of the size."""
        return self.slots[rng.integers(0, SLOTS, size, dtype=np.int32)]

    def first_added(self, rng: np.random.Generator, buyer: Array) -> Array:
        """The first added product of sessions of buyers (true) and others."""
        slot = rng.integers(0, SLOTS, len(buyer), dtype=np.int32)
        return np.where(buyer, self.buyer_slots[slot], self.slots[slot])

    def related(self, rng: np.random.Generator, main: Array, same: float = SAME) -> Array:
        """A product for each main one: itself, one of its category, or any, by popularity."""
        kind = rng.random(main.shape, dtype=np.float32)
        place = rng.random(main.shape, dtype=np.float32)
        alike = (self.low[main] + place * self.width[main]).astype(np.int32)
        anywhere = (place * np.float32(SLOTS)).astype(np.int32)
        slot = np.minimum(np.where(kind < ALIKE, alike, anywhere), SLOTS - 1)
        return np.where(kind < same, main, self.slots[slot])

    def other(self, rng: np.random.Generator, main: Array) -> Array:
        """A product for each main one that is not itself."""
        drawn = self.related(rng, main, same=0.0)
        return np.where(drawn == main, (drawn + 1) % self.skus, drawn).astype(np.int32)

    def page(self, rng: np.random.Generator, size: int) -> Array:
        """Pages that are no product's; the first `skus` numbers are the products' pages."""
        place = rng.random(size, dtype=np.float32) ** 4
        return self.skus + np.minimum(place * self.pages, self.pages - 1).astype(np.int32)


def open_shop(sessions: int, seed: int) -> Shop:
    """The shop of so many sessions; the same arguments give the same shop."""
    rng = np.random.default_rng([seed, 0, 0])
    scale = (sessions / SESSIONS) ** GROWTH
    skus, catalog, pages, queries = (
        max(smallest, round(full * scale))
        for smallest, full in ((100, SKUS), (115, CATALOG), (500, PAGES), (50, QUERIES))
    )
    categories = max(10, round(1_000 * scale))
    category = np.sort((rng.random(skus) ** 1.5 * categories).astype(np.int32))
    unseen = rng.integers(0, categories, catalog - skus, dtype=np.int32)
    category = np.concatenate([category, unseen])
    level = rng.integers(1, 11, categories)
    price = np.clip(level[category] + rng.integers(-2, 3, catalog), 1, 10).astype(np.int8)
    content = rng.permutation(catalog) < catalog // 2
    weight = rng.permutation(popularity(skus))
    tilt = np.where(content[:skus], -PRICE_TILT * (price[:skus] - 5.5), 0.0)
    tilt -= np.log(np.sum(weight * np.exp(tilt)))
    slots = _slots(weight)
    bounds = np.searchsorted(category[slots], np.arange(categories + 1)).astype(np.int32)
    own = category[:skus]
    return Shop(
        skus=skus,
        category=category,
        price=price,
        content=content,
        pages=pages,
        queries=queries,
        slots=slots,
        buyer_slots=_slots(weight * np.exp(tilt)),
        tilt=tilt,
        low=bounds[own],
        width=np.maximum(bounds[own + 1] - bounds[own], 1).astype(np.int32),
    )


def popularity(skus: int) -> Array:
    """The share of the interactions of each product, float64 from the most popular one down."""
    rank = np.arange(1, skus + 1) / skus
    first, share = POPULARITY[0]
    known = np.array(POPULARITY)
    below = np.interp(np.log(rank), np.log(known[:, 0]), known[:, 1])
    total = np.where(rank < first, share * (rank / first) ** TOP_EXPONENT, below)
    return np.diff(total, prepend=0.0)


def _slots(weight: Array) -> Array:
    """The product of each slot, in the order of the products."""
    ends = np.round(np.cumsum(weight) / weight.sum() * SLOTS).astype(np.int64)
    return np.repeat(np.arange(len(weight), dtype=np.int32), np.diff(ends, prepend=0))
