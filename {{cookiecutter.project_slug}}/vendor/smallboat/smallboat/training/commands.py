"""`make data`, `make train`, `make resume` and `make tracking-upload`."""

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
    """Make a snapshot and print what is in it."""
    settings = config.load(problem, environment)
    changes = config.assignments(assignments)
    snapshot = _make_snapshot(problem, settings, source, directory, **changes)
    store.make_newest(settings.store.root, snapshot)
    print(f"next: make train{_in(environment)}")
    return 0


def train(problem: Problem, environment: str, directory: str | None) -> int:
    """Run the training flow and print its results; 0 if the winner passed its gates, else 3."""
    settings = config.load(problem, environment)
    root = settings.store.root
    snapshot = None if directory else store.newest_snapshot(root)
    if snapshot is None:
        source = "files" if directory else None
        snapshot = _make_snapshot(problem, settings, source, directory)
    run = _train(problem, settings, environment, snapshot)
    return _finish(settings, run, environment)


def collect_and_train(
    problem: Problem,
    settings: config.Settings,
    environment: str,
    source: str | None,
    directory: str | None,
) -> str:
    """Make a new snapshot and train on it; returns the run."""
    snapshot = _make_snapshot(problem, settings, source, directory)
    return _train(problem, settings, environment, snapshot)


def print_results(settings: config.Settings, run: str) -> dict[str, Any]:
    """Print a run's candidates, metrics and gates, also as GitHub's job summary.

    Returns:
        The run's evaluation.
    """
    folder = store.run_folder(settings.store.root, run)
    evaluation: dict[str, Any] = store.read_json(folder / "evaluation.json")
    table = report.table(evaluation, [("bundle", folder), ("report", folder / "report.html")])
    print(table, flush=True)
    notices.summary(f"```\n{table.strip()}\n```\n")
    return evaluation


def resume(problem: Problem, environment: str, run: str | None) -> int:
    """Resume a failed run with its own data and configuration; ends as `train` does."""
    with flow.nothing_running() as lock:
        failed = flow.failed_run(run, config.load(problem, environment))
        run = flow.resume(problem, failed, lock)
    evaluation = flow.evaluation(run, failed.settings)
    store.make_newest_after(failed.settings.store.root, evaluation["snapshot"])
    return _finish(failed.settings, evaluation["run"], environment)


def tracking_upload(problem: Problem, environment: str) -> int:
    """Send the experiments to the tracker that could not be sent after their run."""
    tracking.upload(config.load(problem, environment))
    return 0


def _train(problem: Problem, settings: config.Settings, environment: str, snapshot: str) -> str:
    """Train on a snapshot; it becomes the newest one only if that succeeds. Returns the run."""
    run = flow.start(problem, environment, settings, snapshot)
    store.make_newest(settings.store.root, snapshot)
    return run


def _finish(settings: config.Settings, run: str, environment: str) -> int:
    if not print_results(settings, run)["passed"]:
        deploy = f"make deploy{_in(environment)}"
        print(f"next: correct what failed; {deploy} gives the champion the new online features")
        return NoCandidateError.exit_code
    print(f"next: make deploy{_in(environment)}")
    return 0


def _in(environment: str) -> str:
    return "" if environment == "local" else f" ENV={environment}"


def _make_snapshot(
    problem: Problem,
    settings: config.Settings,
    source: str | None,
    folder: str | None,
    **changes: Any,
) -> str:
    options = config.override(problem, settings, source=source, directory=folder, **changes)
    snapshot = store.make_snapshot(problem, settings.store.root, options.model_dump())
    print(report.snapshot(snapshot, store.manifest(settings.store.root, snapshot)))
    return snapshot
