"""Comet: an experiment is written as an archive of Comet's own, which Comet's client uploads."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import UserError
from .archives import Experiment
from .failures import collected

NAME = "Comet"
VARIABLES = ("COMET_API_KEY", "COMET_URL_OVERRIDE", "COMET_WORKSPACE")
ENVIRONMENT = {
    "COMET_DISABLE_AUTO_LOGGING": "1",  # or its import patches scikit-learn and XGBoost
    "COMET_ERROR_TRACKING_ENABLE": "false",  # or its errors go to a third party
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL": "1",  # a silent host costs seconds, not minutes
    "COMET_HTTP_SESSION_RETRY_TOTAL": "1",
    "COMET_TIMEOUT_FILE_UPLOAD": "30",
}
NOT_LOGGED = (  # else Comet collects them by itself
    *("log_code", "log_git_metadata", "log_git_patch", "log_env_details", "parse_args"),
    *("auto_output_logging", "auto_param_logging", "auto_metric_logging", "auto_log_co2"),
    *("log_graph", "display_summary_level"),
)


def _comet() -> Any:
    try:
        import comet_ml
    except Exception as error:  # its import reads its settings
        raise UserError(f"Comet can't start ({error}): correct its file .comet.config") from None
    return comet_ml


def _has_file() -> bool:
    return any(map(os.path.isfile, (".comet.config", os.path.expanduser("~/.comet.config"))))


def _key() -> str:
    comet = _comet()
    try:
        return comet.get_api_key(None, comet.get_config()) or ""
    except ValueError:
        raise UserError("the COMET_API_KEY is damaged: copy it from Comet again") from None


def disabled() -> str:
    """Comet's variable or its file may say so; without both its import, a second, is saved."""
    if not _has_file() and "COMET_AUTO_LOG_DISABLE" not in os.environ:
        return ""
    off = _comet().get_config()["comet.auto_log.disable"]
    return "Comet is disabled by COMET_AUTO_LOG_DISABLE or .comet.config" if off else ""


def missing() -> str:
    """The key may also be in Comet's file."""
    known = "COMET_API_KEY" in os.environ or _has_file()
    return "" if known and _key() else "there is no COMET_API_KEY"


def address() -> str:
    """The address of Comet's API, ending in a slash."""
    return str(_comet().get_backend_address())


def health() -> str:
    """What Comet answers to everybody."""
    return f"{address()}health/ping"


def secrets() -> list[str]:
    """The key, from wherever it is."""
    return [os.environ.get("COMET_API_KEY") or _key()]


def send(experiment: Experiment, folder: Path) -> None:
    """Write Comet's archive, then upload it."""
    with collected("comet_ml"):
        _write(experiment, folder)
    (archive,) = folder.glob("*.zip")
    send_older(archive, experiment.project)


def send_older(archive: Path, project: str) -> None:
    """Upload an archive of Comet's own; smallboat 0.3 kept such."""
    from comet_ml.exceptions import InvalidAPIKey
    from comet_ml.offline import upload_single_offline_experiment as upload

    try:
        with collected("comet_ml"):
            upload(str(archive), _key(), force_upload=False, override_project_name=project)
    except InvalidAPIKey:
        raise UserError("Comet does not know the COMET_API_KEY") from None


def _write(experiment: Experiment, folder: Path) -> None:
    comet = _comet()
    settings = comet.ExperimentConfig(
        **dict.fromkeys(NOT_LOGGED, False),
        name=experiment.name,
        tags=[experiment.run, experiment.status],
        offline_directory=str(folder),
    )
    names = {"project_name": experiment.project, "experiment_key": experiment.key}
    to = comet.start(online=False, mode="get_or_create", experiment_config=settings, **names)
    to.log_parameters(experiment.parameters)
    to.log_others({"run": experiment.run} | experiment.notes)
    to.log_metrics(experiment.metrics)
    for path in experiment.files:
        part, _, name = path.rpartition("/")
        log = partial(to.log_model, part) if part else to.log_asset
        log(str(folder / path), file_name=name)
    for name, values in experiment.series.items():  # last: all that follows has their last step
        for step, value in values:
            to.log_metric(name, value, step=step)
    to.streamer.stop()  # or end() waits a second for the writer
    to.streamer.join()
    to.end()
