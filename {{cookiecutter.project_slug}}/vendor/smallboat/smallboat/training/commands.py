"""What `make data`, `make train`, `make resume` and `make tracking-upload` do."""

from collections.abc import Sequence
from typing import Any

from ..config import config
from ..errors import NoCandidateError
from ..problem import Problem
from ..reports import report
from ..store import store
from ..tracking import tracking
from ..workflows import notices
from . import flow


def make_data(
    problem: Problem,
    environment: str,
    source: str | None,
    directory: str | None,
    assignments: Sequence[str],
) -> int:
    """Make a snapshot and say what is in it."""
    settings = config.load(problem, environment)
    changed = config.assignments(assignments)
    snapshot = _snapshot(problem, settings, source, directory, **changed)
    store.make_newest(settings.store.root, snapshot)
    print(f"next: make train{_in(environment)}")
    return 0


def train(problem: Problem, environment: str, directory: str | None) -> int:
    """Run the training flow and print how the candidates did; 0 if the winner passed, else 3."""
    settings = config.load(problem, environment)
    root = settings.store.root
    snapshot = None if directory else store.newest_snapshot(root)
    if snapshot is None:
        snapshot = _snapshot(problem, settings, "files" if directory else None, directory)
    run = flow.start(environment, settings, snapshot)
    store.make_newest(root, snapshot)
    return _tell(settings, run, environment)


def trained(
    problem: Problem,
    settings: config.Settings,
    environment: str,
    source: str | None,
    directory: str | None,
) -> str:
    """Collect the data anew and train on it; returns the run.

    Data on which training failed does not become the newest snapshot.
    """
    snapshot = _snapshot(problem, settings, source, directory)
    run = flow.start(environment, settings, snapshot)
    store.make_newest(settings.store.root, snapshot)
    return run


def shown(settings: config.Settings, run: str) -> dict[str, Any]:
    """Print how a run's candidates did, for GitHub's job too; returns its evaluation."""
    folder = store.run_folder(settings.store.root, run)
    evaluation: dict[str, Any] = store.read_json(folder / "evaluation.json")
    table = report.table(evaluation, [("bundle", folder), ("report", folder / "report.html")])
    print(table, flush=True)
    notices.summary(f"```\n{table.strip()}\n```\n")
    return evaluation


def resume(problem: Problem, environment: str, run: str | None) -> int:
    """Go on where a run failed, with its data and configuration; ends as `train` does."""
    with flow.nothing_running() as lock:
        origin = flow.origin(run, config.load(problem, environment))
        run = flow.resume(origin, lock)
    evaluation, root = flow.evaluation(run, origin.settings), origin.settings.store.root
    store.make_newest_after(root, evaluation["snapshot"])
    return _tell(origin.settings, evaluation["run"], environment)


def tracking_upload(problem: Problem, environment: str) -> int:
    """Send to Comet what could not be sent when it was made."""
    settings = config.load(problem, environment)
    tracking.upload(settings.store.root, settings.project.name)
    return 0


def _tell(settings: config.Settings, run: str, environment: str) -> int:
    if not shown(settings, run)["passed"]:
        return NoCandidateError.exit_code
    print(f"next: make deploy{_in(environment)}")
    return 0


def _in(environment: str) -> str:
    return "" if environment == "local" else f" ENV={environment}"


def _snapshot(
    problem: Problem,
    settings: config.Settings,
    source: str | None,
    folder: str | None,
    **changed: Any,
) -> str:
    chosen = config.override(problem, settings, source=source, directory=folder, **changed)
    snapshot = store.make_snapshot(problem, settings.store.root, chosen.model_dump())
    print(report.snapshot(snapshot, store.about(settings.store.root, snapshot)))
    return snapshot
