"""A session's events as the model sees them, and what is counted of them.

Training counts the same in SQL (the dbt models `cart_events` and `features`): whole numbers, so
that both get the same to the last bit. Needs the standard library alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

ACTIONS = ("search", "view", "detail", "add", "remove", "purchase")
"""In the order that events of one time have."""
SEEN = ACTIONS[:-1]
"""Those a session is evaluated by: the first purchase and all after it are cut away."""
PRODUCT = ("detail", "add", "remove")
COUNTS = {
    "search": "searches", "view": "views", "detail": "details", "add": "adds", "remove": "removes",
}  # fmt: skip
"""What the events of an action are called."""
PAGES = ("checkout", "cart", "search", "category", "other")
"""Types of the pages that a view shows; `other` stands for any other word."""
PAGE_COUNTS = (*(f"page_{name}" for name in PAGES), *(f"after_page_{name}" for name in PAGES))
PAIRS = tuple(f"{first}_to_{then}" for first in SEEN for then in SEEN)
COUNTED = (
    "events", "place", *COUNTS.values(), *(f"after_{name}" for name in COUNTS.values()),
    *PAGE_COUNTS,
    "clicks", "ms", "ms_to_add", "gap_last_ms", "gap_longest_ms", "hour", "day_of_week",
    "skus", "skus_repeated", "skus_added", "added_again", "added_seen",
    "price", "price_sum", "price_count", "categories", "category_known", "category_same",
    "last", "previous", *PAIRS,
)  # fmt: skip
"""What `raw` counts, and the columns of the dbt model `features`."""
_HOUR, _DAY = 3_600_000, 86_400_000
Catalog = Mapping[str, Sequence[Any]]
Counts = dict[str, float | None]


class Event(NamedTuple):
    """One event of a session: time in epoch ms, one of ACTIONS, product, clicks, type of page."""

    time: int
    action: str
    sku: str | None
    clicks: int
    page: str | None = None


def prefix(events: Iterable[Mapping[str, Any]]) -> list[Event]:
    """A request's events as the model sees them: in order, each once, until the first purchase.

    An unknown action is left out, and so is a `view` at the time of a product's event: the page of
    a product gives both.
    """
    clicks: dict[tuple[int, int, str, str], int] = {}
    for each in events:
        if each["action"] in ACTIONS:
            rank, page = ACTIONS.index(each["action"]), _page(each)
            key = (int(each["time"]), rank, each.get("sku") or "", page)
            clicks[key] = max(clicks.get(key, 0), int(each.get("clicks") or 0))
    with_product = {time for time, rank, _, _ in clicks if ACTIONS[rank] not in ("search", "view")}
    kept: list[Event] = []
    for key in sorted(clicks):
        time, rank, sku, page = key
        if ACTIONS[rank] == "purchase":
            break
        if ACTIONS[rank] != "view" or time not in with_product:
            kept.append(Event(time, ACTIONS[rank], sku or None, clicks[key], page or None))
    return kept


def _page(event: Mapping[str, Any]) -> str:
    """The type of a view's page; empty if it is not known."""
    word = (event.get("page") or "").strip().lower() if event["action"] == "view" else ""
    return word if word in PAGES or not word else "other"


def raw(events: Sequence[Event], catalog: Catalog) -> dict[str, float]:
    """What is counted of a session.

    Args:
        events: what `prefix` returned, with an add to cart.
        catalog: price bucket and top category by sku, either may be None.

    Returns:
        COUNTED by name, NaN where there is none; `last` and `previous` are places in ACTIONS.
    """
    place = [event.action for event in events].index("add")
    counted = {
        **_counts(events, place),
        **_times(events, events[place]),
        **_skus(events, place),
        **_contents(events, events[place], catalog),
    }
    return {name: math.nan if v is None else float(v) for name, v in counted.items()}


def _counts(events: Sequence[Event], place: int) -> Counts:
    actions = [event.action for event in events]
    pairs = [f"{before}_to_{then}" for before, then in pairwise(actions)]
    after = actions[place + 1 :]
    pages = [event.page for event in events]
    return {
        "events": len(events),
        "place": place + 1,
        **{name: actions.count(action) for action, name in COUNTS.items()},
        **{f"after_{name}": after.count(action) for action, name in COUNTS.items()},
        **{f"page_{name}": pages.count(name) for name in PAGES},
        **{f"after_page_{name}": pages[place + 1 :].count(name) for name in PAGES},
        "clicks": sum(event.clicks for event in events if event.action == "search"),
        "last": SEEN.index(actions[-1]),
        "previous": SEEN.index(actions[-2]) if len(actions) > 1 else None,
        **{name: pairs.count(name) for name in PAIRS},
    }


def _times(events: Sequence[Event], added: Event) -> Counts:
    gaps = [then.time - before.time for before, then in pairwise(events)]
    return {
        "ms": events[-1].time - events[0].time,
        "ms_to_add": added.time - events[0].time,
        "gap_last_ms": gaps[-1] if gaps else None,
        "gap_longest_ms": max(gaps, default=None),
        "hour": added.time % _DAY // _HOUR,
        "day_of_week": (added.time // _DAY + 3) % 7,  # the first day of 1970 was a Thursday
    }


def _skus(events: Sequence[Event], place: int) -> Counts:
    """Products that the session met again; a product without a sku is none."""
    met: set[str] = set()
    added: set[str] = set()
    repeated = added_again = added_seen = 0
    for number, event in enumerate(events):
        if event.action in PRODUCT and event.sku:
            repeated += event.sku in met
            added_again += number > place and event.sku in added
            added_seen += number < place and event.sku == events[place].sku
            met.add(event.sku)
            if event.action == "add":
                added.add(event.sku)
    return {
        "skus": len(met),
        "skus_repeated": repeated,
        "skus_added": len(added),
        "added_again": added_again,
        "added_seen": added_seen,
    }


def _contents(events: Sequence[Event], added: Event, catalog: Catalog) -> Counts:
    """Prices and categories, as far as the catalogue has them."""
    nothing = (None, None)
    price, category = catalog.get(added.sku or "", nothing)
    known = [(e.action, *catalog.get(e.sku or "", nothing)) for e in events if e.action in PRODUCT]
    viewed = [price for action, price, _ in known if action == "detail" and price is not None]
    categories = [category for _, _, category in known if category is not None]
    return {
        "price": price,
        "price_sum": sum(viewed),
        "price_count": len(viewed),
        "categories": len(set(categories)),
        "category_known": len(categories),
        "category_same": categories.count(category),
    }
