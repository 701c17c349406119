"""The way from raw data to a release, as an orchestrator from outside runs it.

load → dbt build → validation → training flow → release. Each task calls functions of the project,
so `make retrain` does the same in one process. A task that AWS, the warehouse or the disk let down
is tried again; wrong data or configuration is not: it would be as wrong the next time.

`make pipeline` runs it once, on a server of Prefect's own that ends with it; CRON="17 4 * * 1"
leaves it running on that schedule. With PREFECT_API_URL set, a server elsewhere is told.
"""

import argparse
import sys
from typing import Any

from prefect import flow, task
from smallboat.config import config
from smallboat.errors import CommandError, NoCandidateError, UserError, ended
from smallboat.release import commands as releases
from smallboat.store import store
from smallboat.training import commands
from smallboat.training import flow as training
from smallboat.validation import preparation, validation

from {{ cookiecutter.project_slug }}.problem import PROBLEM

DELAYS = [1, 10]
"""Seconds before the second and the third try."""


def _may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Whether what went wrong could go right the next time."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, UserError)


@task(retries=len(DELAYS), retry_delay_seconds=DELAYS, retry_condition_fn=_may_pass)
def load(environment: str, source: str | None, folder: str | None) -> str:
    """Collect the raw tables; the snapshot's hash."""
    settings = config.load(PROBLEM, environment)
    chosen = config.override(PROBLEM, settings, source=source, directory=folder)
    return store.make_snapshot(PROBLEM, settings.store.root, chosen.model_dump())


@task(retries=len(DELAYS), retry_delay_seconds=DELAYS, retry_condition_fn=_may_pass)
def dbt_build(environment: str, snapshot: str) -> None:
    """Make the feature table in the warehouse, and hold its rows against dbt's tests."""
    root = config.load(PROBLEM, environment).store.root
    store.fetch_cache(root, snapshot)
    PROBLEM.data.read(store.snapshot_folder(root, snapshot)).build()
    store.upload_cache(root, snapshot)


@task
def validate(environment: str, snapshot: str) -> None:
    """Hold the raw tables against their expectations."""
    report = preparation.validate(PROBLEM, config.load(PROBLEM, environment).store.root, snapshot)
    print(report.table())
    validation.accept(report)


@task(retries=1, retry_condition_fn=_may_pass)
def train(environment: str, snapshot: str) -> str:
    """Run the training flow on a snapshot; the run, whose winner passed its gates."""
    settings = config.load(PROBLEM, environment)
    run = training.start(PROBLEM, environment, settings, snapshot)
    store.make_newest(settings.store.root, snapshot)
    if not commands.print_results(settings, run)["passed"]:
        raise ended(f"run {run} failed its gates", NoCandidateError.exit_code)
    return run


@task
def release(environment: str, run: str) -> None:
    """Release a run where the environment serves; ReleaseError if that failed."""
    settings = config.load(PROBLEM, environment)
    releases.release_run(PROBLEM, settings, run)
    releases.deploy_api(PROBLEM, settings)


@flow(name="{{ cookiecutter.project_slug }}", log_prints=True)
def pipeline(
    environment: str = "local", source: str | None = None, folder: str | None = None
) -> str:
    """From raw data to a release; returns the run."""
    releases.check_permission(config.load(PROBLEM, environment))
    snapshot = load(environment, source, folder)
    dbt_build(environment, snapshot)
    validate(environment, snapshot)
    run = train(environment, snapshot)
    release(environment, run)
    return run


def main() -> int:
    """Run it once, or on schedule until Ctrl-C; exit codes are those of `make retrain`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="local", help="which config/<env>.toml to use")
    parser.add_argument("--source", help="where the tables come from")
    parser.add_argument("--dir", help="the folder to read them from")
    parser.add_argument("--cron", help="stay, and run on this schedule (UTC)")
    asked = parser.parse_args()
    values = {"environment": asked.env, "source": asked.source, "folder": asked.dir}
    if asked.cron:
        pipeline.serve(name=asked.env, cron=asked.cron, parameters=values)
        return 0
    try:
        pipeline(**values)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
