"""A snapshot becomes a feature table that training may trust."""

from typing import Any

import pandas as pd

from .. import data, expectations, features
from ..errors import FullDiskError
from . import drift, store, validation

ENOUGH = 200
"""By chance alone, so many rows of ten bins have a stability index of about .05."""


def validate(root: str, snapshot: str) -> validation.Report:
    """Hold a snapshot's raw tables against their expectations."""
    tables = data.read(store.snapshot_folder(root, snapshot))
    checks = expectations.raw(store.previous_rows(root, snapshot))
    return validation.run(checks, expectations.views(tables))


def engineer(root: str, snapshot: str) -> tuple[pd.DataFrame, dict[str, Any], validation.Report]:
    """The feature table, the look-up features, and what the table's expectations found.

    Tables that break the code are reported, not raised: their own expectations say it better.
    """
    store.bring_derived(root, snapshot)
    tables = data.read(store.snapshot_folder(root, snapshot))
    try:
        frame, lookup = features.build(tables), features.lookup(tables)
    except FullDiskError:
        raise
    except Exception as error:
        return pd.DataFrame(), {}, validation.crashed("features", error)
    store.keep_derived(root, snapshot)
    report = validation.run(expectations.feature(), expectations.feature_views(frame))
    return frame, lookup, report


def drifted(root: str, snapshot: str, frame: pd.DataFrame) -> dict[str, Any] | None:
    """How far each feature of the rows that are new since the previous snapshot moved.

    A few rows always look as if they had drifted, so at least the newest ENOUGH count as new.

    Returns:
        `rows`, how many count as new, and `features`, their `drift.table` against the previous
        snapshot; None if there is none to compare with.
    """
    before = store.previous(root, snapshot)
    if before is None or frame.empty:
        return None
    try:
        earlier = features.build(data.read(store.snapshot_folder(root, before)))
    except Exception:  # it may have been broken: this one need not suffer for it
        return None
    new = frame.tail(max(ENOUGH, (frame["date"] > earlier["date"].max()).sum()))
    names = [feature.name for feature in features.FEATURES]
    return {"rows": len(new), "features": drift.table(earlier, new, names)}
