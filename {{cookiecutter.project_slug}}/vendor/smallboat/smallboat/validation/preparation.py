"""Turn a snapshot into a validated feature table."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.util import hash_pandas_object

from .. import unexpected
from ..errors import FullDiskError
from ..problem import Problem
from ..store import store
from . import drift, inputs, validation

ENOUGH = 200
"""With ten bins, this many rows have a stability index of about .05 by chance alone."""


def validate(problem: Problem, root: str, snapshot: str) -> validation.Report:
    """Check a snapshot's raw tables against their expectations."""
    folder, rows = store.snapshot_folder(root, snapshot), store.previous_rows(root, snapshot)
    with unexpected.user_errors("the raw tables can't be checked", problem.folder):
        views = problem.expectations.views(problem.data.read(folder))
        return validation.run(problem.expectations.raw(rows), views)


def engineer(
    problem: Problem, root: str, snapshot: str
) -> tuple[pd.DataFrame, dict[str, Any], validation.Report]:
    """The feature table, the online features, and the report on the table's expectations.

    If the project's code fails on the tables, the report says so and nothing is raised: the
    expectations about the raw tables name the cause better.
    """
    store.fetch_cache(root, snapshot)
    tables = problem.data.read(store.snapshot_folder(root, snapshot))
    try:
        frame, online = problem.features.build(tables), problem.features.online_features(tables)
        views = problem.expectations.feature_views(frame)
    except FullDiskError:
        raise
    except Exception as error:
        return pd.DataFrame(), {}, validation.crashed(problem, "features", error)
    store.upload_cache(root, snapshot)
    report = validation.run(problem.expectations.feature(), views)
    fit = inputs.check(frame, problem.features.FEATURES)
    return frame, online, validation.Report([*report.results, fit])


def drifted(
    problem: Problem, root: str, snapshot: str, frame: pd.DataFrame
) -> dict[str, Any] | None:
    """How far each feature of the rows that are new since the previous snapshot has drifted.

    A few rows always look as if they had drifted, so at least the newest ENOUGH count as new.

    Returns:
        `rows`, how many count as new, and `features`, their `drift.table` against the previous
        snapshot; None if there is no previous snapshot, if it can't be read any more, or if a model
        can't take the features.
    """
    previous, features = store.previous_snapshot(root, snapshot), problem.features.FEATURES
    if previous is None or frame.empty or not inputs.check(frame, features)["passed"]:
        return None
    folder = store.snapshot_folder(root, previous)
    try:
        reference = problem.features.build(problem.data.read(folder))
    except Exception:  # a broken previous snapshot must not stop training on this one
        return None
    names = [feature.name for feature in features]
    is_new = _new(frame, reference, names)
    new = frame.iloc[np.argsort(is_new, kind="stable")[-max(ENOUGH, is_new.sum()) :]]
    return {"rows": len(new), "features": drift.table(reference, new, names)}


def _new(frame: pd.DataFrame, reference: pd.DataFrame, features: list[str]) -> Any:
    """Which rows of a table another one does not have: the later ones; bool, shape [n].

    Without dates they are those whose features have other values.
    """
    if "date" in frame:
        return (frame["date"] > reference["date"].max()).to_numpy()
    rows, known = (
        hash_pandas_object(each[features].astype(np.float32), index=False)
        for each in (frame, reference)
    )
    return ~rows.isin(known).to_numpy()
