"""Small tables with each type of column, and their descriptions."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from smallboat.table.data import Rows
from smallboat.table.schema import Column, Table

COLUMNS = (
    Column("age", "number", unit="years", range=(0, 120)),
    Column("MS SubClass", "number"),
    Column("city", "category"),
    Column("member", "flag"),
    Column("joined", "date"),
)
BINARY = Table("left", "binary", file="table.csv", classes=("no", "yes"), columns=COLUMNS)
MULTICLASS = replace(BINARY, kind="multiclass", classes=("low", "mid", "high"))
REGRESSION = replace(BINARY, target="price", kind="regression", classes=())


def rows(table: Table, size: int = 400, seed: int = 0) -> Rows:
    """Rows whose target depends on age and city; some values are missing."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, size).astype(float)
    city = rng.choice(["Köln", "O'Hare", 'a "b"\nc', "x,y"], size)
    score = age / 20 + (city == "Köln") * 2 + rng.normal(0, 0.5, size)
    target: Any = score
    if table.classes:
        ranks = np.argsort(np.argsort(score)) * len(table.classes) // size
        target = np.array(table.classes, dtype=object)[ranks]
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(size) < 0.1, np.nan, age),
            "MS SubClass": rng.integers(1, 9, size).astype(float),
            "city": pd.Categorical(np.where(rng.random(size) < 0.1, None, city)),
            "member": rng.choice([0.0, 1.0, np.nan], size),
            "joined": pd.Timestamp("2020-02-29 13:30") + pd.to_timedelta(np.arange(size), "D"),
            "id": [f"row {at}" for at in range(size)],
            "household": rng.integers(0, 60, size).astype(str),
            "seen": pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(size)[::-1], "D"),
            table.target: target,
        }
    )
    return Rows(frame, {})


def nothing(_: Any) -> dict[str, Any]:
    """No features of the project's own."""
    return {}
