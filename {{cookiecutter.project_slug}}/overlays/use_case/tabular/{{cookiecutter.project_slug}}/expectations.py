"""What must hold of the table and of its features, or the run stops.

The library derives checks from config/problem.toml; add your own to the lists.
"""

from collections.abc import Mapping

import pandas as pd
from smallboat.table import expectations
from smallboat.table.data import Rows
from smallboat.validation.checks import Check

from .table import TABLE


def views(rows: Rows) -> dict[str, pd.DataFrame]:
    """What the checks of the raw table look at: `totals`, `columns`, and the table as `rows`."""
    return {**expectations.views(TABLE, rows), "rows": rows.frame}


def raw(previous_rows: Mapping[str, int] | None = None) -> list[Check]:
    """The checks of `views`; yours, too, as checks.between("rows", "age", 18, 120)."""
    return [*expectations.raw(TABLE, previous_rows)]


def feature_views(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the checks of the features look at: `feature_columns`, and all rows as `features`."""
    return {**expectations.feature_views(TABLE, frame), "features": frame}


def feature() -> list[Check]:
    """The checks of `feature_views`."""
    return [*expectations.feature(TABLE)]
