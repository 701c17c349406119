"""What the model sees of a session with an add to cart; the code that training and serving share.

Needs numpy alone, because the model server carries it.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from smallboat.errors import RequestError
from smallboat.problem import Feature

from .events import ACTIONS, COUNTED, COUNTS, PAGES, PAIRS, PRODUCT, SEEN, Event, prefix, raw

__all__ = [
    "ACTIONS", "COUNTED", "FEATURES", "MOST_AFTER", "NAMES", "SEQUENCE", "Array", "Event",
    "Feature", "assemble", "complete", "prefix", "raw",
]  # fmt: skip

Array = np.ndarray[Any, np.dtype[Any]]

MOST_AFTER = 10
"""The most events after the first add that the model learns from."""


def _logs(name: str, unit: str, description: str, default: float) -> tuple[Feature, Feature]:
    log = Feature(f"{name}_log", f"log(1 + {unit})", description, math.log1p(default))
    return Feature(name, unit, description, default), log


_E = "events"
FEATURES: tuple[Feature, ...] = (
    *_logs("events", _E, "events so far", 9.0),
    Feature("after", _E, "events after the first add to cart", 4.0),
    *_logs("place", _E, "events until the first add, it included", 5.0),
    Feature("searches", _E, "searches", 0.5),
    Feature("views", _E, "views of pages that show no product", 4.0),
    Feature("details", _E, "views of products", 3.0),
    Feature("adds", _E, "adds to the cart", 1.3),
    Feature("removes", _E, "removes from the cart", 0.2),
    *(Feature(f"after_{n}", _E, f"{n} after the first add", 0.0) for n in COUNTS.values()),
    Feature("cart", _E, "adds less removes", 1.0),
    Feature("skus", "products", "different products", 2.0),
    Feature("skus_repeated", _E, "events of products that the session had seen", 1.0),
    Feature("skus_added", "products", "different products added", 1.0),
    Feature("added_again", _E, "events, after the first add, of products added before", 0.0),
    Feature("added_seen", _E, "events of the first added product before it was added", 1.0),
    Feature("clicks", "clicks", "clicks on what searches found", 0.0),
    Feature("product_share", "share of events", "events of products", 0.5),
    *_logs("seconds", "s", "since the session began", 300.0),
    *_logs("seconds_to_add", "s", "from the beginning to the first add", 150.0),
    *_logs("seconds_since_add", "s", "from the first add to the newest event", 60.0),
    *_logs("gap_last", "s", "between the two newest events", 20.0),
    *_logs("gap_mean", "s", "between events, their mean", 30.0),
    *_logs("gap_longest", "s", "between events, the longest", 120.0),
    Feature("hour", "h", "hour (UTC) of the first add", 14.0),
    Feature("hour_sin", "1", "sine of the hour's place in the day", 0.0),
    Feature("hour_cos", "1", "cosine of the hour's place in the day", 0.0),
    Feature("day_of_week", "day", "day (UTC) of the first add, Monday is 0", 3.0),
    Feature("weekend", "0 or 1", "the first add is on a Saturday or Sunday", 0.0),
    Feature("price", "tenth", "price bucket of the first added product", 5.0),
    Feature("price_known", "0 or 1", "the catalogue has a price of that product", 0.0),
    Feature("price_seen", "tenth", "mean price bucket of the products viewed", 5.0),
    Feature("price_difference", "tenths", "price of the added less that of the viewed", 0.0),
    Feature("categories", "categories", "different top categories", 1.0),
    Feature("category_share", "share of events", "product events in the added one's category", 0.0),
    *(Feature(f"page_{n}", _E, f"views of pages of the type {n}", 0.0) for n in PAGES),
    *(Feature(f"after_page_{n}", _E, f"the same after the first add: {n}", 0.0) for n in PAGES),
    *(Feature(name, "pairs", f"events {name.replace('_', ' ')} next", 0.0) for name in PAIRS),
    *(Feature(f"last_{n}", "0 or 1", f"the newest event is `{n}`", 0.0) for n in SEEN),
    *(Feature(f"previous_{n}", "0 or 1", f"the one before it is `{n}`", 0.0) for n in SEEN),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
SEQUENCE: tuple[str, ...] = NAMES[NAMES.index(PAIRS[0]) :]
"""Those that tell the order of events."""
_DEFAULTS = np.array([feature.default for feature in FEATURES])
_AT = {name: at for at, name in enumerate(NAMES)}
_COPIED = {_AT[name]: at for at, name in enumerate(COUNTED) if name in _AT}
_LOGS = {at: _AT[name.removesuffix("_log")] for name, at in _AT.items() if name.endswith("_log")}


def complete(known: Array) -> Array:
    """Features from what was counted.

    Args:
        known: shape [n, len(COUNTED)]; NaN = there is none.

    Returns:
        float32 of shape [n, len(FEATURES)], finite.
    """
    known = np.asarray(known, dtype=np.float64)
    counted = dict(zip(COUNTED, known.T, strict=True))
    table = np.empty((len(known), len(NAMES)))
    table[:, list(_COPIED)] = known[:, list(_COPIED.values())]
    for name, values in _derived(counted).items():
        table[:, _AT[name]] = values
    for which in ("last", "previous"):
        at = _AT[f"{which}_{SEEN[0]}"]
        table[:, at : at + len(SEEN)] = counted[which][:, None] == np.arange(len(SEEN))
    table[:, list(_LOGS)] = np.log1p(table[:, list(_LOGS.values())])
    return np.where(np.isnan(table), _DEFAULTS, table).astype(np.float32)


def _derived(counted: Mapping[str, Array]) -> dict[str, Array]:
    """Features that follow from several counts, or are in another unit."""
    c = counted
    angle = c["hour"] * (2 * np.pi / 24)
    price_seen = _ratio(c["price_sum"], c["price_count"], np.nan)
    return {
        "after": c["events"] - c["place"],
        "cart": c["adds"] - c["removes"],
        "product_share": sum(c[COUNTS[action]] for action in PRODUCT) / c["events"],
        "seconds": c["ms"] / 1000,
        "seconds_to_add": c["ms_to_add"] / 1000,
        "seconds_since_add": (c["ms"] - c["ms_to_add"]) / 1000,
        "gap_last": np.where(np.isnan(c["gap_last_ms"]), 0.0, c["gap_last_ms"]) / 1000,
        "gap_mean": c["ms"] / 1000 / np.maximum(c["events"] - 1, 1),
        "gap_longest": np.where(np.isnan(c["gap_longest_ms"]), 0.0, c["gap_longest_ms"]) / 1000,
        "hour_sin": np.sin(angle),
        "hour_cos": np.cos(angle),
        "weekend": c["day_of_week"] >= 5,
        "price_known": ~np.isnan(c["price"]),
        "price_seen": price_seen,
        "price_difference": c["price"] - price_seen,
        "category_share": _ratio(c["category_same"], c["category_known"], 0.0),
    }


def assemble(request: Mapping[str, Any], online: Mapping[str, Any]) -> tuple[Array, list[str]]:
    """Features of a session that goes on.

    Args:
        request: `events`: each an `action`, a `time` (epoch ms), maybe `sku`, `clicks`, `page`.
        online: what `features.online_features` returned.

    Returns:
        float32 of shape [1, len(FEATURES)], and what had to be guessed.

    Raises:
        RequestError: nothing is added to the cart, or not before the first purchase.
    """
    events, catalog = prefix(request["events"]), online["catalog"]
    bought = any(each["action"] == "purchase" for each in request["events"])
    if not any(event.action == "add" for event in events):
        before = " before the first purchase" if bought else ""
        raise RequestError(
            "events", f"has no add to cart{before}: only sessions with one are rated"
        )
    counted = raw(events, catalog)
    warnings = []
    if bought:
        warnings.append("the first purchase and what follows it were left out")
    after = int(counted["events"] - counted["place"])
    if after > MOST_AFTER:
        warnings.append(
            f"{after} events after the first add to cart: the model learned from {MOST_AFTER}"
        )
    if unknown := {event.sku for event in events if event.sku and event.sku not in catalog}:
        warnings.append(f"products that are not in the catalogue: {len(unknown)}")
    return complete(np.array([[counted[name] for name in COUNTED]])), warnings


def _ratio(part: Array, whole: Array, otherwise: float) -> Array:
    return np.where(whole > 0, part / np.maximum(whole, 1.0), otherwise)
