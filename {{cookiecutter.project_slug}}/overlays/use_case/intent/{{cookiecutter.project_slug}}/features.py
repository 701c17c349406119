"""From a snapshot to one row a session and number of events, and to what a release knows."""

from typing import Any

import numpy as np
import pandas as pd

from .inputs import COUNTED, FEATURES, NAMES, Array, Feature, complete
from .warehouse import Warehouse as Tables

__all__ = ["FEATURES", "OTHER_COLUMNS", "Feature", "Tables", "build", "online_features", "truth"]

OTHER_COLUMNS = ("entity", "label")
GROUPS = {
    "pace": ("seconds*", "gap_*"),
    "hour and day": ("hour*", "day_of_week", "weekend"),
    "price": ("price*",),
    "products": ("sku*", "added_*", "product_share", "categor*"),
    "types of pages": ("page_*", "after_page_*"),
    "newest events": ("last_*", "previous_*"),
    "order of events": ("*_to_*",),
    "number of events": ("*",),
}

TYPICAL = 20_000
"""Sessions by which `online` tells what is usual."""
LABELS = ["day", "session_id", "purchased"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def build(tables: Tables) -> pd.DataFrame:
    """The feature table: what a session looks like 0, 2, 4 ... events after its first add.

    Args:
        tables: what `data.read` returned; sessions without an add to cart are left out.

    Returns:
        One row a session and number of events, by day, session and events: period (ISO year x 100 +
        week), group (the UTC day on which the session began), date (that day), entity (the
        session's id), weekday (of the day), target (1 = it purchases later), label (what models
        learn), then FEATURES as float32, none NaN; `after` is 0 to 10.

    Raises:
        UserError: a model or a test of the warehouse failed.
    """
    parts = [(rows[LABELS], _values(rows)) for rows in tables.features()]
    rows = pd.concat([labels for labels, _ in parts], ignore_index=True)
    values = pd.DataFrame(np.concatenate([part for _, part in parts]), columns=list(NAMES))
    return pd.concat([_ended(rows), values], axis=1)


def truth(tables: Tables, keys: list[str]) -> pd.DataFrame:
    """Which of the sessions that `service.keys` names purchased; known when their day is over."""
    rows = tables.purchases(keys)
    ended = _ended(rows).set_axis(pd.Index(rows["key"]))
    return ended.assign(known_at=ended["date"] + pd.Timedelta(days=1))


def _ended(rows: pd.DataFrame) -> pd.DataFrame:
    code, names = pd.factorize(rows["day"])
    days = pd.Series(pd.to_datetime(names))
    week = days.dt.isocalendar().astype("int64")
    labels = {
        "period": (week["year"] * 100 + week["week"]).to_numpy()[code],
        "group": rows["day"],
        "date": days.to_numpy()[code],
        "entity": rows["session_id"],
        "weekday": np.array(WEEKDAYS)[days.dt.day_of_week.to_numpy()][code],
        "target": rows["purchased"],
        "label": rows["purchased"].astype("float64"),
    }
    return pd.DataFrame(labels)


def online_features(tables: Tables) -> dict[str, Any]:
    """What the newest snapshot knows of products and of sessions; ready for JSON.

    `typical` is the mean of each feature over the newest sessions; `sessions` are examples of the
    newest days, each with the request that its events make.
    """
    newest = np.concatenate([_values(rows) for rows in tables.features(newest=TYPICAL)])
    typical = newest.mean(axis=0, dtype=np.float64)
    return {
        "as_of": tables.newest(),
        "catalog": tables.catalog(),
        "typical": dict(zip(NAMES, typical.tolist(), strict=True)),
        "sessions": tables.examples(),
    }


def _values(rows: pd.DataFrame) -> Array:
    return complete(rows[list(COUNTED)].to_numpy(dtype=np.float64))
