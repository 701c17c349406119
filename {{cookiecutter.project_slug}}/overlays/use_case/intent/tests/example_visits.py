"""Made-up visits to a shop, as the online features of a release hold them."""

import hashlib
from typing import Any

import numpy as np

BEGINS = 1_555_250_400_000  # 2019-04-14, 14:00 UTC
SKUS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(30)]
SHARES = {"view": 0.35, "detail": 0.4, "add": 0.12, "remove": 0.05, "search": 0.08}


def event(action: str, second: float, **more: Any) -> dict[str, Any]:
    """An event so many seconds after BEGINS."""
    return {"action": action, "time": BEGINS + round(1000 * second), **more}


def visit(rng: np.random.Generator, size: int) -> list[dict[str, Any]]:
    """So many events in order, one of the first five an add, at different times."""
    actions = list(rng.choice(list(SHARES), size=size, p=list(SHARES.values())))
    actions[int(rng.integers(min(size, 5)))] = "add"
    seconds = np.cumsum(1 + rng.exponential(25.0, size=size))
    favourites = rng.choice(SKUS, size=5, replace=False)
    events = []
    for action, second in zip(actions, seconds, strict=True):
        more: dict[str, Any] = {}
        if action == "search":
            more = {"clicks": int(rng.integers(3))}
        elif action != "view":
            more = {"sku": str(rng.choice(favourites))}
        events.append(event(str(action), float(second), **more))
    return events


def online_features(seed: int = 7) -> dict[str, Any]:
    """Online features: twelve visits, and a catalogue without its last products."""
    rng = np.random.default_rng(seed)
    catalog = {
        sku: [int(rng.integers(1, 11)) if number % 7 else None, f"category-{number % 4}"]
        for number, sku in enumerate(SKUS[:-3])
    }
    sessions = [
        {
            "name": f"2019-04-14-{number + 1}",
            "date": "2019-04-14",
            "purchased": bool(number % 2),
            "request": {"events": visit(rng, int(rng.integers(8, 41)))},
        }
        for number in range(12)
    ]
    return {"as_of": "2019-04-14", "catalog": catalog, "typical": {}, "sessions": sessions}
