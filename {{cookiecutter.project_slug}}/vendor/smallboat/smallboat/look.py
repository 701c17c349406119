"""What a notebook shows of runs: `notebooks/look.ipynb` calls it.

A run keeps no rows, only models and numbers, so errors are computed anew: the evaluation model
answers the test rows of the run's snapshot.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from . import problem as problems
from . import process_environment
from .config import config
from .errors import UserError
from .evaluation import comparison
from .evaluation.comparison import EvaluationModel
from .problem import Problem
from .release import targets
from .reports import plots
from .store import release_bundle, runs, store
from .validation import preparation
from .words import primary_first

COLORS = (
    "--ink: currentColor; --muted: #7a7f87; --line: #7a7f8755; --accent: #0a84c6; "
    "--baseline: #d55e00"
)
"""Of a plot, whatever the notebook's background."""
WHAT = ("group", "period", "date")
"""Columns of a feature table that say which row it is, as far as it has them."""


@dataclass(frozen=True)
class Run:
    """A run of the store.

    Attributes:
        problem: the project's.
        settings: of the environment whose store it is in.
        bundle: its files, verified.
    """

    problem: Problem
    settings: config.Settings
    bundle: release_bundle.Bundle

    def metrics(self) -> pd.DataFrame:
        """The winner's metrics on the test rows, with 95 % intervals, and the baseline's."""
        known = self.bundle.evaluation
        rows = {
            name: {
                "value": known["metrics"]["test"][name],
                **dict(zip(("low", "high"), known["intervals"]["test"][name], strict=True)),
                "baseline": known["baseline"]["test"][name],
            }
            for name in primary_first(known["metrics"]["test"], known["primary"])
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def candidates(self) -> pd.DataFrame:
        """The deciding metric of each candidate on the validation rows, the best first."""
        known = self.bundle.evaluation
        rows = [
            {
                "candidate": each["candidate"],
                known["primary"]: each["score"],
                **dict(zip(("low", "high"), each["intervals"][known["primary"]], strict=True)),
                "fits": len(each["trials"]),
                "won": each["candidate"] == known["winner"],
                "disqualified": each["disqualified"] or "",
            }
            for each in sorted(known["candidates"], key=lambda each: float(each["score"]))
        ]
        return pd.DataFrame(rows).set_index("candidate")

    def plot(self) -> str:
        """The candidates with their trials, intervals and the baseline, as HTML."""
        known = self.bundle.evaluation
        ranked = sorted(known["candidates"], key=lambda each: float(each["score"]))
        plot = plots.candidates(ranked, known["winner"], known["primary"])
        return f'<div style="max-width: 45em; {COLORS}">{plot}</div>'

    def slices(self) -> pd.DataFrame:
        """The mean error of each slice of the held-out rows, the worst against the baseline first.

        `low` and `high` are the 95 % interval of `difference`, the error less the baseline's.
        """
        ends = {"difference": "value", "low": "low", "high": "high"}
        names = ["by", "value", "rows", "groups", "error", "baseline", *ends]
        rows = [
            each | {name: each["difference"][end] for name, end in ends.items()}
            for each in self.bundle.evaluation["slices"]
        ]
        found = pd.DataFrame(rows, columns=names)  # of no rows, too
        return found.sort_values("difference", ascending=False, ignore_index=True)

    def errors(self) -> pd.DataFrame:
        """The test rows with their answers, the largest error first.

        Returns:
            What says which row it is, `target`, `answer` (in the unit of the target), `error` (in
            the unit of `metrics.loss`), and the model's inputs.

        Raises:
            UserError: the snapshot or the project's code no longer makes the run's features.
        """
        rows, model = self._test_rows()
        answers = np.asarray(model.predict(rows[model.inputs].to_numpy(dtype=np.float32)))
        own = (*self.problem.metrics.SLICES, *self.problem.features.OTHER_COLUMNS)
        what = [name for name in dict.fromkeys((*WHAT, *own)) if name in rows]
        found = rows[list(dict.fromkeys([*what, "target", *model.inputs]))].copy()
        found.insert(len(what) + 1, "answer", self.problem.metrics.as_target(rows, answers))
        found.insert(len(what) + 2, "error", self.problem.metrics.loss(rows, answers))
        return found.sort_values("error", ascending=False, kind="stable", ignore_index=True)

    def against_champion(self) -> comparison.Result:
        """This run as the challenger of what is served: see `comparison.against`."""
        target = targets.of(self.problem, self.settings)
        if target.current() is None:
            return comparison.not_comparable("nothing is served yet: `make deploy`")
        champion, root = release_bundle.load(target.folder()), self.settings.store.root
        margin = self.settings.release.margin
        return comparison.against(self.problem, root, self.bundle, champion, margin)

    def _test_rows(self) -> tuple[pd.DataFrame, EvaluationModel]:
        snapshot, root = self.bundle.evaluation["snapshot"], self.settings.store.root
        frame, _, _ = preparation.engineer(self.problem, root, snapshot)
        model = EvaluationModel.of(self.bundle)
        if missing := sorted(set(model.inputs).difference(frame.columns)):
            raise UserError(
                f"features.py no longer makes {', '.join(missing)} of snapshot {snapshot}: go back "
                "to the run's commit"
            )
        first, last = self.bundle.evaluation["periods"]["test"]
        return frame[frame["period"].between(first, last)], model


def newest(environment: str = "local") -> Run:
    """The newest run that has a model."""
    return run(None, environment)


def run(name: str | None, environment: str = "local") -> Run:
    """A run by its id, of the project that the current folder lies in; UserError without it.

    It changes the current folder to the project's, and drops the variables that no command of the
    project reads.
    """
    process_environment.clean(on_aws=environment != process_environment.LOCAL)
    os.chdir(_project())
    problem = problems.here()
    settings = config.load(problem, environment)
    found, skipped = runs.read(settings.store.root)
    trained = found if name else [each for each in found if found[each].get("winner")]
    folder = store.run_folder(settings.store.root, runs.pick(name, trained, skipped))
    return Run(problem, settings, release_bundle.read(folder))


def _project() -> Path:
    """The nearest folder, from the current one upwards, that has a pyproject.toml."""
    places = [Path.cwd(), *Path.cwd().parents]
    return next((each for each in places if (each / "pyproject.toml").is_file()), places[0])
