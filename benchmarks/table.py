"""How long the candidates learn from a made-up table, how well, and what resamples of it need.

Run in a generated tabular project with a binary target: python table.py ROWS. A table of more than
100,000 rows has 30 columns: 20 numbers, 8 categories of 5 to 300 levels, 2 dates; others have 17.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # as in a task of the flow

import sys
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from smallboat.evaluation import bootstrap
from smallboat.table import encoding, learning, metrics
from smallboat.table.schema import DATE_PARTS, Column, Kind, Table

WORKERS, SEED, GROUPS = 2, 1, 200
MANY = 100_000
LEVELS = (5, 12, 20, 30, 50, 80, 150, 300)

sys.path.insert(0, str(Path.cwd()))
candidates: Any = import_module(f"{Path.cwd().name}.candidates")


def main(rows: int) -> None:
    """Print a line for each candidate, then the whole."""
    table, frame, columns = made_up(rows)
    reference = roc_auc_score(frame["target"][validation(frame)], ordinal(frame, columns))
    started = time.perf_counter()
    with ProcessPoolExecutor(
        WORKERS, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        names = [each.name for each in candidates.CANDIDATES]
        found = list(pool.map(search, [rows] * len(names), names))
    seconds = time.perf_counter() - started
    for name, (taken, error, auc, peak) in zip(names, found, strict=True):
        fits = " + ".join(f"{each:.1f}" for each in taken)
        print(f"{name}: {fits} s of CPU, log loss {error:.4f}, AUC {auc:.4f}, {peak:.1f} GB")
    auc = min(found, key=lambda each: each[1])[2]
    print(f"{rows:,} rows, {len(columns)} inputs: {seconds:.0f} s with {WORKERS} workers")
    print(f"the best one's AUC {auc:.4f}, HistGradientBoosting's as it is {reference:.4f}")
    resamples(table, frame)


@cache
def made_up(rows: int) -> tuple[Table, pd.DataFrame, list[str]]:
    """A table of so many rows, whose chances numbers, categories and a pair of them decide."""
    rng = np.random.default_rng(SEED)
    numbers, levels, dates = (20, LEVELS, 2) if rows > MANY else (13, LEVELS[:4], 0)
    values: dict[str, Any] = {f"number {at}": rng.normal(size=rows) for at in range(numbers)}
    truth = values["number 0"] + np.maximum(values["number 1"], 0) * (values["number 2"] > 0)
    for value in values.values():
        value[rng.random(rows) < 0.05] = np.nan
    for count in levels:
        level = np.minimum(rng.exponential(count / 4, rows).astype(int), count - 1)
        truth += rng.normal(0, 0.5, count)[level]
        codes = encoding.codes(f"level {at} of {count}" for at in range(count))
        values[f"category {count}"] = codes[level]
    days = pd.to_datetime(rng.integers(18_000, 20_000, (dates, rows)).ravel(), unit="D")
    for at, day in enumerate(np.array(days).reshape(dates, rows)):
        stamp = pd.DatetimeIndex(day)
        parts = (
            stamp.year,
            stamp.month,
            stamp.weekday,
            stamp.hour,
            day.astype("M8[D]").astype(int),
        )
        for part, value in zip(DATE_PARTS, parts, strict=True):
            values[f"date {at}.{part}"] = np.asarray(value)
    frame = pd.DataFrame({name: each.astype(np.float32) for name, each in values.items()})
    chance = 1 / (1 + np.exp(-2 * (truth - np.median(truth) - 1)))
    frame["target"] = (rng.random(rows) < chance).astype(np.float64)
    frame["group"] = rng.integers(0, GROUPS, rows)
    frame["period"] = frame["group"] % 10
    described = [Column(f"category {count}", "category") for count in levels]
    table = Table("target", "binary", classes=("no", "yes"), columns=tuple(described))
    return table, frame, list(values)


def validation(frame: pd.DataFrame) -> "pd.Series[bool]":
    """One fold in ten, and as many rows for a test, are no training rows."""
    return frame["period"] == 8


def ordinal(frame: pd.DataFrame, columns: list[str]) -> Any:
    """What scikit-learn's HistGradientBoosting with ordinal categories answers on validation."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    categories = [name for name in columns if name.startswith("category")]
    chosen = ColumnTransformer([("categories", encoder, categories)], remainder="passthrough")
    model = make_pipeline(chosen, HistGradientBoostingClassifier(random_state=SEED))
    train = frame[frame["period"] < 8]
    model.fit(train[columns], train["target"])
    return model.predict_proba(frame[columns][validation(frame)])[:, 1]


def search(rows: int, name: str) -> tuple[list[float], float, float, float]:
    """Fit all settings of a candidate: CPU seconds, the best log loss, its AUC, most GB in use."""
    table, frame, columns = made_up(rows)
    candidate = next(each for each in candidates.CANDIDATES if each.name == name)
    train, later = frame[frame["period"] < 8], frame[validation(frame)]
    matrix, taken, scores = later[columns].to_numpy(dtype=np.float32), [], []
    for settings in candidate.grid:
        started = time.process_time()
        fitted = learning.fit(table, candidate, settings, train, columns, SEED)
        taken.append(time.process_time() - started)
        found = metrics.score(table, later, fitted.predict(matrix))
        scores.append((found["log_loss"], found["roc_auc"]))
    return taken, *min(scores), getrusage(RUSAGE_SELF).ru_maxrss / 1e6


def resamples(table: Table, frame: pd.DataFrame) -> None:
    """Print what 10,000 resamples of all rows need, for each kind of target."""
    rng = np.random.default_rng(SEED)
    counts, answers = bootstrap.counts(GROUPS), rng.random(len(frame))
    three = rng.dirichlet(np.ones(3), len(frame))
    kinds: dict[Kind, Any] = {"binary": answers, "multiclass": three, "regression": answers}
    for kind, predicted in kinds.items():
        described = replace(table, kind=kind)
        tracemalloc.start()
        started = time.process_time()
        metrics.resampled(described, frame, predicted, counts)
        seconds, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"resamples, {kind}: {seconds:.2f} s of CPU, {peak / 1e6:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]))
