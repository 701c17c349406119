"""What `make data`, `make train`, `make resume` and `make tracking-upload` do."""

import argparse

from ..errors import NoCandidateError, UserError
from . import config, flow, report, runs, store, tracking


def make_data(options: argparse.Namespace) -> int:
    """Make a snapshot and say what is in it."""
    settings = config.load(options.env)
    snapshot = _snapshot(settings, options.source, options.dir)
    store.make_newest(settings.store.root, snapshot)
    print(f"next: make train{_in(options.env)}")
    return 0


def train(options: argparse.Namespace) -> int:
    """Run the training flow and print how the candidates did; 0 if the winner passed, else 3."""
    settings = config.load(options.env)
    root = settings.store.root
    snapshot = None if options.dir else store.newest_snapshot(root)
    if snapshot is None:
        snapshot = _snapshot(settings, "files" if options.dir else None, options.dir)
    run = flow.start(options.env, settings, snapshot)
    store.make_newest(root, snapshot)
    return _tell(root, run, options.env)


def resume(options: argparse.Namespace) -> int:
    """Go on where a run failed, with its data and configuration; ends as `train` does."""
    with flow.nothing_running() as lock:
        known = flow.all_runs(config.load(options.env))
        origin = known[runs.pick(options.run, known)]
        if origin.successful:
            raise UserError(f"run {origin.id} ended well: there is nothing to resume")
        settings, snapshot = flow.began_with(origin)
        run = flow.resume(origin, settings, lock)
    store.make_newest_after(settings.store.root, snapshot)
    return _tell(settings.store.root, flow.kept_as(run, settings), options.env)


def tracking_upload(options: argparse.Namespace) -> int:
    """Send to Comet what could not be sent when it was made."""
    settings = config.load(options.env)
    tracking.upload(settings.store.root, settings.project.name)
    return 0


def _tell(root: str, run: str, environment: str) -> int:
    folder = store.run_folder(root, run)
    evaluation = store.read_json(folder / "evaluation.json")
    print(report.table(evaluation, [("bundle", folder), ("report", folder / "report.html")]))
    if not evaluation["passed"]:
        return NoCandidateError.exit_code
    print(f"next: make deploy{_in(environment)}")
    return 0


def _in(environment: str) -> str:
    return "" if environment == "local" else f" ENV={environment}"


def _snapshot(settings: config.Settings, source: str | None, folder: str | None) -> str:
    chosen = config.override(settings, source=source, directory=folder)
    snapshot = store.make_snapshot(settings.store.root, chosen.model_dump())
    print(report.snapshot(snapshot, store.about(settings.store.root, snapshot)))
    return snapshot
