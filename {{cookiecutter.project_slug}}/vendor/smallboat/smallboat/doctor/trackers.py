"""Whether the experiment tracker can be used; its key is looked for, and never read out."""

import os
from collections.abc import Set
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from .rows import MISSING, NOTE, OK, Row


class Tracker(NamedTuple):
    """A tracker: its distribution, and the variables that hold its key and its address."""

    package: str
    key: str
    address: str


TRACKERS = {
    "comet": Tracker("comet-ml", "COMET_API_KEY", "COMET_URL_OVERRIDE"),
    "mlflow": Tracker("mlflow-skinny", "", "MLFLOW_TRACKING_URI"),
    "wandb": Tracker("wandb", "WANDB_API_KEY", "WANDB_BASE_URL"),
}


def row(name: str) -> Row:
    """The row of the configured tracker, `none` included."""
    if name not in TRACKERS:
        return Row("tracker", OK, name)
    tracker, needed = TRACKERS[name], "make train"
    try:
        package = f"{tracker.package} {version(tracker.package)}"
    except PackageNotFoundError:
        to_do = f"add {name} to the extras of smallboat in pyproject.toml"
        return Row("tracker", MISSING, f"no {tracker.package}", needed, to_do)
    found = f"{package}, {host(os.environ.get(tracker.address, ''))}"
    if tracker.key and tracker.key not in keys():
        to_do = f"set {tracker.key}, or write it into .env; make tracking-upload sends the runs"
        return Row("tracker", NOTE, f"{found}, no {tracker.key}: offline", needed, to_do)
    return Row("tracker", OK, found + (f", {tracker.key} is set" if tracker.key else ""), needed)


def keys() -> Set[str]:
    """The names of variables that are set here or in `.env`."""
    file = Path(".env")
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    names = (line.partition("=")[0].removeprefix("export ").strip() for line in lines)
    return {*os.environ, *names}


def host(address: str) -> str:
    """An address without what may be secret in it: user, password, path and query."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "its usual address"
