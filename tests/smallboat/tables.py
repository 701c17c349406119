"""Made-up tables of numbers, categories and gaps, whose truth is known, for tests of the room."""

from typing import Any

import numpy as np
import pandas as pd
from smallboat.store import bundle, converters
from smallboat.table import encoding
from smallboat.table.learning import Candidate, family
from smallboat.table.schema import Column, Table

Array = np.ndarray[Any, np.dtype[Any]]
LEVELS = {"few": 5, "several": 30, "many": 60}
NUMBERS = ("plain", "skewed", "stamp", "date.year")
COLUMNS = (
    *(Column(name, "number") for name in NUMBERS[:3]),
    Column("date", "date"),
    *(Column(name, "category") for name in LEVELS),
)
INPUTS = [*NUMBERS, *LEVELS]
"""The names of the model's inputs; of the date the year is enough."""

TABLES = {
    "binary": Table("bought", "binary", "t.csv", classes=("no", "yes"), columns=COLUMNS),
    "multiclass": Table("size", "multiclass", "t.csv", classes=tuple("SML"), columns=COLUMNS),
    "regression": Table("price", "regression", "t.csv", columns=COLUMNS),
    "log": Table("price", "regression", "t.csv", log=True, columns=COLUMNS),
}

CANDIDATES = {
    "logistic_regression": Candidate(
        "logistic_regression", 1, ({"C": 1.0},),
        family("sklearn.linear_model.LogisticRegression", max_iter=300), "scaled",
    ),
    "ridge": Candidate("ridge", 1, ({},), family("sklearn.linear_model.Ridge"), "scaled"),
    "random_forest": Candidate(
        "random_forest", 2, ({"n_estimators": 20, "min_samples_leaf": 3},),
        family("sklearn.ensemble.RandomForest*", n_jobs=1), "filled",
    ),
    "hist_gradient_boosting": Candidate(
        "hist_gradient_boosting", 3, ({"max_iter": 40},),
        family("sklearn.ensemble.HistGradientBoosting*", early_stopping=False),
    ),
    "xgboost": Candidate(
        "xgboost", 4, ({"n_estimators": 40, "max_depth": 4},), family("xgboost.XGB*", n_jobs=1)
    ),
    "lightgbm": Candidate(
        "lightgbm", 5, ({"n_estimators": 40},), family("lightgbm.LGBM*", n_jobs=1, verbose=-1)
    ),
    "neural_network": Candidate(
        "neural_network", 6, ({"max_iter": 30},), family("sklearn.neural_network.MLP*"), "scaled"
    ),
}  # fmt: skip


def made_up(kind: str, rows: int, seed: int, unknown: bool = False) -> pd.DataFrame:
    """A feature table; with `unknown`, one category in ten is a level that no other table has."""
    rng = np.random.default_rng(seed)
    values = {
        "plain": rng.normal(size=rows),
        "skewed": rng.lognormal(10, 0.5, rows),
        "stamp": 1.6e9 + 128 * rng.integers(0, 200, rows),  # neighbours among float32
        "date.year": rng.integers(2019, 2026, rows),
    }
    truth = values["plain"] + np.log(values["skewed"]) - 10 + np.sin(values["stamp"] / 5000)
    gaps = rng.random((2, rows)) < 0.08
    for name, gap in zip(("plain", "date.year"), gaps, strict=True):
        values[name] = np.where(gap, np.nan, values[name])
    return _with_levels(kind, values, truth, rng, unknown)


def _with_levels(
    kind: str, values: dict[str, Array], truth: Array, rng: np.random.Generator, unknown: bool
) -> pd.DataFrame:
    rows = len(truth)
    for name, levels in LEVELS.items():
        level = np.minimum(rng.exponential(levels / 3, rows).astype(int), levels - 1)
        truth = truth + np.random.default_rng(levels).normal(size=levels)[level] * 0.7
        text = np.array([f"{name} {number}" for number in range(levels)], dtype=object)[level]
        text[rng.random(rows) < 0.05] = None
        if unknown:
            text[rng.random(rows) < 0.1] = "never seen"
        values[name] = encoding.codes(text)
    frame = pd.DataFrame(values)[INPUTS].astype(np.float32)
    target = _target(kind, truth, rng)
    return frame.assign(target=target, group=rng.integers(0, 40, rows), period=0)


def _target(kind: str, truth: Array, rng: np.random.Generator) -> Array:
    if kind == "binary":
        chance = 1 / (1 + np.exp(-2 * truth))
        return (rng.random(len(truth)) < chance).astype(float)
    noisy = truth + rng.normal(0, 0.5, len(truth))
    if kind == "multiclass":
        return np.digitize(noisy, [-0.8, 0.8]).astype(float)
    return np.exp(noisy / 2 + 3) if kind == "log" else noisy


def rows_of(frame: pd.DataFrame) -> Array:
    """What a model sees of a feature table."""
    return frame[INPUTS].to_numpy(dtype=np.float32)


def answers(fitted: Any, rows: Array) -> Array:
    """An estimator's own answers."""
    predict = getattr(fitted, "predict_proba", fitted.predict)
    return np.asarray(predict(rows), dtype=np.float64)


def graph(fitted: Any, inputs: int) -> bytes:
    """An estimator's graph as it is converted; the last output has the answers."""
    classifies = hasattr(fitted, "predict_proba")
    options = {"zipmap": False} if classifies else {}
    return bytes(converters.convert(fitted, inputs, options).SerializeToString())


def graph_answers(onnx: bytes, rows: Array) -> Array:
    """The answers of the graph."""
    found = np.asarray(bundle.session(onnx).run(None, {"features": rows})[-1], dtype=np.float64)
    return found.ravel() if found.shape[1] == 1 else found
