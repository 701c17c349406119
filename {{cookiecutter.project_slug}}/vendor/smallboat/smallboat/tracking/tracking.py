"""What is logged of a finished run: an experiment for each candidate, the same in each tracker."""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..config.config import Settings
from ..errors import CommandError, UserError
from ..store import release_bundle, s3_cache, store
from ..words import counted
from . import archives, sending
from .archives import Experiment

JOB = "AWS_BATCH_JOB_ID"
"""Set where a step runs as a job: its files are lost when it ends."""


def track(settings: Settings, run: str) -> None:
    """Log a run of the store with the configured tracker.

    Errors are printed and not raised: the run itself is complete.

    Args:
        settings: of the run.
        run: a run whose bundle is in the store.
    """
    if settings.tracking.tracker == "none":
        return
    try:
        _track(settings, run)
    except CommandError as error:
        print(f"tracking: {error}")
    except Exception as error:
        message = shorten(str(error), 200, placeholder="…")
        print(f"tracking: failed, though the run did not: {type(error).__name__}: {message}")


def _track(settings: Settings, run: str) -> None:
    bundle, folder = store.run_folder(settings.store.root, run), _folder(settings)
    evaluation = store.read_json(bundle / "evaluation.json")
    waiting = [
        archives.write(experiment, files, folder)
        for experiment, files in _experiments(evaluation, bundle, settings)
    ]
    outcome = sending.send(settings.tracking.tracker, settings.project.name, waiting, patient=False)
    reason = outcome.disabled or outcome.obstacle
    if outcome.disabled or (reason and JOB in os.environ):
        for archive in waiting:
            archive.unlink()
        job = "" if outcome.disabled else ", and a job keeps no archives"
        print(f"tracking: none ({reason}){job}")
    elif reason:
        print(
            f"tracking: offline ({reason}), archives in {folder}; `make tracking-upload` sends them"
        )
    else:
        outcome.check(lost=JOB in os.environ)


def upload(settings: Settings) -> None:
    """Send the archives that were not sent yet; UserError if some can't be sent."""
    folder, tracker = _folder(settings), settings.tracking.tracker
    waiting = sorted(folder.glob("*.zip"))
    if not waiting:
        print(f"tracking: nothing to send, there is no archive in {folder}")
        return
    kept = f"{counted(len(waiting), 'experiment')} kept in {folder}"
    if tracker == "none":
        raise UserError(f'[tracking] tracker is "none": name a tracker to send to; {kept}')
    outcome = sending.send(tracker, settings.project.name, waiting, patient=True)
    if reason := outcome.disabled or outcome.obstacle:
        raise UserError(f"{reason}: {kept}")
    outcome.check()


def _folder(settings: Settings) -> Path:
    return s3_cache.local_folder(settings.store.root) / "tracking"


def _experiments(
    evaluation: dict[str, Any], bundle: Path, settings: Settings
) -> Iterator[tuple[Experiment, dict[str, Path | str]]]:
    """Each candidate's experiment with its files, also of those that failed."""
    parameters = {name: evaluation[name] for name in ("run", "snapshot", "commit")}
    parameters["seed"] = settings.training.seed
    created = int((bundle / "evaluation.json").stat().st_mtime * 1000)
    of_run = partial(
        Experiment, project=settings.project.name, run=evaluation["run"], created=created
    )
    for candidate in evaluation["candidates"]:
        won = candidate["candidate"] == evaluation["winner"]
        files: dict[str, Path | str] = {"trials.json": json.dumps(candidate["trials"])}
        notes = {"status": "winner" if won else "candidate"}
        metrics = _metrics("validation", candidate)
        if reason := candidate["disqualified"]:
            notes = {"status": "disqualified", "reason": reason}
        if won:
            files |= _bundle(bundle)
            notes |= _gates(evaluation)
            metrics |= _test_metrics(evaluation)
        yield (
            of_run(
                candidate=candidate["candidate"],
                status=notes["status"],
                parameters=candidate["settings"] | parameters,
                notes=notes,
                metrics=metrics,
                series=_series(candidate),
                files=list(files),
            ),
            files,
        )
    for name, reason in evaluation["failures"].items():
        notes = {"status": "failed", "reason": reason}
        nothing: dict[str, Any] = {"metrics": {}, "series": {}, "files": []}
        yield (
            of_run(candidate=name, status="failed", parameters=parameters, notes=notes, **nothing),
            {},
        )


def _series(candidate: dict[str, Any]) -> dict[str, list[tuple[int, float]]]:
    trials = enumerate(candidate["trials"], 1)
    return {
        "validation_score": candidate["learning_curve"],
        "trial_score": [(step, trial["score"]) for step, trial in trials],
    }


def _metrics(prefix: str, values: dict[str, Any]) -> dict[str, float]:
    """Metrics with the ends of their intervals, and the baseline's, each under one name."""
    found = {f"{prefix}_{name}": value for name, value in values["metrics"].items()}
    for name, (low, high) in values["intervals"].items():
        found |= {f"{prefix}_{name}_low": low, f"{prefix}_{name}_high": high}
    baseline = values["baseline"].items()
    return found | {f"{prefix}_baseline_{name}": value for name, value in baseline}


def _test_metrics(evaluation: dict[str, Any]) -> dict[str, float]:
    parts = ("metrics", "intervals", "baseline")
    found = _metrics("test", {part: evaluation[part]["test"] for part in parts})
    calibration = evaluation.get("calibration_metrics")
    return found | (_metrics("test", calibration) if calibration else {})


def _gates(evaluation: dict[str, Any]) -> dict[str, str]:
    return {
        f"gate {gate['gate']}": f"{'passed' if gate['passed'] else 'failed'}: "
        f"{gate['actual']} {gate['expected']}"
        for gate in evaluation["gates"]
    }


def _bundle(bundle: Path) -> dict[str, Path | str]:
    names = (*release_bundle.files(bundle), release_bundle.ONLINE)
    return {f"bundle/{name}": bundle / name for name in names}
