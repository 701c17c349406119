"""How the candidates of a table learn: the encoders of its columns, and a model behind them.

All is one pipeline on float32 inputs of shape [n, inputs] that becomes one graph. Every step has
been seen to answer in ONNX as it does here; that of many others does not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
import pandas as pd

from .. import problem
from ..errors import UserError
from .schema import Table

Array = np.ndarray[Any, np.dtype[Any]]
LEVELS = 50
"""Categories of more levels are target encoded, unless there are several classes."""
HUGE = 3e38
"""Stands for a missing number while it is marked; float32 holds it."""
STAGED = 20_000
"""Of more rows there are fewer points on the learning curve."""


@dataclass(frozen=True)
class Candidate(problem.Candidate):
    """A family of models; its `make` takes the kind of the table before the seed.

    Attributes:
        inputs: what it sees. "raw": numbers that may be NaN, categories as whole numbers, for trees
            that take NaN. "filled": the same, a missing number as the median, with a column that
            marks it, for other trees. "scaled": as "filled", numbers scaled, a column a category,
            for all that isn't made of trees.
        most_rows: of larger tables it learns from so many rows, drawn by the seed.
    """

    inputs: Literal["raw", "filled", "scaled"] = "raw"
    most_rows: int | None = None


def family(path: str, **always: Any) -> Callable[..., Any]:
    """What makes a classifier or a regressor, by the kind of the table.

    Args:
        path: of the class; `*` stands for Classifier or Regressor.
        always: settings that are not searched.
    """

    def make(kind: str, seed: int, **chosen: Any) -> Any:
        name = path.replace("*", "Regressor" if kind == "regression" else "Classifier")
        module, _, name = name.rpartition(".")
        return getattr(import_module(module), name)(random_state=seed, **always, **chosen)

    return make


def fit(
    table: Table,
    candidate: Candidate,
    settings: Mapping[str, Any],
    frame: pd.DataFrame,
    columns: Sequence[str],
    seed: int,
) -> Any:
    """Fit one setting on a feature table; see `contract.Candidates`.

    Returns:
        By kind: `Calibrated`, which answers the probability of the second class; a classifier of
        the classes' indices; `StandardizedTarget`.

    Raises:
        UserError: a class is in no row, or a target has no logarithm.
    """
    from sklearn.pipeline import make_pipeline

    from ..training.calibration import Calibrated
    from ..training.standardized_target import StandardizedTarget

    _learnable(table, frame["target"].to_numpy())
    if candidate.most_rows and len(frame) > candidate.most_rows:
        chosen = np.random.default_rng(seed).choice(len(frame), candidate.most_rows, replace=False)
        frame = frame.iloc[np.sort(chosen)]
    rows, target = _matrix(frame, columns), frame["target"].to_numpy(dtype=np.float64)
    named = {column.name for column in table.columns if column.type == "category"}
    categories = [at for at, name in enumerate(columns) if name in named]
    encoder = _encoder(candidate.inputs, table.kind, rows, categories, seed)
    model = make_pipeline(encoder, candidate.make(table.kind, seed, **settings))
    if table.kind == "regression":
        return StandardizedTarget(model, table.log).fit(rows, target)
    label = target.astype(np.int64)
    if table.kind == "binary":
        return Calibrated(model).fit(rows, label, frame["group"].factorize()[0])
    return model.fit(rows, label)


def rounds(
    table: Table, fitted: Any, frame: pd.DataFrame, columns: Sequence[str], every: int
) -> Iterator[tuple[int, Array]]:
    """Answers after every few rounds of boosting; nothing for families that don't boost.

    Those of a binary target are not calibrated. Of large tables there are fewer points.
    """
    name = {"binary": "classifier_", "regression": "regressor_"}.get(table.kind)
    pipeline = getattr(fitted, name) if name else fitted
    model, rows = pipeline[-1], pipeline[:-1].transform(_matrix(frame, columns))
    for done, answer in _staged(model, rows, every * (1 + len(frame) // STAGED)):
        if table.kind == "regression":
            yield done, fitted.as_target(answer)
        else:
            yield done, answer[:, 1] if table.kind == "binary" else answer


def _staged(model: Any, rows: Array, every: int) -> Iterator[tuple[int, Array]]:
    """The model's own answers after every few rounds."""
    predict = getattr(model, "predict_proba", model.predict)
    if staged := getattr(model, "staged_predict_proba", getattr(model, "staged_predict", None)):
        stages = enumerate(staged(rows), start=1)
        yield from ((done, answer) for done, answer in stages if done % every == 0)
    elif hasattr(model, "get_booster"):  # XGBoost
        for done in range(every, model.get_booster().num_boosted_rounds() + 1, every):
            yield done, predict(rows, iteration_range=(0, done))
    elif hasattr(model, "booster_"):  # LightGBM
        for done in range(every, model.booster_.current_iteration() + 1, every):
            yield done, predict(rows, num_iteration=done)


def _learnable(table: Table, target: Array) -> None:
    """UserError if the rows can't teach what the description says of the target."""
    if table.log and (target <= 0).any():
        raise UserError(
            f"problem.log = true, but {table.target} is {target.min():g} in a row: only positive "
            "numbers have a logarithm; set log = false in config/problem.toml"
        )
    missing = [name for at, name in enumerate(table.classes) if at not in target]
    if missing:
        raise UserError(
            f"no row to learn from has {table.target} {', '.join(map(repr, missing))}: bring rows of "
            "it, or drop the class from problem.classes and from the table"
        )


def _encoder(inputs: str, kind: str, rows: Array, categories: list[int], seed: int) -> Any:
    """What makes of inputs, shape [n, inputs], those that a model sees.

    Its categories are the levels that these rows have; a level that is unknown later is one of its
    own for trees, and else counts as none.
    """
    from sklearn.compose import ColumnTransformer

    numbers = [at for at in range(rows.shape[1]) if at not in categories]
    levels = {at: pd.Series(rows[:, at]).value_counts().index.to_numpy() for at in categories}
    many = [at for at in categories if len(levels[at]) > LEVELS and kind != "multiclass"]
    few = [at for at in categories if at not in many]
    gaps = [at for at in numbers if np.isnan(rows[:, at]).any()] if inputs != "raw" else []
    steps = [
        ("numbers", _numbers(inputs), numbers),
        ("gaps", _gaps(), gaps),
        ("few", _few(inputs, [np.sort(levels[at][:LEVELS]) for at in few]), few),
        ("many", _many(inputs, seed), many),
    ]
    return ColumnTransformer([step for step in steps if step[2]])


def _numbers(inputs: str) -> Any:
    """Of numbers; they are centred first, because float32 holds no small scale of a large one."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler, StandardScaler

    if inputs == "raw":
        return "passthrough"
    median = SimpleImputer(strategy="median", keep_empty_features=True)
    if inputs == "filled":
        return median
    return make_pipeline(median, RobustScaler(with_scaling=False), StandardScaler())


def _gaps() -> Any:
    """1 where a number is missing: neither MissingIndicator nor the imputer's own converts."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Binarizer

    filled = SimpleImputer(strategy="constant", fill_value=HUGE, keep_empty_features=True)
    return make_pipeline(filled, Binarizer(threshold=HUGE / 2))


def _few(inputs: str, levels: list[Array]) -> Any:
    """Of categories with few levels; of several classes' many levels those of the most rows."""
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    if inputs == "scaled":
        return OneHotEncoder(categories=levels, handle_unknown="ignore", sparse_output=False)
    return OrdinalEncoder(
        dtype=np.float32, handle_unknown="use_encoded_value", unknown_value=-1
    )


def _many(inputs: str, seed: int) -> Any:
    """Of categories with many levels: Micci-Barreca, SIGKDD Explorations 3(1), 2001."""
    from skl2onnx.sklapi import CastTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    # float64 could lie on the other side of a tree's threshold than the graph's float32
    last = StandardScaler() if inputs == "scaled" else CastTransformer(dtype=np.float32)
    return make_pipeline(TargetEncoder(random_state=seed), last)


def _matrix(frame: pd.DataFrame, columns: Sequence[str]) -> Array:
    return frame[list(columns)].to_numpy(dtype=np.float32)
