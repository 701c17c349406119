"""Each window of captured requests, judged: drift, live quality, what is expected of it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..config import config
from ..errors import IntegrityError, UserError
from ..evaluation import evaluation, expected, reference
from ..problem import Problem
from ..store import runs, store
from . import quality
from .outcomes import Outcomes
from .shadow import Shadow

if TYPE_CHECKING:
    from ..captured.archive import Window

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]

MOST_ROWS = 100_000
"""Rows with an outcome that the metrics of a model are computed of: the newest ones."""
ESTIMATED = 5_000
"""Rows of a window that expected metrics are computed of."""
LISTED = 5
"""Inputs that are listed for each window although they have not drifted."""


@dataclass
class Model:
    """What is known of a model that answered: its inputs, its reference, its promise.

    Attributes:
        names: of its inputs.
        reference: what training kept of the hold-out; None if it can't be used.
        note: why not.
        promise: see `runs.summary`; None if an older library made the run.
        kept: the newest rows with an outcome: frames, answers, and those of the challenger.
    """

    names: list[str]
    reference: Json | None
    note: str | None
    promise: Json | None
    kept: deque[tuple[pd.DataFrame, Array, Array | None]] = field(default_factory=deque)

    def keep(self, frame: pd.DataFrame, predicted: Array, other: Array | None) -> None:
        """Keep rows, and forget the oldest beyond MOST_ROWS."""
        self.kept.append((frame, predicted, other))
        while sum(len(each[0]) for each in self.kept) - len(self.kept[0][0]) >= MOST_ROWS:
            self.kept.popleft()


class Judge:
    """Judges the windows of an environment, one after the other.

    Attributes:
        models: the models that answered, by hash.
        notes: what could not be judged, and why.
    """

    def __init__(
        self, problem: Problem, settings: config.Settings, outcomes: Outcomes, shadow: Shadow | None
    ) -> None:
        self._problem, self._settings = problem, settings
        self._outcomes, self._shadow = outcomes, shadow
        self.models: dict[str, Model] = {}
        self.notes: dict[str, None] = {}

    def window(self, window: "Window") -> Json:
        """What a window shows; plain JSON.

        Returns:
            model, run, releases, first, last, rows, requests, complete, redacted; `drift` (what
            moved most, see `reference.compare`), `live` and `worse` (see `quality`), `expected`
            (see `expected.metrics`), and how many predictions are waiting for their outcome, were
            known before, or were replaced by a later one.
        """
        model = self._model(window)
        judged: Json = {
            "model": window.model,
            "run": window.run,
            "releases": list(window.releases),
            "first": window.first.isoformat(),
            "last": window.last.isoformat(),
            "rows": window.rows,
            "requests": int(window.facts["request"].nunique()),
            "complete": window.complete,
            "redacted": list(window.redacted),
            "drift": self._drift(window, model),
            "expected": self._expected(window, model),
            **self._live(window, model),
        }
        return judged

    def live(self, model_hash: str) -> Json | None:
        """The metrics of a model's newest MOST_ROWS rows with an outcome, also by slice."""
        frame, predicted, _ = self.pooled(model_hash)
        measured = quality.measure(self._problem, frame, predicted)
        if measured and "difference" in measured:
            least = self._settings.gates.slice_rows
            measured["slices"] = evaluation.slices(self._problem, frame, predicted, least)
        return measured

    def broken(self, model_hash: str) -> list[str]:
        """The expectations that the same rows break."""
        return quality.broken(self._problem, self.pooled(model_hash)[0])

    def against_shadow(self, model_hash: str) -> tuple[int, Json | None]:
        """Rows with an outcome that champion and challenger both answered; PRIMARY's difference."""
        frame, predicted, other = self.pooled(model_hash, shadowed=True)
        if not len(frame) or other is None:
            return 0, None
        found = evaluation.difference(self._problem, frame, other, predicted, coverage=0.9)
        groups = frame["group"].nunique()
        return len(frame), found[self._problem.metrics.PRIMARY] | {"groups": groups}

    def pooled(
        self, model_hash: str, shadowed: bool = False
    ) -> tuple[pd.DataFrame, Array, Array | None]:
        """A model's newest rows with an outcome, its answers, and those of the challenger.

        The challenger's are only there for `shadowed` rows: those that it has answered, too.
        """
        model = self.models.get(model_hash)
        kept = [each for each in model.kept if each[2] is not None or not shadowed] if model else []
        if not kept:
            return pd.DataFrame(), np.empty(0), None
        frames, predicted, others = zip(*kept, strict=True)
        frame = pd.concat(frames, ignore_index=True)
        other = np.concatenate(others) if shadowed else None
        return frame, np.concatenate(predicted), other

    def _model(self, window: "Window") -> Model:
        if window.model not in self.models:
            self.models[window.model] = _read(self._settings, window.run)
        model = self.models[window.model]
        if model.note:
            self.notes[model.note] = None
        if window.redacted:
            names = ", ".join(window.redacted)
            self.notes[f"not monitored, because api.capture_redact leaves it out: {names}"] = None
        return model

    def _drift(self, window: "Window", model: Model) -> list[Json]:
        if model.reference is None or not window.complete:
            return []
        rules = self._settings.monitor
        ignored = {*rules.ignored, *window.redacted}
        found = reference.compare(
            model.reference,
            window.inputs,
            window.outputs,
            window.facts["request"].to_numpy(),
            ignored=ignored,
            false_alarms=rules.false_alarms,
        )
        if not _answered(window):
            found = [each for each in found if each["of"] != "output"]
        ranked = sorted(found, key=lambda each: (not each["drifted"], -each["effect"]))
        moved = sum(each["drifted"] for each in ranked)
        return ranked[: max(moved, LISTED)]

    def _expected(self, window: "Window", model: Model) -> Json | None:
        if model.reference is None or window.redacted or not len(window.outputs):
            return None
        step = max(1, len(window.outputs) // ESTIMATED)
        frame = pd.DataFrame(window.inputs[::step], columns=model.names)
        frame = frame.assign(group=window.facts["request"].to_numpy()[::step])
        return expected.metrics(self._problem, model.reference, frame, window.outputs[::step])

    def _live(self, window: "Window", model: Model) -> Json:
        nothing = {"live": None, "worse": None, "waiting": window.rows, "known": 0, "replaced": 0}
        if not _answered(window):
            return nothing  # that the answers are redacted is noted already
        if self._outcomes.missing:
            self.notes[f"live quality is not measured: {self._outcomes.missing}"] = None
            return nothing
        try:
            joined = self._outcomes.join(window, model.names)
        except UserError as error:
            self.notes[f"live quality is not measured: {error}"] = None
            return nothing
        predicted = window.outputs[joined.at]
        if len(joined.frame):
            other = self._shadowed(window, model, joined.at)
            model.keep(joined.frame, predicted, other)
        live = quality.measure(self._problem, joined.frame, predicted)
        return {
            "live": live,
            "worse": quality.worse(live, model.promise, self._settings.release.margin),
            "waiting": joined.waiting,
            "known": joined.known,
            "replaced": joined.replaced,
        }

    def _shadowed(self, window: "Window", model: Model, at: Array) -> Array | None:
        """The challenger's answers; None if it had seen one of the outcomes, or has no answers."""
        if self._shadow is None:
            return None
        seen = self._outcomes.seen_by(self._shadow.run)
        if window.facts["key"].iloc[at].isin(seen).any():
            return None
        return self._shadow.answers(window.inputs[at], model.names)


def _read(settings: config.Settings, run: str) -> Model:
    """A model by its run; UserError if the store has it no more."""
    try:
        folder = store.run_folder(settings.store.root, run)
    except IntegrityError as error:
        raise UserError(f"the store has not what the monitor needs of run {run}: {error}") from None
    signature, evaluated = (
        store.read_json(folder / name) for name in ("signature.json", "evaluation.json")
    )
    kept, note = None, None
    try:
        kept = reference.read(folder)
    except UserError as error:
        note = f"drift of the model of run {run} is not measured: {error}"
    if kept is None and note is None:
        note = (
            f"drift of the model of run {run} is not measured: an older library trained it and "
            "kept no reference; the next training keeps one"
        )
    names = [each["name"] for each in signature["inputs"]]
    return Model(names, kept, note, runs.summary(evaluated))


def _answered(window: "Window") -> bool:
    """Whether the model's answers are captured: redacted ones are NaN."""
    return bool(np.isfinite(window.outputs).all())


def newest(windows: Sequence[Json], model_hash: str) -> list[Json]:
    """The complete windows of a model, the oldest first."""
    return [each for each in windows if each["model"] == model_hash and each["complete"]]
