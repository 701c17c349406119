"""Comet: each experiment is written to an offline archive first, and sent from there.

Nothing is lost if Comet can't be reached, now or while it receives the archive.
"""

import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

from ..errors import UserError
from ..store import store

TIMEOUT = 5.0
"""Seconds in which Comet's host must answer."""

ENVIRONMENT = {
    "COMET_DISABLE_AUTO_LOGGING": "1",  # or its import patches scikit-learn and XGBoost
    "COMET_ERROR_TRACKING_ENABLE": "false",  # or its errors go to a third party
    "COMET_GET_OR_ADD_EXPERIMENT_RETRY_TOTAL": "1",  # a silent host costs seconds, not minutes
    "COMET_HTTP_SESSION_RETRY_TOTAL": "1",
    "COMET_TIMEOUT_FILE_UPLOAD": "30",
}
"""Settings that Comet reads from the environment only."""

NOT_LOGGED = dict.fromkeys(
    (
        *("log_code", "log_git_metadata", "log_git_patch", "log_env_details", "parse_args"),
        *("auto_output_logging", "auto_param_logging", "auto_metric_logging", "auto_log_co2"),
        *("log_graph", "display_summary_level"),
    ),
    False,
)
"""Comet collects nothing by itself."""


def _comet() -> Any:
    os.environ.update(ENVIRONMENT)
    try:
        import comet_ml
    except Exception as error:  # its import reads its settings
        raise UserError(f"Comet can't start ({error}): correct its file .comet.config") from None
    logging.getLogger("comet_ml").setLevel(logging.WARNING)
    return comet_ml


def _key() -> str:
    """The API key from the environment, `.env` or Comet's own configuration file."""
    comet = _comet()
    try:
        return comet.get_api_key(None, comet.get_config()) or ""
    except ValueError:
        raise UserError("the COMET_API_KEY is damaged: copy it from Comet again") from None


def disabled() -> bool:
    """Whether Comet's own settings, in the environment or a file, forbid experiments."""
    return bool(_comet().get_config()["comet.auto_log.disable"])


def address() -> str:
    """The address of Comet's API, ending in a slash."""
    return str(_comet().get_backend_address())


def obstacle() -> str | None:
    """Why nothing can be sent, or None. Comet itself would try for half a minute."""
    import requests

    if not _key():
        return "there is no COMET_API_KEY"
    answered = threading.Event()

    def ping() -> None:
        with suppress(Exception):
            if requests.get(f"{address()}health/ping", timeout=TIMEOUT).ok:
                answered.set()

    thread = threading.Thread(target=ping, daemon=True)  # the timeout excludes the name look-up
    thread.start()
    thread.join(TIMEOUT)
    return None if answered.is_set() else f"{address()} does not answer"


@contextmanager
def archived(project: str, run: str, candidate: str, status: str, folder: Path) -> Iterator[Any]:
    """An experiment of Comet to log to, saved as `<folder>/<run>-<candidate>.zip` at the end."""
    comet = _comet()
    # With the same key, another try completes an experiment that arrived in part.
    key = hashlib.sha256(f"{project}/{run}/{candidate}".encode()).hexdigest()[:32]
    with store.staged(folder) as stage, _write_errors() as errors:
        experiment = comet.start(
            online=False,
            project_name=project,
            experiment_key=key,
            mode="get_or_create",
            experiment_config=comet.ExperimentConfig(
                **NOT_LOGGED,
                name=f"{candidate}-{run}",
                tags=[run, status],
                offline_directory=str(stage),
            ),
        )
        yield experiment
        experiment.streamer.stop()  # or end() waits a second for the writer
        experiment.streamer.join()
        experiment.end()
        if errors:
            raise errors[0]
        (archive,) = stage.glob("*.zip")
        archive.replace(folder / f"{run}-{candidate}.zip")


def send(archives: list[Path], project: str, patient: bool) -> None:
    """Send archives and move each to the subfolder `sent`.

    Args:
        archives: in one folder.
        project: the name of Comet's project.
        patient: whether to go on after a failure; each may take a minute.

    Raises:
        UserError: names the archives that could not be sent, and why.
    """
    folder, failures = archives[0].parent, []
    (folder / "sent").mkdir(exist_ok=True)
    for archive in archives:
        reason = _send(archive, project)
        if reason is None:
            archive.replace(folder / "sent" / archive.name)
        else:
            failures.append(f"{archive.name}: {reason}")
            if not patient or obstacle():
                break
    left = sum(archive.exists() for archive in archives)
    print(f"tracking: {len(archives) - left} of {len(archives)} experiments sent")
    if left:
        reasons = "; ".join(failures)
        raise UserError(f"{left} of them stay in {folder} for `make tracking-upload`: {reasons}")


def _send(archive: Path, project: str) -> str | None:
    """Send an archive; why that failed, or None. Comet only logs most failures."""
    from comet_ml.exceptions import InvalidAPIKey
    from comet_ml.offline import upload_single_offline_experiment

    key = _key()
    errors: list[str] = []

    def hide_errors(record: logging.LogRecord) -> bool:  # they may quote the key
        if record.levelno >= logging.ERROR:
            errors.append(record.getMessage())
        return record.levelno < logging.ERROR

    with _log_filter(hide_errors):
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
def _write_errors() -> Iterator[list[OSError]]:
    """The OSErrors that Comet only logs, or that end its threads unseen; they are not printed."""
    errors: list[OSError] = []

    def collect(error: BaseException | None) -> bool:
        if isinstance(error, OSError):
            errors.append(error)
        return not errors

    hooks = sys.unraisablehook, threading.excepthook
    sys.unraisablehook = lambda event: collect(event.exc_value)
    threading.excepthook = lambda event: collect(event.exc_value)
    with _log_filter(lambda record: collect(record.exc_info[1] if record.exc_info else None)):
        try:
            yield errors
        finally:
            sys.unraisablehook, threading.excepthook = hooks


@contextmanager
def _log_filter(keep: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Print only those of Comet's log records that `keep` returns True for."""
    handlers = logging.getLogger("comet_ml").handlers
    for handler in handlers:
        handler.addFilter(keep)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(keep)
