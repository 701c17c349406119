"""What must hold of a table and of its features, derived from its description."""

from collections.abc import Mapping

import pandas as pd

from ..validation import checks, leaks
from ..validation.checks import Check
from ..warehouse.typed import Wrong
from .data import Rows
from .schema import Column, Table

MOST_WRONG = 0.01
"""Of a column's values, the share that may be of another type: they count as missing."""
MOST_MISSING = 0.95
NONE = Wrong(0, "", 0)


def views(table: Table, rows: Rows) -> dict[str, pd.DataFrame]:
    """The table as one row, `totals`, and as one row a column, `columns`."""
    columns = dict(_column(each, rows) for each in table.columns)
    totals = {
        "rows": len(rows.frame),
        "usable": int(rows.frame[table.target].notna().sum()),
        "unknown_targets": rows.wrong.get(table.target, NONE).count,
    }
    return {
        "columns": pd.DataFrame.from_dict(columns, orient="index"),
        "totals": pd.DataFrame([totals]),
    }


def _column(column: Column, rows: Rows) -> tuple[str, dict[str, float]]:
    """Its name, with an example of a wrong value, and the shares of values that are suspicious."""
    wrong, size = rows.wrong.get(column.name, NONE), max(len(rows.frame), 1)
    told = f"{column.name} ({wrong.example!r} in row {wrong.row})" if wrong.count else column.name
    return told, {
        "wrong": wrong.count / size,
        "outside": rows.outside(column) / size,
        "missing": int(rows.frame[column.name].isna().sum()) / size,
    }


def raw(table: Table, previous_rows: Mapping[str, int] | None) -> list[Check]:
    """The expectations about `views`."""
    targets = f"one of {', '.join(table.classes)}" if table.classes else "a number"
    found = [
        checks.between("totals", "usable", 1, 1e12, "error", "it has rows with a target"),
        checks.between(
            "totals", "unknown_targets", 0, 0, "error", f"each {table.target} is {targets}"
        ),
        checks.between(
            "columns", "wrong", 0, MOST_WRONG, "error",
            "of each column at most 1 % of the values are of another type than problem.toml says",
        ),
        checks.between(
            "columns", "wrong", 0, 0, "warning", "each value is of the type of its column"
        ),
        checks.between(
            "columns", "outside", 0, 0, "warning", "each number lies within the range of its column"
        ),
        checks.between(
            "columns", "missing", 0, MOST_MISSING, "warning",
            "no column is missing in more than 95 % of the rows",
        ),
    ]  # fmt: skip
    for rows in (previous_rows or {}).values():
        most = int(checks.MOST_GROWTH * rows)
        told = f"it has the {rows:,} rows of the last snapshot and at most half more"
        found.append(checks.between("totals", "rows", rows, most, "warning", told))
    return found


def feature_views(table: Table, frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the features say of each column: `inputs`, one row a column."""
    found = {}
    for column in table.columns:
        inputs = [frame[feature.name] for feature in column.features]
        found[column.name] = {
            "decides": column.leak != "known"
            and any(leaks.decides(each, frame["target"], table.kind) for each in inputs),
            "constant": all(each.nunique(dropna=False) < 2 for each in inputs),
        }
    return {"inputs": pd.DataFrame.from_dict(found, orient="index").astype("int64")}


def feature(table: Table) -> list[Check]:
    """The expectations about `feature_views`."""
    return [
        checks.always(
            "inputs", "decides", 0,
            f"no column decides {table.target} alone: drop it if it is known only afterwards, else "
            'write leak = "known" into its table in config/problem.toml',
        ),
        checks.between("inputs", "constant", 0, 0, "warning", "no column has one value only"),
    ]  # fmt: skip
