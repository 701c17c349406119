"""The endpoint of this machine: a folder whose pointer `current` the model server follows.

`releases/<id>/` holds a release, `history.json` what was confirmed. A pointer that differs from
the history was left by a deployment that was killed.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ... import integrity
from ...errors import IntegrityError, ReleaseError, UserError
from ...problem import Problem
from ...serving import servers, serving
from ...store import store
from . import release_log

FOLDER = Path("endpoint")
HISTORY = "history.json"
FOLLOW_SECONDS = 10.0


class Endpoint:
    """A target of releases."""

    network_overhead_ms = 0.0

    def __init__(self, problem: Problem, folder: Path = FOLDER, keep: int = 2) -> None:
        """An endpoint in a folder that keeps so many releases, the served one among them."""
        self._problem, self._folder, self._keep = problem, folder, keep
        self._releases = folder / "releases"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other deployments out, and undo what a killed one left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".deploying").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = "another deployment goes on in this folder: wait for its end"
                raise UserError(message) from None
            self.undo()
            yield

    def current(self) -> dict[str, Any] | None:
        """release.json of what is served, or None before the first release."""
        if self._pointed() is None:
            return None
        try:
            return integrity.read_manifest(self.folder(), integrity.RELEASE)[0]
        except IntegrityError as error:
            raise UserError(f"what is served can't be read: {error}") from None

    def folder(self) -> Path:
        """The files of what is served."""
        return self._releases / str(self._pointed())

    def previous(self) -> Path | None:
        """The files of the release that was served before this one, or None."""
        before = [self._releases / release for release in self._served()[:-1]]
        return before[-1] if before and before[-1].is_dir() else None

    def outdated(self) -> bool:
        """Never: a server that starts is of the image and settings of now."""
        return False

    def history(self) -> list[release_log.Event]:
        """What was confirmed: `at`, `event` (released, rolled back), `release`; oldest first."""
        file = self._folder / HISTORY
        try:
            events: list[release_log.Event] = store.read_json(file) if file.exists() else []
        except ValueError as error:
            raise UserError(f"{file} is no JSON: {error}") from None
        if not (isinstance(events, list) and all(map(_is_event, events))):
            raise UserError(f"{file} is no list of events with the texts `event` and `release`")
        return events

    def pre_switch_server(self, folder: Path) -> AbstractContextManager[servers.Ask]:
        """The model server on a release that is not served yet."""
        return servers.temporary(self._problem, folder)

    def update(self, folder: Path) -> None:
        """Copy a release and point at it."""
        release = store.read_json(folder / "release.json")["release"]
        target = self._releases / release
        with store.staged(self._releases) as stage:
            shutil.copytree(folder, stage / "release")
            if target.exists():
                # Perhaps it is served: file by file there is no moment without a whole one.
                made = list((stage / "release").iterdir())
                for file in made:
                    os.replace(file, target / file.name)
                for file in set(target.iterdir()) - {target / file.name for file in made}:
                    os.replace(file, stage / file.name)
            store.settle(stage / "release", target)
        if self._pointed() is None and not self.history():
            self._write(HISTORY, store.to_json([]))  # tells a first update from a lost history
        self._write("current", release.encode())

    @contextmanager
    def live_server(self) -> Iterator[servers.Ask]:
        """The server that runs here, once it has followed the pointer; else one for the moment."""
        running = serving.running(self._folder)
        if running is None:
            with servers.temporary(self._problem, self._folder) as ask:
                yield ask
            return
        with servers.connect(running["model_url"]) as ask:
            end = time.monotonic() + FOLLOW_SECONDS
            while (found := ask({"describe": True})["release"]["release"]) != self._pointed():
                if time.monotonic() > end:
                    message = f"the server that runs still serves {found}; its log says why"
                    raise ReleaseError(message)
                time.sleep(0.1)
            yield ask

    def confirm(self, back: bool = False) -> None:
        """Write it down, and remove the releases that nobody will go back to."""
        event = {
            "at": store.now(),
            "event": "rolled back" if back else "released",
            "release": self._pointed(),
        }
        if back or self._served()[-1:] != [self._pointed()]:
            self._write(HISTORY, store.to_json([*self.history(), event]))
        kept = self._served()[-self._keep :]
        for folder in self._releases.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder)

    def undo(self) -> None:
        """Point at what was confirmed last.

        Raises:
            UserError: something is pointed at, but the history is lost.
        """
        served = self._served()
        if not served:
            if self._pointed() and not (self._folder / HISTORY).exists():
                raise UserError(
                    f"{self._folder / HISTORY} is gone, so nobody knows what to go back to: put it "
                    f"back, or remove {self._folder / 'current'} to begin anew"
                )
            (self._folder / "current").unlink(missing_ok=True)
        elif self._pointed() != served[-1]:
            self._write("current", served[-1].encode())

    def _pointed(self) -> str | None:
        pointer = self._folder / "current"
        return pointer.read_text().strip() if pointer.is_file() else None

    def _served(self) -> list[str]:
        """The releases up to the current one."""
        return [event["release"] for event in release_log.served(self.history())]

    def _write(self, name: str, content: bytes) -> None:
        with store.staged(self._folder) as stage:
            (stage / name).write_bytes(content)
            os.replace(stage / name, self._folder / name)


def _is_event(value: Any) -> bool:
    names = ("event", "release")
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in names)
