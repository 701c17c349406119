"""From the table to what a model learns from, and to what a release knows of the table."""

from typing import Any

import pandas as pd
from smallboat.table import features
from smallboat.table.data import Rows

from .inputs import FEATURES, derive
from .table import TABLE

__all__ = ["FEATURES", "OTHER_COLUMNS", "build", "online_features"]

OTHER_COLUMNS: tuple[str, ...] = ()


def build(rows: Rows) -> pd.DataFrame:
    """The feature table, one row a row of the table that has a target."""
    return features.build(TABLE, rows, derive)


def online_features(rows: Rows) -> dict[str, Any]:
    """What is usual in each column, and a few rows as examples."""
    return features.online_features(TABLE, rows)
