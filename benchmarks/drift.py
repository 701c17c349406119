"""How often windows without drift alarm, planted drift is found, and expected metrics come true.

Run in a generated project, on the data that it is configured for: python drift.py [FOLDER]
(FOLDER: of raw tables in another place, such as real ones.) In the template's environment,
`python benchmarks/drift.py toy` does the same with the toy problem of the library.

A model of the simplest candidate is fitted on the past, and the reference is made of the rows held
out after it. f1's seasons differ, so there the races are dealt at random to past, reference and
windows; elsewhere the reference is the validation part, and windows are drawn from the test part.
Windows hold whole clusters: races for f1, sessions for intent.
"""

import importlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from smallboat.config import config
from smallboat.evaluation import expected, reference
from smallboat.problem import Problem, of
from smallboat.training import splits, training

Array = np.ndarray[Any, np.dtype[Any]]
WINDOWS, TRIES, IN_A_ROW, ROWS = 200, 100, 3, 500
SHIFT = 0.5  # standard deviations
MANY = 33_000


class Rows(NamedTuple):
    """Inputs, answers and clusters of rows."""

    frame: pd.DataFrame
    predicted: Array
    cluster: Array

    def draw(self, rng: np.random.Generator) -> "Rows":
        """Whole clusters at random, together at least ROWS rows."""
        order = rng.permutation(int(self.cluster.max()) + 1)
        sizes = np.bincount(self.cluster)[order]
        chosen = order[: int(np.searchsorted(sizes.cumsum(), ROWS)) + 1]
        at = np.flatnonzero(np.isin(self.cluster, chosen))
        return Rows(self.frame.iloc[at], self.predicted[at], self.cluster[at])


class Study(NamedTuple):
    """A problem with a fitted model, its reference, and rows that neither has seen."""

    problem: Problem
    model: Any
    kept: dict[str, Any]
    later: Rows
    ignored: list[str]

    def compare(self, rows: Rows, inputs: Array | None = None) -> list[dict[str, Any]]:
        """The drift of rows, or of other inputs and the model's answers to them."""
        answers = rows.predicted
        if inputs is None:
            inputs = training.inputs(self.problem, rows.frame)
        else:
            changed = pd.DataFrame(inputs, columns=training.columns(self.problem))
            answers = training.predict(self.problem, self.model, changed)
        cluster = np.unique(rows.cluster, return_inverse=True)[1]
        return reference.compare(self.kept, inputs, answers, cluster, self.ignored)


def main(folder: str = "") -> None:
    """Print all numbers."""
    study = prepared(folder)
    print(f"{len(study.later.frame):,} rows to draw windows of {ROWS} from", flush=True)
    for line in (alarms(study), found(study), *seconds(study), *estimates(study)):
        print(line, flush=True)


def prepared(folder: str) -> Study:
    """Fit the simplest candidate, and keep the reference."""
    toy = folder == "toy"
    package = "smallboat.testing.toy" if toy else next(Path().glob("*/problem.py")).parent.name
    sys.path.insert(0, ".")
    problem = of(package)
    settings = None if toy else config.load(problem, "local")
    frame = table(problem, settings, folder)
    train, held, later = dealt(problem, frame, settings)
    simplest = min(problem.candidates.CANDIDATES, key=lambda each: each.complexity)
    model = training.fit(problem, simplest.name, simplest.grid[-1], train, 1)
    kept = reference.sketch(problem, held, training.predict(problem, model, held))
    cluster = "group" if ranks(problem) else "entity" if "entity" in later else "group"
    if toy:
        later = later.assign(entity=np.arange(len(later)))
    rows = Rows(later, training.predict(problem, model, later), later[cluster].factorize()[0])
    ignored = [] if settings is None else settings.monitor.ignored
    return Study(problem, model, kept, rows, ignored)


def ranks(problem: Problem) -> bool:
    """Whether the rows of a group are asked for together."""
    return problem.candidates.OUTPUT.kind == "rank"


def table(problem: Problem, settings: Any, folder: str) -> pd.DataFrame:
    """The feature table."""
    if settings is None:
        data = importlib.import_module("smallboat.testing.toy.data")
        return problem.features.build({"parcels": data.made_up(days=300, seed=1)})
    chosen = settings.data.model_dump()
    if folder:
        chosen |= {"source": "files", "directory": folder}
    with tempfile.TemporaryDirectory() as snapshot:
        problem.data.collect(chosen, Path(snapshot))
        return problem.features.build(problem.data.read(Path(snapshot)))


def dealt(
    problem: Problem, frame: pd.DataFrame, settings: Any
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The rows to learn from, those of the reference, and later ones."""
    if ranks(problem):
        groups = np.random.default_rng(1).permutation(frame["group"].unique())
        third = len(groups) // 3
        parts = (groups[:third], groups[third : 2 * third], groups[2 * third :])
        first, second, third_part = (frame[frame["group"].isin(each)] for each in parts)
        return first, second, third_part
    options = {"validation_periods": 1, "test_periods": 1, "smallest_period": 10, "gap_days": 0}
    if settings is not None:
        options = settings.training.model_dump()
    cut = splits.split(frame, options)
    return cut.train, cut.validation, cut.test


def alarms(study: Study) -> str:
    """In how many windows without drift anything seems to have drifted."""
    rng = np.random.default_rng(2)
    alarmed: list[str] = []
    for _ in range(WINDOWS):
        moved = [each["name"] for each in study.compare(study.later.draw(rng)) if each["drifted"]]
        alarmed += moved[:1]
    return f"{len(alarmed)} of {WINDOWS} windows without drift alarm {sorted(set(alarmed))}"


def found(study: Study) -> str:
    """How often a shift is found by the default rule, 2 of 3 windows, with the right name first."""
    rng = np.random.default_rng(3)
    names = training.columns(study.problem)
    spread = training.inputs(study.problem, study.later.frame).std(axis=0, dtype=np.float64)
    different = [study.later.frame[name].nunique() for name in names]
    able = [at for at, name in enumerate(names) if different[at] > 20 and name not in study.ignored]
    hits, missed = 0, []
    for _ in range(TRIES):
        at, named = int(rng.choice(able)), 0
        for _ in range(IN_A_ROW):
            rows = study.later.draw(rng)
            inputs = training.inputs(study.problem, rows.frame).copy()
            inputs[:, at] += np.float32(SHIFT * spread[at])
            moved = [each for each in study.compare(rows, inputs) if each["drifted"]]
            inside = [each for each in moved if each["of"] == "input"]
            named += bool(inside) and max(inside, key=lambda it: it["effect"])["name"] == names[at]
        hits += named >= 2
        missed += [] if named >= 2 else [names[at]]
    return f"{hits} of {TRIES} shifts of {SHIFT} standard deviations found; not {sorted(missed)}"


def seconds(study: Study) -> list[str]:
    """How long a comparison takes."""
    lines = []
    for number in (ROWS, MANY):
        at = np.arange(number) % len(study.later.frame)
        rows = Rows(study.later.frame.iloc[at], study.later.predicted[at], np.arange(number))
        inputs = training.inputs(study.problem, rows.frame)
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            reference.compare(study.kept, inputs, rows.predicted, rows.cluster, study.ignored)
            taken.append(time.perf_counter() - started)
        lines.append(f"{number:,} rows x {inputs.shape[1]} inputs: {1e3 * min(taken):.1f} ms")
    return lines


def estimates(study: Study) -> list[str]:
    """Expected metrics beside real ones; none if the answers are no probabilities."""
    rows = study.later
    columns = [*training.columns(study.problem), "group"]
    started = time.perf_counter()
    promised = expected.metrics(study.problem, study.kept, rows.frame[columns], rows.predicted)
    taken = time.perf_counter() - started
    if promised is None:
        return []
    real = study.problem.metrics.score(rows.frame, rows.predicted)
    return [
        f"{name}: expected {each['value']:.3f} [{each['low']:.3f}, {each['high']:.3f}], "
        f"real {real[name]:.3f}"
        for name, each in promised.items()
    ] + [f"expected of {len(rows.frame):,} rows in {taken:.2f} s"]


if __name__ == "__main__":
    main(*sys.argv[1:])
