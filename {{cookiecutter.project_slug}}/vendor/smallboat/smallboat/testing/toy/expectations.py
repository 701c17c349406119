"""What must hold of the parcels and of their features."""

from collections.abc import Mapping

import pandas as pd
from smallboat.validation import checks
from smallboat.validation.checks import Check

from .data import COLUMNS, Tables


def views(tables: Tables) -> dict[str, pd.DataFrame]:
    """What the expectations about the raw tables look at."""
    return dict(tables)


def raw(previous_rows: Mapping[str, int] | None = None) -> list[Check]:
    """The expectations about `views`."""
    return [
        checks.columns("parcels", COLUMNS),
        checks.filled("parcels"),
        checks.unique("parcels", ["parcel"], "error"),
        checks.between("parcels", "minutes", 0, 120),
        checks.between("parcels", "floor", 0, 20, "warning"),
        *(checks.grown(table, rows) for table, rows in (previous_rows or {}).items()),
    ]


def feature_views(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the expectations about the feature table look at."""
    return {"features": frame}


def feature() -> list[Check]:
    """The expectations about `feature_views`."""
    return [checks.not_null("features", name) for name in ("date", "group", "target")]
