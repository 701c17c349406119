"""MLflow: an experiment of ours is a run in the MLflow experiment of the project."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .archives import Experiment, safe

NAME = "MLflow"

VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
)

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a silent host costs seconds, not minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}

KEY = "smallboat.key"
"""The tag by which another try finds the run."""
BATCH = 100
"""Values in a request; MLflow takes 100 parameters and tags and 1,000 metrics at most."""


def disabled() -> str:
    """MLflow has no such setting."""
    return ""


def missing() -> str:
    """Where the server is."""
    known = os.environ.get("MLFLOW_TRACKING_URI")
    return "" if known else "there is no MLFLOW_TRACKING_URI"


def address() -> str:
    """The server's, or a database, or a folder."""
    return os.environ["MLFLOW_TRACKING_URI"]


def health() -> str:
    """What a server answers; a database or a folder is asked nothing."""
    uri = address()
    return f"{uri.rstrip('/')}/health" if uri.startswith("http") else ""


def secrets() -> list[str]:
    """Password and token, wherever they stand."""
    held = urlsplit(address()).password or ""
    return [held, *(os.environ.get(name, "") for name in VARIABLES[2:])]


def send(experiment: Experiment, folder: Path) -> None:
    """Log with the low-level client, which adds no user, source or commit."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunStatus, RunTag

    client = MlflowClient()
    run = _run(client, experiment)
    metrics = [Metric(safe(k), v, experiment.created, 0) for k, v in experiment.metrics.items()]
    for name, values in experiment.series.items():
        metrics += [Metric(name, value, experiment.created, step) for step, value in values]
    tags = {"run": experiment.run} | experiment.notes
    client.log_batch(
        run,
        params=[Param(name, str(value)) for name, value in experiment.parameters.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[start : start + BATCH])
    for path in experiment.files:
        client.log_artifact(run, str(folder / path), path.rpartition("/")[0] or None)
    status = RunStatus.FAILED if experiment.status == "failed" else RunStatus.FINISHED
    client.set_terminated(run, RunStatus.to_string(status), experiment.created)


def _run(client: Any, experiment: Experiment) -> str:
    """The id of the run, which an earlier try may have made."""
    project = client.get_experiment_by_name(experiment.project)
    where = project.experiment_id if project else client.create_experiment(experiment.project)
    found = client.search_runs([where], f"tags.`{KEY}` = '{experiment.key}'", max_results=1)
    if not found:
        found = [
            client.create_run(
                where, experiment.created, {KEY: experiment.key}, run_name=experiment.name
            )
        ]
    return str(found[0].info.run_id)
