"""The models that answered: what the monitor needs of their runs, and their newest answers."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..evaluation import reference
from ..store import runs, s3_cache, store

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]

MOST_ROWS = 100_000
"""Rows with an outcome that the metrics of a model are computed of: the newest ones."""
NO_REFERENCE = "an older library trained it and kept no reference; the next training keeps one"


@dataclass
class Model:
    """What is known of a model that answered: its inputs, its reference, its promise.

    Attributes:
        names: of its inputs; none if the store has its run no more.
        reference: what training kept of the hold-out; None if it can't be used.
        note: what can't be measured, and why.
        promise: see `runs.summary`; None if its run does not have it for the deciding metric.
        kept: the newest rows with an outcome: frames by key, answers, and those of the challenger.
    """

    names: list[str]
    reference: Json | None
    note: str | None
    promise: Json | None
    kept: "deque[tuple[pd.DataFrame, Array, Array | None]]" = field(default_factory=deque)

    def keep(self, frame: "pd.DataFrame", predicted: Array, other: Array | None) -> None:
        """Keep rows, and forget the oldest beyond MOST_ROWS."""
        self.kept.append((frame, predicted, other))
        while sum(len(each[0]) for each in self.kept) - len(self.kept[0][0]) >= MOST_ROWS:
            self.kept.popleft()


def read(root: str, run: str, primary: str) -> Model:
    """A model by its run; one without inputs, and a note, if the store has the run no more.

    Args:
        root: the store.
        run: the run.
        primary: the metric that decides.
    """
    try:
        folder = store.run_folder(root, run)
    except UserError as error:
        why = str(error) if s3_cache.fetch(root, f"runs/{run}") else "the store has it no more"
        return Model([], None, f"what run {run} answered is not judged: {why}", None)
    signature, evaluated = (
        store.read_json(folder / name) for name in ("signature.json", "evaluation.json")
    )
    try:
        kept, why = reference.read(folder), NO_REFERENCE
    except UserError as error:
        kept, why = None, str(error)
    note = None if kept else f"drift of the model of run {run} is not measured: {why}"
    promise = runs.summary(evaluated)
    same = promise is not None and promise["metric"] == primary
    names = [each["name"] for each in signature["inputs"]]
    return Model(names, kept, note, promise if same else None)
