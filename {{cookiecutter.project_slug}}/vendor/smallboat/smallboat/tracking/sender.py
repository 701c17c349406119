"""The process that sends archives with a tracker's own client.

It prints an event of JSON per line, and nothing that a client prints. Arguments: the tracker, the
project, 1 or 0 for patience, the archives.
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from textwrap import shorten
from typing import Protocol, cast

from .. import disk
from ..errors import CommandError
from . import archives
from .archives import Experiment

TIMEOUT = 5.0
"""Seconds in which the tracker's host must answer."""
LIMIT = 60
"""Seconds that an experiment may take."""
PRIVATE = re.compile(r"(?<=://)[^/\s]*@|\?\S+")
"""What of an address no message shows: user and password, and the query, which may hold them."""


class Tracker(Protocol):
    """What a tracker's module supplies. It imports its client only when it needs it.

    Comet's also has `send_older(archive, project)`.
    """

    NAME: str
    VARIABLES: tuple[str, ...]  # that it takes from the environment or from `.env`
    ENVIRONMENT: dict[str, str]  # what its client reads of the environment only

    def disabled(self) -> str:
        """Why the client's own settings forbid experiments, or ""."""

    def missing(self) -> str:
        """Which setting is missing, or ""."""

    def address(self) -> str:
        """Where experiments go; what is private in it is not shown."""

    def health(self) -> str:
        """The URL that answers if the host does; "" if nothing is asked before."""

    def secrets(self) -> list[str]:
        """What no message may show, besides what is private in addresses."""

    def send(self, experiment: Experiment, folder: Path) -> None:
        """Send an experiment whose files are in a folder; an error says why it may be incomplete.

        What arrived of it before is completed, and is not there twice.
        """


def main(name: str, project: str, patient: bool, waiting: list[Path]) -> None:
    """Send archives; stops at the first failure without patience, or if the host is gone."""
    say = _events()
    tracker: Tracker = cast(Tracker, import_module(f".{name}", __package__))
    try:
        os.environ.update(tracker.ENVIRONMENT | from_file(tracker.VARIABLES))
        if reason := tracker.disabled():
            return say({"kind": "disabled", "reason": reason})
        reason = tracker.missing() or _silence(tracker)
    except Exception as error:
        reason = _told(error, tracker)
    if reason:
        return say({"kind": "obstacle", "reason": reason})
    say({"kind": "online", "name": tracker.NAME, "address": _public(tracker.address())})
    for archive in waiting:
        signal.alarm(LIMIT)  # ends even a client that hangs outside of Python
        reason = _send(tracker, archive, project)
        signal.alarm(0)
        kind = "failed" if reason else "sent"
        say({"kind": kind, "archive": str(archive), "reason": reason})
        if reason and (not patient or _silence(tracker)):
            break


def _events() -> Callable[[dict[str, str]], None]:
    """Keep standard output for events: a client's goes where its errors go."""
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return lambda event: print(json.dumps(event), file=events, flush=True)


def _send(tracker: Tracker, archive: Path, project: str) -> str:
    """Send an archive that no other process sends; returns why that failed, or ""."""
    try:
        with disk.locked(archive, "another process sends it"), archives.opened(archive) as opened:
            experiment, source = opened
            if experiment:
                tracker.send(replace(experiment, project=project), source)
            elif send_older := getattr(tracker, "send_older", None):
                send_older(source, project)
            else:
                return 'an archive in Comet\'s format: send it with [tracking] tracker = "comet"'
    except Exception as error:
        gone = isinstance(error, FileNotFoundError) and not archive.exists()
        return "" if gone else _told(error, tracker)  # another process has sent it
    return ""


def _told(error: Exception, tracker: Tracker) -> str:
    """An error in one line that shows no secret."""
    text = str(error) if isinstance(error, CommandError) else f"{type(error).__name__}: {error}"
    secrets: list[str] = []
    with suppress(Exception):  # whatever keeps Comet from starting, also keeps its key
        secrets = tracker.secrets()
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    return shorten(_public(text), 160, placeholder="…")


def _public(text: str) -> str:
    return PRIVATE.sub("", text)


def _silence(tracker: Tracker) -> str:
    """That the host does not answer, or "". Clients themselves would try for minutes."""
    url = tracker.health()
    return "" if not url or answers(url) else f"{_public(tracker.address())} does not answer"


def answers(url: str) -> bool:
    """Whether a host answers in time; a refusal is an answer, too."""
    import requests

    answered = threading.Event()

    def ask() -> None:
        with suppress(Exception):
            if requests.get(url, timeout=TIMEOUT).status_code < 500:
                answered.set()

    thread = threading.Thread(target=ask, daemon=True)  # the timeout excludes the name look-up
    thread.start()
    thread.join(TIMEOUT)
    return answered.is_set()


def from_file(names: tuple[str, ...]) -> dict[str, str]:
    """Those of the variables that `.env` sets and the environment does not."""
    file, found = Path(".env"), {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        name, _, value = line.partition("=")
        if name.strip() in names and name.strip() not in os.environ:
            found[name.strip()] = value.strip().strip("'\"")
    return found


def _end_with_parent() -> None:
    """Kill this process and what it started when standard input ends."""
    os.read(0, 1)  # sys.stdin would be locked when this process ends
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "1", [Path(path) for path in sys.argv[4:]])
