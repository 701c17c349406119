"""Parcels that go further from 2024 on, and rules under which a monitor soon has a verdict."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from smallboat.testing.toy import data

if TYPE_CHECKING:
    import pandas as pd

DAYS = 60
"""Of each year."""
SHIFT = 6.0
"""Kilometres: two and a half standard deviations."""
SHIFTED = f"""

_plain = made_up


def made_up(days, seed):
    parcels = _plain(days, seed)
    late = parcels["date"] >= "2024-01-01"
    parcels.loc[late, "distance"] += {SHIFT}
    parcels.loc[late, "minutes"] += 2 * {SHIFT}
    return parcels
"""
"""For data.py."""
RULES = "\n[monitor]\nwindow_rows = 200\nwindow_days = 0\nwindows = 2\nneeded = 2\n"
EACH = 8
"""Parcels of a request."""


def parcels() -> "dict[str, pd.DataFrame]":
    """Those `before` and those `after` the shift, as SHIFTED makes them."""
    made = data.made_up(DAYS, 1)
    late = made["date"] >= "2024-01-01"
    made.loc[late, "distance"] += SHIFT
    return {"before": made[~late].tail(480), "after": made[late]}


def asked(rows: "pd.DataFrame", each: int) -> Iterator[dict[str, Any]]:
    """Requests for parcels, named as their outcomes are."""
    named = [
        {"distance": distance, "floor": int(floor), "depot": depot, "parcel": str(parcel)}
        for distance, floor, depot, parcel in rows[
            ["distance", "floor", "depot", "parcel"]
        ].itertuples(index=False)
    ]
    for start in range(0, len(named), each):
        yield {"parcels": named[start : start + each]}
