"""From the table to what a model learns from, and to what a release knows of the table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from smallboat.table import features
from smallboat.table.data import Rows

from .inputs import FEATURES, Array, derive
from .table import TABLE

__all__ = ["FEATURES", "GROUPS", "OTHER_COLUMNS", "build", "online_features", "pieces"]

OTHER_COLUMNS: tuple[str, ...] = ()
GROUPS = TABLE.groups


def build(rows: Rows) -> pd.DataFrame:
    """The feature table, one row a row of the table that has a target."""
    return features.build(TABLE, rows, derive)


def online_features(rows: Rows) -> dict[str, Any]:
    """What is usual in each column, and a few rows as examples."""
    return features.online_features(TABLE, rows)


if TABLE.id:

    def truth(rows: Rows, keys: list[str]) -> pd.DataFrame:
        """The targets of the rows that `service.keys` names, as far as they are known."""
        return features.truth(TABLE, rows, keys)


def pieces(file: Path, rows: int) -> Iterator[tuple[pd.DataFrame, Array]]:
    """A file's rows in pieces, as text and as the model's inputs: `make score` reads them."""
    return features.pieces(TABLE, file, rows, derive)
