"""What the rules of the contract share: a sample of the project's data, and what was made of it."""

import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.config import Settings
from ..contract import Json
from ..errors import UserError
from ..problem import Candidate, Output, Problem

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ..training.splits import Split

    Array = np.ndarray[Any, np.dtype[Any]]


class Unavailable(Exception):  # noqa: N818, it is no error: an earlier rule said why
    """An earlier rule failed to make what this one needs."""


class Sample:
    """What the rules made so far; reading what is not there raises `Unavailable`."""

    root: str  # of the store with the snapshot
    snapshot: str
    data_until: str | None  # None if the problem has no time
    tables: Any  # what data.read returned
    columns: list[str]  # the names of the features
    slices: list[str]
    frame: "pd.DataFrame"  # the feature table
    online: Json  # the online features, as a release reads them
    parts: "Split"  # the feature table, cut by time
    baseline: "Array"  # its answers on validation rows
    scores: dict[str, float]  # of the baseline
    output: Output
    candidates: list[Candidate]
    onnx: bytes  # the simplest candidate, fitted on a few rows
    predicted: "Array"  # its answers on validation rows
    evaluation: Json  # its calibration, and its decision if there is one
    matches: Callable[[Json], Any]  # raises an exception for a request that breaks SCHEMA
    request: Json  # the example
    inputs: "Array"  # its features, shape [k, features]
    answers: "Array"  # the model's answers to them
    predictions: list[Json]

    def __init__(self, problem: Problem, settings: Settings, folder: Path) -> None:
        """`folder` is empty and temporary."""
        self.problem, self.settings, self.folder = problem, settings, folder

    @property
    def classes(self) -> int:
        """How many probabilities the model answers for each row; 0 if it answers one number."""
        return len(self.output.classes) if self.output.kind == "probabilities" else 0

    def __getattr__(self, name: str) -> Any:
        raise Unavailable(name)

    def keep(self, name: str, value: Any, breaches: Iterable[str]) -> Iterator[str]:
        """Pass the breaches on; keep the value if there are none."""
        found = list(breaches)
        yield from found
        if not found:
            setattr(self, name, value)


Rule = Callable[[Sample], Iterable[str]]
"""Says what is wrong, in sentences without a subject."""


def array(values: Any, rows: int, classes: int = 0) -> Iterator[str]:
    """What keeps values from being an array of finite numbers, shape [rows] or [rows, classes]."""
    import numpy as np

    wanted = (rows, classes) if classes else (rows,)
    if not isinstance(values, np.ndarray) or values.shape != wanted:
        shape = list(values.shape) if isinstance(values, np.ndarray) else type(values).__name__
        each = f"{classes} numbers" if classes else "one number"
        yield f"returns {shape}; an array of shape {list(wanted)} is needed, {each} a row"
    elif not np.issubdtype(values.dtype, np.number) and values.dtype != bool:
        yield f"returns {values.dtype}; numbers are needed"
    elif not np.isfinite(values).all():
        yield f"returns {int((~np.isfinite(values)).sum())} numbers that are not finite"


def plain(value: Any, name: str) -> Iterator[str]:
    """What keeps a value from being read back from JSON as it was written."""
    try:
        same = json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError) as error:
        yield f"{name} is not plain JSON: {error}"
        return
    if not same:
        yield f"{name} changes in JSON: it needs text as keys, lists, and no other objects"


def described(problem: Problem, error: Exception) -> str:
    """An exception in a sentence, with the line of the project that raised it."""
    if isinstance(error, UserError):
        return str(error)
    lines = traceback.extract_tb(error.__traceback__)
    own = [line for line in lines if problem.folder in Path(line.filename).parents]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    message = (str(error).splitlines() or [""])[0]
    return f"raises {type(error).__name__}: {message}{place}"
