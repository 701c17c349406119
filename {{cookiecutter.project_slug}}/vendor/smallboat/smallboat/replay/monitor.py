"""What the monitor says of a release, window by window, once the truth of its rows is known."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..evaluation import bootstrap, evaluation, reference
from ..evaluation.comparison import LEAST_GROUPS
from ..problem import Problem
from ..training import training

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]


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
        windows: all that were judged, the oldest first.
    """

    problem: Problem
    rules: Any
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
        days = (frames[-1]["date"].max() - frames[0]["date"].min()).days
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
        groups, moved = rows["group"].nunique(), self._moved(facts, rows, predicted)
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

    def _moved(self, facts: Json, rows: pd.DataFrame, predicted: Array) -> list[str]:
        """The inputs and outputs that have drifted from the release's reference."""
        compared = reference.compare(
            facts["reference"],
            training.inputs(self.problem, rows),
            predicted,
            rows["group"].factorize()[0],
            self.rules.ignored,
            self.rules.false_alarms,
        )
        return [each["name"] for each in compared if each["drifted"]]
