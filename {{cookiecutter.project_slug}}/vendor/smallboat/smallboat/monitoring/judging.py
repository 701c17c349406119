"""Each window of captured requests, judged: drift, live quality, what is expected of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from .. import disk, unexpected
from ..config import config
from ..errors import CommandError, UserError
from ..evaluation import evaluation, expected, reference
from ..problem import Problem
from . import models, quality
from .outcomes import Outcomes
from .shadow import Shadow

if TYPE_CHECKING:
    from ..captured.archive import Window

Json = dict[str, Any]
Array = np.ndarray[Any, np.dtype[Any]]

ESTIMATED = 5_000
"""Rows of a window that expected metrics are computed of."""
LISTED = 5
"""Inputs that are listed for each window although they have not drifted."""
NO_QUALITY = "live quality is not measured"

T = TypeVar("T")


class Judge:
    """Judges the windows of an environment, one after the other.

    Attributes:
        shadow: the challenger, if any.
        models: the models that answered, by hash.
        notes: what could not be judged, and why.
    """

    def __init__(
        self, problem: Problem, settings: config.Settings, outcomes: Outcomes, shadow: Shadow | None
    ) -> None:
        self._problem, self._settings = problem, settings
        self._outcomes, self.shadow = outcomes, shadow
        self.models: dict[str, models.Model] = {}
        self.notes: dict[str, None] = {}
        self._redacted: set[str] = set()

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
            "drift": [],
            "expected": None,
            **{"live": None, "worse": None, "waiting": window.rows, "known": 0, "replaced": 0},
        }
        if model:
            drift, expected_of = "drift is not measured", "expected metrics are not computed"
            judged["drift"] = self._try(drift, lambda: self._drift(window, model)) or []
            judged["expected"] = self._try(expected_of, lambda: self._expected(window, model))
            judged |= self._try(NO_QUALITY, lambda: self._live(window, model)) or {}
        return judged

    def live(self, model_hash: str) -> Json | None:
        """The metrics of a model's newest rows with an outcome, also by slice."""
        return self._try(NO_QUALITY, lambda: self._pooled_live(model_hash))

    def _pooled_live(self, model_hash: str) -> Json | None:
        frame, predicted, _ = self.pooled(model_hash)
        measured = quality.measure(self._problem, frame, predicted)
        if measured and "difference" in measured:
            least = self._settings.gates.slice_rows
            measured["slices"] = evaluation.slices(self._problem, frame, predicted, least)
        return measured

    def truth(self) -> Json:
        """The snapshot that tells outcomes, and the day `until` which they are known."""
        until = self._try(NO_QUALITY, lambda: self._outcomes.until)
        return {"snapshot": self._outcomes.snapshot, "until": until}

    def broken(self, model_hash: str) -> list[str]:
        """The expectations that the same rows break; none are checked if an input is redacted."""
        if self._redacted:
            return []
        frame = self.pooled(model_hash)[0]
        what = "the expectations about features are not checked"
        return self._try(what, lambda: quality.broken(self._problem, frame)) or []

    def against_shadow(self, model_hash: str) -> tuple[int, Json | None]:
        """Rows with an outcome that champion and challenger both answered; PRIMARY's difference."""
        what = "the challenger is not compared"
        return self._try(what, lambda: self._compared(model_hash)) or (0, None)

    def _compared(self, model_hash: str) -> tuple[int, Json | None]:
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

        The challenger's are only there for `shadowed` rows: those that it has answered, too. Of
        several rows with one key the last counts. There are as many groups as intervals can be made
        of.
        """
        model = self.models.get(model_hash)
        kept = [each for each in model.kept if each[2] is not None or not shadowed] if model else []
        if not kept:
            return pd.DataFrame(), np.empty(0), None
        frames, predicted, others = zip(*kept, strict=True)
        frame = pd.concat(frames)
        own = ~frame.index.duplicated(keep="last") & quality.newest_groups(frame)
        other = np.concatenate(others)[own] if shadowed else None
        return frame[own].reset_index(drop=True), np.concatenate(predicted)[own], other

    def _model(self, window: "Window") -> models.Model | None:
        """The window's model; None, with a note, if the window can't be judged by it."""
        if window.model not in self.models:
            root, primary = self._settings.store.root, self._problem.metrics.PRIMARY
            self.models[window.model] = models.read(root, window.run, primary)
        model = self.models[window.model]
        if model.note:
            self.notes[model.note] = None
        if window.redacted:
            self._redacted |= {*window.redacted}
            names = ", ".join(window.redacted)
            self.notes[f"not monitored, because api.capture_redact leaves it out: {names}"] = None
        captured, needed = window.inputs.shape[1], len(model.names)
        if model.names and captured != needed:
            self.notes[
                f"some of what run {window.run} answered is not judged: {captured} inputs were "
                f"captured, its model has {needed}"
            ] = None
        return model if captured == needed else None

    def _try(self, what: str, measure: Callable[[], T]) -> T | None:
        """What can be measured; None, with a note, if a file is gone or the project's code fails.

        One window, or one model of the past, must not cost the verdict on all others.
        """
        try:
            return measure()
        except UserError as error:
            reason = str(error)
        except (CommandError, OSError):
            raise
        except Exception as error:
            if disk.message(error, Path()):
                raise
            reason = unexpected.sentence(error, self._problem.folder)
        self.notes[f"{what}: {reason}"] = None
        return None

    def _drift(self, window: "Window", model: models.Model) -> list[Json]:
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

    def _expected(self, window: "Window", model: models.Model) -> Json | None:
        if model.reference is None or window.redacted or not len(window.outputs):
            return None
        step = max(1, len(window.outputs) // ESTIMATED)
        frame = pd.DataFrame(window.inputs[::step], columns=model.names)
        frame = frame.assign(group=window.facts["request"].to_numpy()[::step])
        return expected.metrics(self._problem, model.reference, frame, window.outputs[::step])

    def _live(self, window: "Window", model: models.Model) -> Json:
        if not _answered(window):
            return {}  # that the answers are redacted is noted already
        if self._outcomes.missing:
            raise UserError(self._outcomes.missing)
        joined = self._outcomes.join(window, model.names)
        if len(joined.frame):
            what = "the challenger is not compared"
            other = self._try(what, lambda: self._shadowed(window, model, joined.at))
            keys = window.facts["key"].iloc[joined.at]
            model.keep(joined.frame.set_axis(keys), window.outputs[joined.at], other)
        own = quality.newest_groups(joined.frame)
        live = quality.measure(self._problem, joined.frame[own], window.outputs[joined.at[own]])
        return {
            "live": live,
            "worse": quality.worse(live, model.promise, self._settings.release.margin),
            "waiting": joined.waiting,
            "known": joined.known,
            "replaced": joined.replaced,
        }

    def _shadowed(self, window: "Window", model: models.Model, at: Array) -> Array | None:
        """The challenger's answers; None if it had seen one of the outcomes, or has no answers.

        The champion answered with inputs that are redacted here: the challenger can't.
        """
        if self.shadow is None or window.redacted:
            return None
        seen = self._outcomes.seen_by(self.shadow.run)
        if window.facts["key"].iloc[at].isin(seen).any():
            return None
        return self.shadow.answers(window.inputs[at], model.names)


def _answered(window: "Window") -> bool:
    """Whether the model's answers are captured: redacted ones are NaN."""
    return bool(np.isfinite(window.outputs).all())


def newest(windows: Sequence[Json], model_hash: str) -> list[Json]:
    """The complete windows of a model, the oldest first."""
    return [each for each in windows if each["model"] == model_hash and each["complete"]]
