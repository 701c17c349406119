"""Parcels that go further from 2024 on, and rules under which a monitor soon has a verdict."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from captured_lines import encoded
from smallboat.testing.toy import data
from toy import features, inputs

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


def lines(release: dict[str, Any], parcels: int) -> Iterator[str]:
    """What the API would log of answers about parcels that go further, ten of them every hour."""
    rows = made_to_go_further(parcels)
    start = datetime.now(UTC) - timedelta(hours=parcels // 10)
    for number, first in enumerate(range(0, parcels, 10)):
        asked_for = rows[first : first + 10]
        record = {
            "time": (start + timedelta(hours=number)).isoformat(timespec="milliseconds"),
            "id": f"id-{number}",
            "ms": 2.0,
            "status": 200,
            "model": {name: release[name] for name in ("run", "release", "model_hash")},
            "rows": len(asked_for),
            "keys": [],
            "inputs": encoded(asked_for),
            "outputs": encoded(asked_for @ [2, 1, 0.5]),
            "redacted": [],
            "features_run": release["features_run"],
            "request": {},
            "predictions": [],
            "warnings": [],
        }
        yield json.dumps(record, separators=(",", ":"))


def made_to_go_further(parcels: int) -> "np.ndarray[Any, Any]":
    """The inputs of parcels like those of the sample, but that they go further."""
    rows = features.build({"parcels": data.made_up(DAYS, 1)})[list(inputs.NAMES)]
    chosen = np.random.default_rng(0).choice(rows.to_numpy(dtype=np.float32), parcels)
    return chosen + np.array([SHIFT, 0, 0], dtype=np.float32)
