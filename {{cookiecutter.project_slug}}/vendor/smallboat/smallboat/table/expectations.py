"""What must hold of a table and of its features, derived from its description."""

from collections.abc import Mapping

import pandas as pd

from ..validation import checks
from ..validation.checks import Check
from . import suspicions
from .data import Rows
from .schema import Table

MOST_WRONG = 0.01
"""Of a column's values, the share that may be of another type: they count as missing."""
MOST_MISSING = 0.95


def views(table: Table, rows: Rows) -> dict[str, pd.DataFrame]:
    """The table as one row, `totals`, and as one row a column, `columns`."""
    frame = rows.frame
    columns = {_told(rows, each.name): _column(table, rows, each.name) for each in table.columns}
    target = rows.wrong.get(table.target)
    totals = {
        "rows": len(frame),
        "usable": int(frame[table.target].notna().sum()),
        "unknown_targets": target.count if target else 0,
    }
    return {
        "columns": pd.DataFrame.from_dict(columns, orient="index"),
        "totals": pd.DataFrame([totals]),
    }


def raw(table: Table, previous_rows: Mapping[str, int] | None) -> list[Check]:
    """The expectations about `views`."""
    found = [
        checks.between("totals", "usable", 1, 1e12, "error", "it has rows with a target"),
        checks.between("totals", "unknown_targets", 0, 0, "error", _targets(table)),
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
            and any(suspicions.decides(each, frame["target"], table.kind) for each in inputs),
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


def _targets(table: Table) -> str:
    if not table.classes:
        return f"each {table.target} is a number"
    return f"each {table.target} is one of {', '.join(table.classes)}"


def _told(rows: Rows, name: str) -> str:
    """A column, with an example of a wrong value."""
    wrong = rows.wrong.get(name)
    return f"{name} ({wrong.example!r} in row {wrong.row})" if wrong else name


def _column(table: Table, rows: Rows, name: str) -> dict[str, float]:
    """The shares of a column's values that are of another type, outside its range, missing."""
    values, size = rows.frame[name], max(len(rows.frame), 1)
    column = next(each for each in table.columns if each.name == name)
    wrong, outside = rows.wrong.get(name), 0.0
    if column.range and column.type == "number":
        low, high = column.range
        outside = float(((values < low) | (values > high)).sum()) / size
    return {
        "wrong": wrong.count / size if wrong else 0.0,
        "outside": outside,
        "missing": float(values.isna().sum()) / size,
    }
