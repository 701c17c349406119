"""A finished run in Comet: one experiment for each candidate, tagged with the run's id."""

import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..errors import CommandError, UserError
from ..store import release_bundle, s3_cache, store
from ..words import counted
from . import comet

JOB = "AWS_BATCH_JOB_ID"
"""Set where a step runs as a job: its files are lost when it ends."""


def track(config: Mapping[str, Any], run: str) -> None:
    """Send a run of the store to Comet if the configuration says so.

    Errors are printed and not raised: the run itself is complete.

    Args:
        config: a whole configuration as plain values.
        run: a run whose bundle is in the store.
    """
    if config["tracking"]["tracker"] == "none":
        return
    try:
        _track(config, run)
    except CommandError as error:
        print(f"tracking: {error}")
    except Exception as error:
        message = shorten(str(error), 200, placeholder="…")
        print(f"tracking: failed, though the run did not: {type(error).__name__}: {message}")


def _track(config: Mapping[str, Any], run: str) -> None:
    root, project = config["store"]["root"], config["project"]["name"]
    folder, bundle = s3_cache.local_folder(root) / "tracking", store.run_folder(root, run)
    if comet.disabled():
        print("tracking: none, Comet is disabled by COMET_AUTO_LOG_DISABLE or .comet.config")
        return
    obstacle = comet.obstacle()
    if obstacle and JOB in os.environ:
        print(f"tracking: none ({obstacle}), and a job keeps no archives")
        return
    if obstacle:
        print(
            f"tracking: offline ({obstacle}), archives in {folder}; "
            "`make tracking-upload` sends them"
        )
    else:
        print(f"tracking: Comet, online at {comet.address()}")
    archives = _archive(bundle, config["training"]["seed"], project, folder)
    if not obstacle:
        comet.send(archives, project, patient=False)


def upload(root: str, project: str) -> None:
    """Send the archives that were not sent yet; UserError if some can't be sent."""
    folder = s3_cache.local_folder(root) / "tracking"
    archives = sorted(folder.glob("*.zip"))
    if not archives:
        print(f"tracking: nothing to send, there is no archive in {folder}")
        return
    obstacle = comet.obstacle()
    if obstacle:
        raise UserError(f"{obstacle}: {counted(len(archives), 'experiment')} kept in {folder}")
    comet.send(archives, project, patient=True)


def _archive(bundle: Path, seed: int, project: str, folder: Path) -> list[Path]:
    """Write an archive for each candidate of a run, also for those that failed."""
    evaluation = store.read_json(bundle / "evaluation.json")
    run, failures = evaluation["run"], evaluation["failures"]
    parameters = {name: evaluation[name] for name in ("run", "snapshot", "commit")}
    parameters["seed"] = seed
    for candidate in evaluation["candidates"]:
        name, reason = candidate["candidate"], candidate["disqualified"]
        won = name == evaluation["winner"]
        status = "winner" if won else "disqualified" if reason else "candidate"
        with comet.archived(project, run, name, status, folder) as experiment:
            experiment.log_parameters(candidate["settings"] | parameters)
            experiment.log_others({"run": run, "status": status})
            if reason:
                experiment.log_other("reason", reason)
            _log_metrics(experiment, "validation", candidate["metrics"], candidate["intervals"])
            experiment.log_metrics(candidate["baseline"], prefix="validation_baseline")
            if won:
                _log_winner(experiment, evaluation, bundle)
            _log_trials(experiment, candidate)
    for name, reason in failures.items():
        with comet.archived(project, run, name, "failed", folder) as experiment:
            experiment.log_parameters(parameters)
            experiment.log_others({"run": run, "status": "failed", "reason": reason})
    names = [*(candidate["candidate"] for candidate in evaluation["candidates"]), *failures]
    return [folder / f"{run}-{name}.zip" for name in names]


def _log_winner(experiment: Any, evaluation: dict[str, Any], bundle: Path) -> None:
    metrics, intervals = evaluation["metrics"]["test"], evaluation["intervals"]["test"]
    _log_metrics(experiment, "test", metrics, intervals)
    experiment.log_metrics(evaluation["baseline"]["test"], prefix="test_baseline")
    if calibration_metrics := evaluation.get("calibration_metrics"):
        _log_metrics(
            experiment, "test", calibration_metrics["metrics"], calibration_metrics["intervals"]
        )
        experiment.log_metrics(calibration_metrics["baseline"], prefix="test_baseline")
    for gate in evaluation["gates"]:
        outcome = "passed" if gate["passed"] else "failed"
        text = f"{outcome}: {gate['actual']} {gate['expected']}"
        experiment.log_other(f"gate {gate['gate']}", text)
    for name in (*release_bundle.files(bundle), release_bundle.ONLINE):
        experiment.log_model("bundle", str(bundle / name))


def _log_trials(experiment: Any, candidate: dict[str, Any]) -> None:
    """Log the series last: all that follows would have their last step."""
    experiment.log_asset_data(candidate["trials"], name="trials.json")
    for step, score in candidate["learning_curve"]:
        experiment.log_metric("validation_score", score, step=step)
    for step, trial in enumerate(candidate["trials"], 1):
        experiment.log_metric("trial_score", trial["score"], step=step)


def _log_metrics(
    experiment: Any, prefix: str, values: dict[str, float], intervals: dict[str, list[float]]
) -> None:
    experiment.log_metrics(values, prefix=prefix)
    for name, (low, high) in intervals.items():
        experiment.log_metrics({f"{name}_low": low, f"{name}_high": high}, prefix=prefix)
