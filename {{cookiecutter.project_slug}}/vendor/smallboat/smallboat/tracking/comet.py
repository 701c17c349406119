"""Comet: an experiment is written to an archive first and sent from there, now or later.

So nothing is lost, whatever happens on the way.
"""

import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..errors import UserError
from ..store import store

PATIENCE = 5.0
"""Seconds that Comet's host has to answer."""

MODEL = (
    "model.onnx",
    "evaluation_model.onnx",
    "signature.json",
    "evaluation.json",
    "online_features.json",
)

ENVIRONMENT = {
    "COMET_DISABLE_AUTO_LOGGING": "1",  # else its import patches scikit-learn and XGBoost
    "COMET_ERROR_TRACKING_ENABLE": "false",  # else its errors go to a third party
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL": "1",  # a host that falls silent costs seconds
    "COMET_HTTP_SESSION_RETRY_TOTAL": "1",
    "COMET_TIMEOUT_FILE_UPLOAD": "30",
}
"""What Comet takes from the environment only."""

PRIVATE = dict.fromkeys(
    (
        *("log_code", "log_git_metadata", "log_git_patch", "log_env_details", "parse_args"),
        *("auto_output_logging", "auto_param_logging", "auto_metric_logging", "auto_log_co2"),
        *("log_graph", "display_summary_level"),
    ),
    False,
)
"""Comet is told what `Experiment` holds; it collects nothing by itself."""


@dataclass
class Experiment:
    """What Comet is told of a candidate; `series` are (step, value) by metric."""

    candidate: str
    status: str
    parameters: dict[str, Any]
    others: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    trials: list[dict[str, Any]] = field(default_factory=list)


def _comet() -> Any:
    os.environ.update(ENVIRONMENT)
    try:
        import comet_ml
    except Exception as error:  # it reads its settings then
        raise UserError(f"Comet can't start ({error}): mend its own .comet.config") from None
    logging.getLogger("comet_ml").setLevel(logging.WARNING)
    return comet_ml


def _key() -> str:
    """From the environment, `.env` or Comet's own configuration file."""
    comet = _comet()
    try:
        return comet.get_api_key(None, comet.get_config()) or ""
    except ValueError:
        raise UserError("the COMET_API_KEY is damaged: copy it from Comet again") from None


def switched_off() -> bool:
    """Whether Comet's own settings, in the environment or a file, forbid experiments."""
    return bool(_comet().get_config()["comet.auto_log.disable"])


def address() -> str:
    """Where Comet's API is, ending in a slash."""
    return str(_comet().get_backend_address())


def obstacle() -> str | None:
    """Why nothing can be sent, or None; Comet itself would try for half a minute."""
    import requests

    if not _key():
        return "there is no COMET_API_KEY"
    answers = []

    def ask() -> None:
        with suppress(Exception):  # whatever it is, there is no answer
            answer = requests.get(f"{address()}health/ping", timeout=PATIENCE)
            answers.extend([answer] if answer.ok else [])

    thread = threading.Thread(target=ask, daemon=True)  # a name look-up knows no timeout
    thread.start()
    thread.join(PATIENCE)
    return None if answers else f"{address()} does not answer"


def archive(one: Experiment, project: str, folder: Path, bundle: Path) -> Path:
    """Keep an experiment as `<folder>/<run>-<candidate>.zip`, ready to be sent."""
    comet, run = _comet(), one.parameters["run"]
    # The same key each time: the next try completes what arrived by half, under no second name.
    key = hashlib.sha256(f"{project}/{run}/{one.candidate}".encode()).hexdigest()[:32]
    with store.staged(folder) as stage, _unwritten() as errors:
        experiment = comet.start(
            online=False,
            project_name=project,
            experiment_key=key,
            mode="get_or_create",
            experiment_config=comet.ExperimentConfig(
                **PRIVATE,
                name=f"{one.candidate}-{run}",
                tags=[run, one.status],
                offline_directory=str(stage),
            ),
        )
        experiment.log_parameters(one.parameters)
        experiment.log_others({"run": run, "status": one.status} | one.others)
        experiment.log_metrics(one.metrics)
        if one.trials:
            experiment.log_asset_data(one.trials, name="trials.json")
        for name in MODEL if one.status == "winner" else ():
            experiment.log_model("bundle", str(bundle / name))
        for name, values in one.series.items():
            for step, value in values:
                experiment.log_metric(name, value, step=step)
        experiment.streamer.stop()  # else end() waits a second for the writer's next look
        experiment.streamer.join()
        experiment.end()
        for error in errors:
            raise error
        (written,) = stage.glob("*.zip")
        return written.replace(folder / f"{run}-{one.candidate}.zip")


def send(archives: list[Path], project: str, patient: bool) -> None:
    """Send archives and put each into `sent`; UserError names those that stay, and why.

    Args:
        archives: in one folder.
        project: the name of Comet's project.
        patient: whether to go on after a refusal; each may take Comet a minute.
    """
    folder, refused = archives[0].parent, []
    (folder / "sent").mkdir(exist_ok=True)
    for archive in archives:
        reason = _refusal(archive, project)
        if reason is None:
            archive.replace(folder / "sent" / archive.name)
        else:
            refused.append(f"{archive.name}: {reason}")
            if not patient or obstacle():
                break
    left = sum(archive.exists() for archive in archives)
    print(f"tracking: {len(archives) - left} of {len(archives)} experiments sent")
    if left:
        why = "; ".join(refused)
        raise UserError(f"{left} of them stay in {folder} for `make tracking-upload`: {why}")


def _refusal(archive: Path, project: str) -> str | None:
    """Send an archive; why that failed, or None. Comet logs many a failure and goes on."""
    from comet_ml.exceptions import InvalidAPIKey
    from comet_ml.offline import upload_single_offline_experiment

    key = _key()
    with _errors() as errors:
        try:
            upload_single_offline_experiment(
                str(archive), key, force_upload=False, override_project_name=project
            )
        except InvalidAPIKey:
            errors.append("Comet does not know the COMET_API_KEY")
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    return shorten(errors[0].replace(key, "…"), 160, placeholder="…") if errors else None


@contextmanager
def _unwritten() -> Iterator[list[OSError]]:
    """What could not be written: Comet logs it at most, or its thread dies of it, and goes on."""
    errors: list[OSError] = []

    def hear(error: BaseException | None) -> bool:
        if isinstance(error, OSError):
            errors.append(error)
        return not errors

    def logged(record: logging.LogRecord) -> bool:
        return hear(record.exc_info[1] if record.exc_info else None)

    hooks = sys.unraisablehook, threading.excepthook
    sys.unraisablehook = lambda told: hear(told.exc_value)
    threading.excepthook = lambda told: hear(told.exc_value)
    with _listening(logged):
        try:
            yield errors
        finally:
            sys.unraisablehook, threading.excepthook = hooks


@contextmanager
def _errors() -> Iterator[list[str]]:
    """The errors that Comet logs; they are not printed, for they may quote the key."""
    messages: list[str] = []

    def hear(record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR:
            return True
        messages.append(record.getMessage())
        return False

    with _listening(hear):
        yield messages


@contextmanager
def _listening(hear: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Let a function hear each record that Comet logs, and say whether it is printed."""
    handlers = logging.getLogger("comet_ml").handlers
    for handler in handlers:
        handler.addFilter(hear)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(hear)
