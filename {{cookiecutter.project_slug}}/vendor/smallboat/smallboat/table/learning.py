"""How the candidates of a table learn: the encoders of its columns, and a model behind them."""

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
STAGED = 20_000
"""Of more rows there are fewer points on the learning curve."""


@dataclass(frozen=True)
class Candidate(problem.Candidate):
    """A family of models; its `make` takes the kind of the table before the seed.

    Attributes:
        inputs: what it sees: "raw" is for trees that take NaN, "filled" for other trees, "scaled"
            for all others; see `encoders.encoder`.
        most_rows: of larger tables it learns from so many rows, drawn by the seed.
    """

    inputs: Literal["raw", "filled", "scaled"] = "raw"
    most_rows: int | None = None


def family(path: str, **always: Any) -> Callable[..., Any]:
    """Makes a classifier or a regressor, by the kind of the table.

    Args:
        path: of the class; `*` stands for Classifier or Regressor.
        always: settings that are not searched.
    """

    def make(kind: str, seed: int, **chosen: Any) -> Any:
        name = path.replace("*", "Regressor" if kind == "regression" else "Classifier")
        module, _, name = name.rpartition(".")
        model = getattr(import_module(module), name)(**always, **chosen)
        return (
            model.set_params(random_state=seed) if "random_state" in model.get_params() else model
        )

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

    from ..training import encoders
    from ..training.calibration import Calibrated
    from ..training.standardized_target import StandardizedTarget

    _learnable(table, frame["target"].to_numpy())
    if candidate.most_rows and len(frame) > candidate.most_rows:
        chosen = np.random.default_rng(seed).choice(len(frame), candidate.most_rows, replace=False)
        frame = frame.iloc[np.sort(chosen)]
    rows, target = _matrix(frame, columns), frame["target"].to_numpy(dtype=np.float64)
    named = {column.name for column in table.columns if column.type == "category"}
    categories = [at for at, name in enumerate(columns) if name in named]
    encoder = encoders.encoder(candidate.inputs, rows, categories, table.kind == "multiclass", seed)
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
    """Answers after every few rounds of boosting, for large tables after more; not calibrated.

    Nothing for families that don't boost.
    """
    from ..training import stages

    inside = {"binary": "classifier_", "regression": "regressor_"}
    pipeline = getattr(fitted, inside.get(table.kind, ""), fitted)
    model, rows = pipeline[-1], pipeline[:-1].transform(_matrix(frame, columns))
    for done, answer in stages.answers(model, rows, every * (1 + len(frame) // STAGED)):
        if table.kind == "regression":
            yield done, fitted.as_target(answer)
        else:
            yield done, answer[:, 1] if table.kind == "binary" else answer


def _learnable(table: Table, target: Array) -> None:
    """UserError if a class is in no row, or a target has no logarithm."""
    if table.log and (target <= 0).any():
        raise UserError(
            f"problem.log = true, but {table.target} is {target.min():g} in a row: only positive "
            "numbers have a logarithm; set log = false in config/problem.toml"
        )
    missing = [name for at, name in enumerate(table.classes) if at not in target]
    if missing:
        raise UserError(
            f"no row to learn from has {table.target} = {', '.join(missing)}: bring rows of it, or "
            "remove it from the table and from problem.classes"
        )


def _matrix(frame: pd.DataFrame, columns: Sequence[str]) -> Array:
    return frame[list(columns)].to_numpy(dtype=np.float32)
