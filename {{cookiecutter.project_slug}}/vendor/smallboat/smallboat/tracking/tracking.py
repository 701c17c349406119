"""A finished run in Comet: one experiment per candidate, tied together by the run id."""

import os
from collections.abc import Mapping
from textwrap import shorten
from typing import Any

from ..errors import CommandError, UserError
from ..store import s3_cache, store
from . import comet

JOB = "AWS_BATCH_JOB_ID"
"""Set where a step runs as a job, whose files are gone with it."""


def track(config: Mapping[str, Any], run: str) -> None:
    """Bring a run of the store to Comet if the configuration says so.

    What goes wrong is printed and never raised: the run itself is complete.

    Args:
        config: a whole configuration as plain values.
        run: a run whose bundle is in the store.
    """
    if not config["tracking"]["comet"]:
        return
    root, project = config["store"]["root"], config["project"]["name"]
    try:
        folder, bundle = s3_cache.home(root) / "tracking", store.run_folder(root, run)
        if comet.switched_off():
            print("tracking: none, Comet is switched off by COMET_AUTO_LOG_DISABLE or its own file")
            return
        obstacle = comet.obstacle()
        if obstacle and JOB in os.environ:
            print(f"tracking: none ({obstacle}), and a job keeps no archives")
            return
        if obstacle:
            print(f"tracking: offline ({obstacle}), archives in {folder};", end=" ")
            print("`make tracking-upload` sends them")
        else:
            print(f"tracking: Comet, online at {comet.address()}")
        evaluation = store.read_json(bundle / "evaluation.json")
        told = experiments(evaluation, config["training"]["seed"])
        archives = [comet.archive(one, project, folder, bundle) for one in told]
        if not obstacle:
            comet.send(archives, project, patient=False)
    except CommandError as error:
        print(f"tracking: {error}")
    except Exception as error:
        message = shorten(str(error), 200, placeholder="…")
        print(f"tracking: failed, though the run did not: {type(error).__name__}: {message}")


def upload(root: str, project: str) -> None:
    """Send the archives that were not sent yet; UserError says which could not be, and why."""
    folder = s3_cache.home(root) / "tracking"
    archives = sorted(folder.glob("*.zip"))
    if not archives:
        print(f"tracking: nothing to send, no archive waits in {folder}")
        return
    obstacle = comet.obstacle()
    if obstacle:
        raise UserError(f"{obstacle}, so {len(archives)} experiments wait in {folder}")
    comet.send(archives, project, patient=True)


def experiments(evaluation: dict[str, Any], seed: int) -> list[comet.Experiment]:
    """An experiment for each candidate of a run, for those that failed too."""
    run = {name: evaluation[name] for name in ("run", "snapshot", "commit")} | {"seed": seed}
    failures = evaluation["failures"].items()
    return [
        *(_competitor(one, evaluation, run) for one in evaluation["candidates"]),
        *(comet.Experiment(name, "failed", run, {"reason": reason}) for name, reason in failures),
    ]


def _competitor(
    one: dict[str, Any], evaluation: dict[str, Any], run: dict[str, Any]
) -> comet.Experiment:
    reason = one["disqualified"]
    experiment = comet.Experiment(
        candidate=one["candidate"],
        status="candidate" if reason is None else "disqualified",
        parameters=one["settings"] | run,
        others={} if reason is None else {"reason": reason},
        metrics=_metrics("validation", one["metrics"], one["intervals"])
        | _metrics("validation_baseline", one["baseline"]),
        series={
            "validation_score": one["curve"],
            "trial_score": [(n, trial["score"]) for n, trial in enumerate(one["trials"], 1)],
        },
        trials=one["trials"],
    )
    if one["candidate"] == evaluation["winner"]:
        metrics, intervals = evaluation["metrics"]["test"], evaluation["intervals"]["test"]
        experiment.status = "winner"
        experiment.metrics |= _metrics("test", metrics, intervals)
        experiment.metrics |= _metrics("test_baseline", evaluation["baseline"]["test"])
        experiment.others |= {f"gate {it['gate']}": _verdict(it) for it in evaluation["gates"]}
    return experiment


def _metrics(
    prefix: str, values: dict[str, float], intervals: dict[str, list[float]] | None = None
) -> dict[str, float]:
    named = {f"{prefix}_{name}": value for name, value in values.items()}
    for name, (low, high) in (intervals or {}).items():
        named |= {f"{prefix}_{name}_low": low, f"{prefix}_{name}_high": high}
    return named


def _verdict(gate: dict[str, Any]) -> str:
    return f"{'passed' if gate['passed'] else 'failed'}: {gate['actual']} {gate['expected']}"
