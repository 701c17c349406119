"""What the monitor says of a release, window by window, once the truth of its rows is known."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation import bootstrap, evaluation
from ..evaluation.comparison import LEAST_GROUPS
from ..problem import Problem

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]
Moved = Callable[[Json, pd.DataFrame, Array], list[str]]
"""Which inputs and outputs drifted from the reference in `facts`, in rows with their answers."""


@dataclass
class Monitor:
    """Judges the windows of what a policy serves.

    A window is complete with so many rows and days. It belongs to one release: what a new one
    finds begun is dropped. A window says drift if an input or the output drifted from the
    reference, or if the live error is worse than the promise: its 95 % interval lies wholly above
    that of the evaluation. Fewer than LEAST_GROUPS groups say nothing about the error.

    Attributes:
        problem: the project's.
        rules: the table [monitor] of the configuration.
        moved: compares the inputs with the reference.
        windows: all that were judged, the oldest first.
    """

    problem: Problem
    rules: Any
    moved: Moved
    windows: list[Json] = field(default_factory=list)
    _recent: list[bool] = field(default_factory=list)
    _open: list[tuple[pd.DataFrame, Array]] = field(default_factory=list)

    @property
    def drift(self) -> bool:
        """Whether enough of the last windows say drift, with the newest among them."""
        last = self._recent[-self.rules.windows :]
        return bool(last) and last[-1] and sum(last) >= self.rules.needed

    def retrained(self, released: bool) -> None:
        """Forget the verdicts: one cause starts one retraining."""
        self._recent = []
        if released:
            self._open = []

    def add(self, facts: Json, rows: pd.DataFrame, predicted: Array) -> None:
        """Take the rows of a moment and their answers by the release with these `facts`."""
        self._open.append((rows, predicted))
        frames, answers = zip(*self._open, strict=True)
        days = (frames[-1]["date"].max() - frames[0]["date"].min()).days + 1
        if sum(map(len, frames)) < self.rules.window_rows or days < self.rules.window_days:
            return
        self._open = []
        found = self._judge(facts, pd.concat(frames), np.concatenate(answers))
        self.windows.append(found)
        self._recent.append(found["drift"])

    def _judge(self, facts: Json, rows: pd.DataFrame, predicted: Array) -> Json:
        primary = self.problem.metrics.PRIMARY
        low, high = bootstrap.interval(evaluation.resample(self.problem, rows, predicted)[primary])
        error, baseline = (
            self.problem.metrics.score(rows, each)[primary]
            for each in (predicted, self.problem.metrics.baseline(rows))
        )
        groups, moved = rows["group"].nunique(), self.moved(facts, rows, predicted)
        worse = groups >= LEAST_GROUPS and low > facts["promise"]["interval"][1]
        return {
            "first": f"{rows['date'].min():%Y-%m-%d}",
            "last": f"{rows['date'].max():%Y-%m-%d}",
            "rows": len(rows),
            "groups": groups,
            "error": {"value": error, "low": low, "high": high},
            "baseline": baseline,
            "promise": facts["promise"]["value"],
            "worse": bool(worse),
            "moved": moved,
            "drift": bool(worse or moved),
        }
