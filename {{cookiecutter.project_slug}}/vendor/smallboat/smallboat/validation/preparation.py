"""A snapshot becomes a feature table that training may trust."""

from typing import Any

import pandas as pd

from ..errors import FullDiskError
from ..problem import Problem
from ..store import store
from . import drift, validation

ENOUGH = 200
"""By chance alone, so many rows of ten bins have a stability index of about .05."""


def validate(problem: Problem, root: str, snapshot: str) -> validation.Report:
    """Hold a snapshot's raw tables against their expectations."""
    tables = problem.data.read(store.snapshot_folder(root, snapshot))
    checks = problem.expectations.raw(store.previous_rows(root, snapshot))
    return validation.run(checks, problem.expectations.views(tables))


def engineer(
    problem: Problem, root: str, snapshot: str
) -> tuple[pd.DataFrame, dict[str, Any], validation.Report]:
    """The feature table, the online features, and what the table's expectations found.

    Tables that break the code are reported, not raised: their own expectations say it better.
    """
    store.fetch_cache(root, snapshot)
    tables = problem.data.read(store.snapshot_folder(root, snapshot))
    try:
        frame, online = problem.features.build(tables), problem.features.online_features(tables)
    except FullDiskError:
        raise
    except Exception as error:
        return pd.DataFrame(), {}, validation.crashed(problem, "features", error)
    store.upload_cache(root, snapshot)
    report = validation.run(
        problem.expectations.feature(), problem.expectations.feature_views(frame)
    )
    return frame, online, report


def drifted(
    problem: Problem, root: str, snapshot: str, frame: pd.DataFrame
) -> dict[str, Any] | None:
    """How far each feature of the rows that are new since the previous snapshot moved.

    A few rows always look as if they had drifted, so at least the newest ENOUGH count as new.

    Returns:
        `rows`, how many count as new, and `features`, their `drift.table` against the previous
        snapshot; None if there is none to compare with.
    """
    before = store.previous(root, snapshot)
    if before is None or frame.empty:
        return None
    folder = store.snapshot_folder(root, before)
    try:
        earlier = problem.features.build(problem.data.read(folder))
    except Exception:  # it may have been broken: this one need not suffer for it
        return None
    new = frame.tail(max(ENOUGH, (frame["date"] > earlier["date"].max()).sum()))
    names = [feature.name for feature in problem.features.FEATURES]
    return {"rows": len(new), "features": drift.table(earlier, new, names)}
