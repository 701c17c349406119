"""How a run compares with the champion, on rows that neither model has seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ReleaseError, UserError
from ..problem import Problem
from ..store import bundle, release_bundle, store
from ..words import counted

if TYPE_CHECKING:
    import pandas as pd

LEAST_GROUPS = 10
"""A comparison needs so many groups of rows that neither model has seen."""
SHADOW = "monitoring/shadow.json"
"""How the challenger that was kept out did on live requests: see `monitoring.shadow`."""

Result = dict[str, Any]


@dataclass(frozen=True)
class EvaluationModel:
    """An evaluation model, ready to be compared.

    Attributes:
        inputs: the columns that it reads, in order.
        output: the output in its signature.
        predict: answers of shape [n] or [n, classes] to features of shape [n, inputs].
        until: date of the newest row that it has seen, as yyyy-mm-dd; None without time.
        folds: the first and the last fold that it was tested on, if there is no time.
    """

    inputs: list[str]
    output: dict[str, Any]
    predict: Callable[[Any], Any]
    until: str | None = None
    folds: Sequence[int] = ()

    @classmethod
    def of(cls, run: release_bundle.Bundle) -> "EvaluationModel":
        """The evaluation model of a run's bundle."""
        onnx = (run.folder / "evaluation_model.onnx").read_bytes()
        return cls(
            inputs=[each["name"] for each in run.signature["inputs"]],
            output=run.signature["output"],
            predict=lambda rows: bundle.predict(onnx, rows),
            until=run.evaluation.get("evaluation_trained_until"),
            folds=run.evaluation["periods"]["test"],
        )

    @property
    def split_by(self) -> str:
        """What its rows were split by."""
        return "folds" if self.until is None else "time"

    def unseen(self, frame: "pd.DataFrame") -> "pd.Series[bool]":
        """Which rows of a feature table it has not seen.

        They are the later ones, or those of its test folds: new rows fall into the same folds.
        """
        if self.until is None:
            first, last = self.folds
            return frame["period"].between(first, last)
        return frame["date"] > self.until


def against(
    problem: Problem,
    root: str,
    challenger: release_bundle.Bundle,
    champion: release_bundle.Bundle,
    margin: float,
) -> Result:
    """Compare a run with the release that is served, on the run's own snapshot.

    If the monitor has let the run answer enough live requests beside the champion, these decide.

    Args:
        problem: the project's.
        root: the model store.
        challenger: the run's bundle.
        champion: the release.
        margin: how much worse the challenger may be, in units of PRIMARY.

    Returns:
        What `compare` returns, or the `outcome` "the same" if this model is already served.

    Raises:
        ReleaseError: features.py no longer makes the run's features from the snapshot.
    """
    from ..validation import preparation

    model_hash = champion.release["model_hash"]
    if challenger.release["model_hash"] == model_hash:
        return {"outcome": "the same", "message": f"model {model_hash} is served"}
    if live := _live(root, model_hash, challenger.release["run"]):
        return _decided(problem.metrics.PRIMARY, live, margin, " of live requests")
    snapshot = challenger.evaluation["snapshot"]
    try:
        frame, _, report = preparation.engineer(problem, root, snapshot)
    except UserError as error:
        return not_comparable(str(error))
    model = EvaluationModel.of(challenger)
    if not report.passed or set(model.inputs) - set(frame.columns):
        raise ReleaseError(f"features.py no longer makes its features of snapshot {snapshot}")
    return compare(problem, frame, model, EvaluationModel.of(champion), margin)


def compare(
    problem: Problem,
    frame: "pd.DataFrame",
    challenger: EvaluationModel,
    champion: EvaluationModel,
    margin: float,
) -> Result:
    """Whether a challenger is worse than the champion on rows that neither has seen.

    It is inferior if it is worse beyond noise (the lower 95 % bound of the paired difference of
    PRIMARY is above 0), and may be worse by more than the margin (the upper 95 % bound is above
    it).

    Args:
        problem: the project's.
        frame: a feature table.
        challenger: the model that wants to be released.
        champion: the model that is served.
        margin: how much worse the challenger may be, in units of PRIMARY.

    Returns:
        `outcome`: "inferior", "not inferior" or "not comparable"; `message`: why, as a sentence;
        if both models answer, also `difference` (value, low and high) and the number of `groups`.
    """
    from . import evaluation

    missing = [name for name in champion.inputs if name not in frame]
    if missing:
        return not_comparable(f"the champion needs {', '.join(missing)}, which no longer exist")
    # A champion of an older library does not state the kind of its output.
    if not champion.output.items() <= challenger.output.items():
        return not_comparable(f"the champion answers {champion.output}, not {challenger.output}")
    if other := _other_split(frame, challenger, champion):
        return not_comparable(other)
    unseen = frame[challenger.unseen(frame) & champion.unseen(frame)]
    groups = unseen["group"].nunique()
    if groups < LEAST_GROUPS:
        return not_comparable(
            f"{counted(groups, 'group')} that neither has seen, {LEAST_GROUPS} are needed"
        )
    answers, champion_answers = (
        np.asarray(model.predict(unseen[model.inputs].to_numpy(dtype=np.float32)))
        for model in (challenger, champion)
    )
    if not np.isfinite(champion_answers).all():
        return not_comparable("the champion's answers are not finite numbers")
    if not np.isfinite(answers).all():
        return {"outcome": "inferior", "message": "its answers are not finite numbers"}
    primary = problem.metrics.PRIMARY
    differences = evaluation.difference(problem, unseen, answers, champion_answers, coverage=0.9)
    return _decided(primary, {**differences[primary], "groups": groups}, margin)


def _decided(primary: str, found: Mapping[str, float], margin: float, where: str = "") -> Result:
    """The outcome that follows from a difference of PRIMARY: `value`, `low`, `high`, `groups`."""
    value, low, high = (found[end] for end in ("value", "low", "high"))
    groups = int(found["groups"])
    return {
        "outcome": "inferior" if low > 0 and high > margin else "not inferior",
        "message": f"{primary} {value:+.3f} [{low:+.3f}, {high:+.3f}] against the champion on "
        f"{counted(groups, 'group')}{where}, margin {margin:g}",
        "difference": {"value": value, "low": low, "high": high},
        "groups": groups,
    }


def _live(root: str, model_hash: str, run: str) -> Mapping[str, float] | None:
    """The difference that the monitor measured on live requests, if it compared these two."""
    found = store.read_changing(root, SHADOW, {})
    same = (found.get("champion"), found.get("run")) == (model_hash, run)
    difference: Mapping[str, float] | None = found.get("difference") if same else None
    return difference


def _other_split(
    frame: "pd.DataFrame", challenger: EvaluationModel, champion: EvaluationModel
) -> str | None:
    """Why it is not known which rows both have not seen, if it isn't."""
    split_by = "time" if "date" in frame else "folds"
    for name, model in (("champion", champion), ("challenger", challenger)):
        if model.split_by != split_by:
            return f"the {name}'s rows were split by {model.split_by}, these are by {split_by}"
    if split_by == "folds" and challenger.folds[1] != champion.folds[1]:
        folds = [model.folds[1] + 1 for model in (champion, challenger)]
        return f"the champion's rows were split into {folds[0]} folds, these are into {folds[1]}"
    return None


def not_comparable(why: str) -> Result:
    """The outcome of a comparison that can't be made."""
    return {"outcome": "not comparable", "message": why}
