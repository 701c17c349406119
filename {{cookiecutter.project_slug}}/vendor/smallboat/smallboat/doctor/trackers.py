"""Whether the experiment tracker can be used; its key is looked for, and never read out."""

import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import cast
from urllib.parse import urlsplit

from ..tracking import sender, sending
from .rows import MISSING, NOTE, OK, Row

NEEDED_FOR = "make train, make tracking-upload"


def row(name: str) -> Row:
    """The row of the configured tracker, `none` included."""
    if name == "none":
        return Row("tracker", OK, name)
    package = sending.PACKAGES[name]
    try:
        found = f"{package} {version(package)}"
    except PackageNotFoundError:
        return Row("tracker", MISSING, f"no {package}", NEEDED_FOR, sending.to_install(name))
    tracker = cast(sender.Tracker, import_module(f"..tracking.{name}", __package__))
    os.environ.update(sender.from_file(tracker.VARIABLES))
    if reason := tracker.disabled():
        return Row("tracker", NOTE, f"{found}; {reason}", NEEDED_FOR)
    if reason := tracker.missing():
        to_do = "set it or write it into .env; until then, experiments are kept as archives"
        return Row("tracker", NOTE, f"{found}; {reason}", NEEDED_FOR, to_do)
    found = f"{found}, {host(_address(tracker))}; what it needs is set"
    return Row("tracker", OK, found, NEEDED_FOR)


def host(address: str) -> str:
    """An address without what may be secret in it: user, password, path and query."""
    if not address:
        return "its usual address"
    parts = urlsplit(address)
    if not parts.hostname:
        return "files of this machine"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _address(tracker: sender.Tracker) -> str:
    """Where the caller wants experiments to go, if it says so."""
    stated = (os.environ.get(name, "") for name in tracker.VARIABLES if "_UR" in name)
    return next(stated, "")
