"""What every target does, and its release log."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ... import integrity
from ...errors import IntegrityError, UserError
from ...serving.servers import Invoke
from ...store import runs, store
from ...store.release_bundle import Release

Event = dict[str, Any]
"""An entry of the release log: `at`, `event` (released, rolled back), `release`, and more.

Events of an older library have only these.
"""


class Target(ABC):
    """Where releases are served. The release that it serves is the champion.

    An update is final once it is confirmed. Until then `undo` reverts it, and if the deployment is
    killed, the next one does, in `locked`.
    """

    network_overhead_ms = 0.0
    """How long a request takes to get there and back."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other deployments out, and undo what a killed one left; UserError if one runs."""
        with self._lock():
            self.undo()
            yield

    def current(self) -> Release | None:
        """The release that is served, or None before the first; UserError if it can't be read."""
        if self._served() is None:
            return None
        folder = self.folder()
        try:
            return integrity.read_manifest(folder, integrity.RELEASE)[0]
        except IntegrityError as error:
            raise UserError(f"what is served can't be read: {error}") from None

    def folder(self) -> Path:
        """The files of the current release."""
        return self._files(str(self._served()))

    def previous(self) -> Path | None:
        """The files of the release to go back to, or None."""
        earlier = [served_by(event) for event in self._releases()[:-1]]
        return self._files(earlier[-1]) if earlier and self._exists(earlier[-1]) else None

    def outdated(self) -> bool:
        """Whether the current release runs on an older image or older settings."""
        return False

    @abstractmethod
    def history(self) -> list[Event]:
        """The release log, oldest first."""

    @abstractmethod
    def update(self, folder: Path, back: bool = False) -> None:
        """Serve the release in a folder; `back` if it is the previous one."""

    @abstractmethod
    def live_server(self) -> AbstractContextManager[Invoke]:
        """The server of the current release."""

    @abstractmethod
    def confirm(self, reason: str, back: bool = False) -> None:
        """Log the update and its reason, which makes it final, and remove what is too old."""

    @abstractmethod
    def undo(self) -> None:
        """Serve what was confirmed last."""

    @abstractmethod
    def _lock(self) -> AbstractContextManager[None]:
        """Keep other deployments out."""

    @abstractmethod
    def _served(self) -> str | None:
        """What serves now: the id of a release, or the name of a configuration that serves one."""

    @abstractmethod
    def _exists(self, served: str) -> bool:
        """Whether the target could serve it."""

    @abstractmethod
    def _files(self, served: str) -> Path:
        """The files of its release."""

    def _releases(self) -> list[Event]:
        """The events of the releases up to the current one, without those rolled back.

        A release that was released twice in a row is listed once.
        """
        releases: list[Event] = []
        for event in self.history():
            if event["event"] == "rolled back":
                releases[-2:] = [event]
            elif not releases or served_by(releases[-1]) != served_by(event):
                releases.append(event)
        return releases


def served_by(event: Event) -> str:
    """What serves the release of an event: a SageMaker configuration, else the release itself."""
    return str(event.get("config", event["release"]))


def new_event(folder: Path, reason: str, back: bool, **more: str) -> Event:
    """An event of this moment: the release in a folder, its evaluation, and why it is served."""
    release = store.read_json(folder / integrity.RELEASE)
    evaluation = store.read_json(folder / integrity.EVALUATION)
    return {
        "at": store.now(),
        "event": "rolled back" if back else "released",
        **{name: release[name] for name in ("release", "run", "features_run", "model_hash")},
        "reason": reason,
        "evaluation": runs.summary(evaluation),
        **more,
    }


def parse(content: bytes, name: str) -> list[Event]:
    """The events of a release log; UserError, with the log's name, if it can't be read."""
    try:
        events: list[Event] = json.loads(content)
    except ValueError as error:
        raise UserError(f"{name} is no JSON: {error}") from None
    if not (isinstance(events, list) and all(map(_is_event, events))):
        raise UserError(f"{name} is no list of events with the texts `event` and `release`")
    return events


def _is_event(value: Any) -> bool:
    names = ("event", "release")
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)
