"""A finished run in Comet: one experiment for each candidate, tagged with the run's id."""

import os
from collections.abc import Mapping
from textwrap import shorten
from typing import Any

from ..errors import CommandError, UserError
from ..store import s3_cache, store
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
    if not config["tracking"]["comet"]:
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
    evaluation = store.read_json(bundle / "evaluation.json")
    archives = [
        comet.archive(experiment, project, folder, bundle)
        for experiment in experiments(evaluation, config["training"]["seed"])
    ]
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
        raise UserError(f"{obstacle}, so {len(archives)} experiments wait in {folder}")
    comet.send(archives, project, patient=True)


def experiments(evaluation: dict[str, Any], seed: int) -> list[comet.Experiment]:
    """An experiment for each candidate of a run, also for those that failed."""
    run = {name: evaluation[name] for name in ("run", "snapshot", "commit")} | {"seed": seed}
    failures = evaluation["failures"].items()
    return [
        *(_experiment(candidate, evaluation, run) for candidate in evaluation["candidates"]),
        *(comet.Experiment(name, "failed", run, {"reason": reason}) for name, reason in failures),
    ]


def _experiment(
    candidate: dict[str, Any], evaluation: dict[str, Any], run: dict[str, Any]
) -> comet.Experiment:
    reason = candidate["disqualified"]
    experiment = comet.Experiment(
        candidate=candidate["candidate"],
        status="candidate" if reason is None else "disqualified",
        parameters=candidate["settings"] | run,
        others={} if reason is None else {"reason": reason},
        metrics=_metrics("validation", candidate["metrics"], candidate["intervals"])
        | _metrics("validation_baseline", candidate["baseline"]),
        series={
            "validation_score": candidate["curve"],
            "trial_score": [(n, trial["score"]) for n, trial in enumerate(candidate["trials"], 1)],
        },
        trials=candidate["trials"],
    )
    if candidate["candidate"] == evaluation["winner"]:
        metrics, intervals = evaluation["metrics"]["test"], evaluation["intervals"]["test"]
        experiment.status = "winner"
        experiment.metrics |= _metrics("test", metrics, intervals)
        experiment.metrics |= _metrics("test_baseline", evaluation["baseline"]["test"])
        experiment.others |= {f"gate {g['gate']}": _outcome(g) for g in evaluation["gates"]}
    return experiment


def _metrics(
    prefix: str, values: dict[str, float], intervals: dict[str, list[float]] | None = None
) -> dict[str, float]:
    named = {f"{prefix}_{name}": value for name, value in values.items()}
    for name, (low, high) in (intervals or {}).items():
        named |= {f"{prefix}_{name}_low": low, f"{prefix}_{name}_high": high}
    return named


def _outcome(gate: dict[str, Any]) -> str:
    return f"{'passed' if gate['passed'] else 'failed'}: {gate['actual']} {gate['expected']}"
