"""What became of predictions: the rows of a window whose outcome is known by now.

A prediction counts if nobody could know its outcome when the model and its online features were
made. Of several predictions with one key, the last one counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .. import unexpected
from ..errors import UserError
from ..problem import Problem
from ..store import runs, store

if TYPE_CHECKING:
    from ..captured.archive import Window


@dataclass(frozen=True)
class Joined:
    """The rows of a window with their outcomes.

    Attributes:
        frame: one row a prediction: the inputs, and the columns of `features.truth`.
        at: which rows of the window these are, shape [len(frame)].
        waiting: predictions whose outcome is not known yet, or that name nothing it could be of.
        known: predictions of what the model or its online features had seen.
        replaced: predictions that a later one of the same key replaces.
    """

    frame: pd.DataFrame
    at: np.ndarray
    waiting: int
    known: int
    replaced: int


class Outcomes:
    """The outcomes of predictions, from the newest snapshot and from those of the releases.

    Attributes:
        evaluations: of the runs in the store, the newest first.
    """

    def __init__(self, problem: Problem, root: str, keys: Sequence[str]) -> None:
        """Outcomes of these keys; nothing is read before it is needed."""
        self._problem, self._root = problem, root
        self._keys = sorted({key for key in keys if key})
        self._by_snapshot: dict[str, pd.DataFrame] = {}
        self.evaluations = runs.evaluations(root)

    @property
    def missing(self) -> str | None:
        """Why no outcome can be known; None if it can."""
        if not hasattr(self._problem.features, "truth"):
            return "features.py has no function `truth`: see Outcomes in docs/monitoring.md"
        if not self._keys:
            return "no request says what its predictions are of: see Outcomes in docs/monitoring.md"
        if self.snapshot is None:
            return "the store has no snapshot: `make data` makes one"
        return None

    @cached_property
    def snapshot(self) -> str | None:
        """The newest snapshot."""
        return store.newest_snapshot(self._root)

    @cached_property
    def known(self) -> pd.DataFrame:
        """What `features.truth` returns for the newest snapshot."""
        return self._of(str(self.snapshot))

    @property
    def until(self) -> str | None:
        """When the newest of them became known, as yyyy-mm-dd; None if that is not known."""
        newest = None if self.missing else self.known["known_at"].max()
        return None if newest is None or pd.isna(newest) else str(newest.date())

    def seen_by(self, run: str) -> pd.Index:
        """The keys whose outcome a run's snapshot has.

        UserError if the store has the run or its snapshot no more.
        """
        if run not in self.evaluations:
            raise UserError(f"the store has no run {run}: what it has seen is not known")
        return self._of(self.evaluations[run]["snapshot"]).index

    def join(self, window: "Window", names: Sequence[str]) -> Joined:
        """The rows of a window with outcomes that its model could not know; `names` of inputs."""
        key = window.facts["key"]
        asked = key != ""
        last = asked & ~key.duplicated(keep="last")
        found = last & key.isin(self.known.index)
        seen = found & key.isin(self.seen_by(window.run))
        for run, part in window.facts[found & ~seen].groupby("features_run"):
            seen.loc[part.index] = part["key"].isin(self.seen_by(str(run)))
        at = np.flatnonzero((found & ~seen).to_numpy())
        inputs = pd.DataFrame(window.inputs[at], columns=list(names))
        truth = self.known.loc[key.iloc[at]].reset_index(drop=True)
        return Joined(
            frame=pd.concat([inputs, truth], axis=1),
            at=at,
            waiting=int((last & ~found).sum() + (~asked).sum()),
            known=int(seen.sum()),
            replaced=int((asked & ~last).sum()),
        )

    def _of(self, snapshot: str) -> pd.DataFrame:
        if snapshot not in self._by_snapshot:
            folder = store.snapshot_folder(self._root, snapshot)
            store.fetch_cache(self._root, snapshot)
            with unexpected.user_errors("the outcomes can't be read", self._problem.folder):
                tables = self._problem.data.read(folder)
                truth = getattr(self._problem.features, "truth")(tables, self._keys)  # noqa: B009
            self._by_snapshot[snapshot] = truth
        return self._by_snapshot[snapshot]
