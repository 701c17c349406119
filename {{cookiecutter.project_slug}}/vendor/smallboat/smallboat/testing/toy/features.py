"""From parcels to the feature table, and to what a release knows of the depots."""

from typing import Any

import pandas as pd
from smallboat.evaluation import truth as outcomes

from .data import Tables
from .inputs import FEATURES, NAMES, complete

__all__ = ["FEATURES", "OTHER_COLUMNS", "build", "online_features", "truth"]

OTHER_COLUMNS = ("entity",)


def build(tables: Tables) -> pd.DataFrame:
    """One row a parcel: what was known on the morning of its day, and how long it took."""
    parcels = tables["parcels"].sort_values(["date", "parcel"], ignore_index=True)
    days = parcels.groupby(["depot", "date"])["minutes"].agg(["sum", "size"])
    before = days.groupby("depot").cumsum() - days
    means = (before["sum"] / before["size"].where(before["size"] > 0)).rename("depot_minutes")
    frame = parcels.join(means, on=["depot", "date"])
    inputs = (frame[name].to_numpy() for name in ("distance", "floor", "depot_minutes"))
    columns = {
        "period": frame["date"].dt.year,
        "group": frame["date"].dt.strftime("%Y-%m-%d"),
        "date": frame["date"],
        "entity": frame["parcel"],
        "depot": frame["depot"],
        "target": frame["minutes"],
    }
    return pd.DataFrame(columns).join(pd.DataFrame(complete(*inputs), columns=list(NAMES)))


def truth(tables: Tables, keys: list[str]) -> pd.DataFrame:
    """How long the parcels took that `service.keys` names; known when their day is over."""
    over = tables["parcels"].set_index("parcel")["date"] + pd.Timedelta(days=1)
    rows = build(tables).drop(columns=list(NAMES)).join(over.rename("known_at"), on="entity")
    return outcomes.named(rows, [rows["entity"].astype("str")], keys)


def online_features(tables: Tables) -> dict[str, Any]:
    """The mean of each depot after the newest day; ready for JSON."""
    parcels = tables["parcels"].sort_values(["date", "parcel"], ignore_index=True)
    newest = parcels.tail(3)[["distance", "floor", "depot"]].to_dict("records")
    return {
        "as_of": parcels["date"].max().date().isoformat(),
        "depots": parcels.groupby("depot")["minutes"].mean().round(4).to_dict(),
        "newest": newest,
    }
