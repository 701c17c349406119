"""A snapshot becomes a feature table that training may trust."""

from typing import Any

import pandas as pd

from .. import data, expectations, features
from . import store, validation


def validate(root: str, snapshot: str) -> validation.Report:
    """Hold a snapshot's raw tables against their expectations."""
    tables = data.read(store.snapshot_folder(root, snapshot))
    checks = expectations.raw(store.previous_rows(root, snapshot))
    return validation.run(checks, expectations.views(tables))


def engineer(root: str, snapshot: str) -> tuple[pd.DataFrame, dict[str, Any], validation.Report]:
    """The feature table, the look-up features, and what the table's expectations found.

    Tables that break the code are reported, not raised: their own expectations say it better.
    """
    tables = data.read(store.snapshot_folder(root, snapshot))
    try:
        frame, lookup = features.build(tables), features.lookup(tables)
    except Exception as error:
        return pd.DataFrame(), {}, validation.crashed("features", error)
    report = validation.run(expectations.feature(), expectations.feature_views(frame))
    return frame, lookup, report
