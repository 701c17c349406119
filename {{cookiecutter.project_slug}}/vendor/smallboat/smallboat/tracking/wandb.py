"""Weights & Biases: an experiment is written as an offline run, which W&B's client syncs."""

import json
import os
import tempfile
from contextlib import redirect_stderr
from functools import cache
from io import StringIO
from pathlib import Path

from ..errors import UserError
from .archives import Experiment, safe

NAME = "Weights & Biases"
VARIABLES = ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ENTITY")
HARMLESS = ("api:", "featurechecker:")  # errors of one attempt, and what an older server can't do
ENVIRONMENT = {
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_ERROR_REPORTING": "false",  # or its errors go to a third party
    "WANDB_SAVE_CODE": "false",
    "WANDB__DISABLE_MACHINE_INFO": "true",
    "WANDB__DISABLE_META": "true",
    "WANDB__DISABLE_STATS": "true",
    "WANDB__SAVE_REQUIREMENTS": "false",
    # A silent host costs seconds, not minutes.
    "WANDB__FILE_STREAM_RETRY_MAX": "1",
    "WANDB__FILE_TRANSFER_RETRY_MAX": "1",
    "WANDB__GRAPHQL_RETRY_MAX": "1",
    "WANDB__GRAPHQL_TIMEOUT_SECONDS": "10",
}


def disabled() -> str:
    """Its files are not read, and its variables don't get here."""
    return ""


def missing() -> str:
    """Only its variable counts, in the environment or in `.env`."""
    return "" if os.environ.get("WANDB_API_KEY") else "there is no WANDB_API_KEY"


def address() -> str:
    """The address of the service, or of a server of one's own."""
    return os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai"


def health() -> str:
    """Any answer counts."""
    return address()


def secrets() -> list[str]:
    """The key."""
    return [os.environ.get("WANDB_API_KEY", "")]


def send(experiment: Experiment, folder: Path) -> None:
    """Write an offline run, then sync it."""
    _sync(write(experiment, folder))


@cache
def _home() -> Path:
    """A folder for all that the client writes and reads; `sending` removes it."""
    home = tempfile.mkdtemp()  # not in the project: an artifact's manifest tells the path
    os.environ |= {f"WANDB_{name}DIR": home for name in ("", "CONFIG_", "CACHE_", "DATA_")}
    return Path(home)


def write(experiment: Experiment, folder: Path) -> Path:
    """Write an offline run; returns its file."""
    home = _home()
    import wandb

    run = wandb.init(
        id=experiment.key,
        project=experiment.project,
        group=experiment.run,
        name=experiment.name,
        tags=[experiment.run, experiment.status],
        config=experiment.parameters,
        settings=wandb.Settings(mode="offline", silent=True, host="-", program="-"),
    )
    for name, values in experiment.series.items():
        run.define_metric(name, step_metric=f"{name}_step")
        for step, value in values:
            run.log({name: value, f"{name}_step": step})
    run.summary.update({"run": experiment.run} | experiment.notes | experiment.metrics)
    if experiment.files:
        files = wandb.Artifact(safe(experiment.name), "candidate")
        for path in experiment.files:
            files.add_file(str(folder / path), path)
        run.log_artifact(files)
    run.finish(exit_code=int(experiment.status == "failed"))
    wandb.teardown()  # only then its service has written all of it
    (written,) = home.glob(f"wandb/offline-*/run-{experiment.key}.wandb")
    return written


def _sync(written: Path) -> None:
    """The client marks a run as synced though parts of it failed, which only its log tells."""
    from wandb.cli.cli import cli

    with redirect_stderr(StringIO()) as printed:
        cli(["sync", str(written)], standalone_mode=False)
    logs = _home().glob("wandb/logs/debug-sync*.log")
    records = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    ours = [record for record in records if record.get("sync_path") == str(written)]
    for record in ours:
        if record["level"].startswith("ERROR") and not record["msg"].startswith(HARMLESS):
            raise UserError(record["msg"])
    if not ours or not written.with_suffix(".wandb.synced").exists():
        raise UserError(printed.getvalue().strip().rpartition("\n")[2] or "it did not arrive")
