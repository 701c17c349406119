"""What `make monitor` would have said of a release, once the outcomes of its rows were known."""

from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import numpy as np
import pandas as pd

from ..config import sections
from ..evaluation import reference
from ..monitoring import decision, quality, verdict
from ..problem import Problem
from ..training import training

Array = np.ndarray[Any, np.dtype[Any]]
Json = dict[str, Any]


@dataclass
class Monitor:
    """Judges the windows of what a policy serves, by the rules of `monitoring`.

    A window belongs to one release: what a new one finds begun is dropped.

    Attributes:
        problem: the project's.
        rules: the table [monitor] of the configuration.
        margin: of [release].
        windows: all that were judged, the oldest first.
        asked: whether the newest of them asks for a retraining.
    """

    problem: Problem
    rules: sections.Monitor
    margin: float
    windows: list[Json] = field(default_factory=list)
    asked: bool = False
    _served: list[Json] = field(default_factory=list)
    _open: list[tuple[pd.DataFrame, Array]] = field(default_factory=list)
    _request: Json | None = None

    def released(self) -> None:
        """Begin anew: another model is served."""
        self._served, self._open = [], []

    def add(self, facts: Json, rows: pd.DataFrame, predicted: Array, retrained: str) -> None:
        """Take the rows of a moment, and their answers.

        Args:
            facts: of the release that answered.
            rows: of the feature table.
            predicted: shape [n] or [n, classes].
            retrained: the day of the newest retraining.
        """
        self.asked = False
        self._open.append((rows, predicted))
        frames, answers = zip(*self._open, strict=True)
        days = (frames[-1]["date"].max() - frames[0]["date"].min()).days
        if sum(map(len, frames)) < self.rules.window_rows or days < self.rules.window_days:
            return
        self._open = []
        self._served.append(self._judge(facts, pd.concat(frames), np.concatenate(answers)))
        causes = decision.causes(self._served, self.rules)
        told = {"causes": causes, "sentence": decision.sentence(causes, self.rules.windows)}
        known = len(self._served) >= self.rules.needed
        now = rows["date"].max().to_pydatetime().replace(tzinfo=UTC)
        made = f"{retrained}T00:00:00+00:00"
        self._request, self.asked = verdict.request(
            told, facts["model_hash"], self._request, made, now, known
        )
        self.windows.append(self._served[-1] | {"asked": told["sentence"] if self.asked else ""})

    def _judge(self, facts: Json, rows: pd.DataFrame, predicted: Array) -> Json:
        """What a window shows, as `monitoring.judging.Judge.window` returns it."""
        live = quality.measure(self.problem, rows, predicted)
        compared = reference.compare(
            facts["reference"],
            training.inputs(self.problem, rows),
            predicted,
            rows["group"].factorize()[0],
            self.rules.ignored,
            self.rules.false_alarms,
        )
        return {
            "first": f"{rows['date'].min():%Y-%m-%d}",
            "last": f"{rows['date'].max():%Y-%m-%d}",
            "rows": len(rows),
            "promise": facts["promise"],
            "live": live,
            "worse": quality.worse(live, facts["promise"], self.margin),
            "drift": [each for each in compared if each["drifted"]],
        }
