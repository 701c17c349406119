"""The target on this machine: a folder whose file `current` names the release to serve.

`releases/<id>/` holds a release, `history.json` the release log. A pointer that differs from the
log was left by a deployment that was killed.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ... import integrity
from ...errors import IntegrityError, ReleaseError, UserError
from ...problem import Problem
from ...serving import servers, serving
from ...store import release_bundle, store
from . import release_log

FOLDER = Path("endpoint")
LOG = "history.json"
FOLLOW_SECONDS = 10.0
"""How long a running server may take to load the current release."""


class LocalTarget:
    """Releases are served from a folder of this machine."""

    network_overhead_ms = 0.0

    def __init__(self, problem: Problem, folder: Path = FOLDER, keep: int = 2) -> None:
        """The target in a folder; it keeps so many releases, the current one among them."""
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
                message = "another deployment is running in this folder: wait until it ends"
                raise UserError(message) from None
            self.undo()
            yield

    def current(self) -> release_bundle.Release | None:
        """The content of release.json, or None before the first release."""
        if self._current() is None:
            return None
        try:
            return integrity.read(self.folder(), integrity.RELEASE)[0]
        except IntegrityError as error:
            raise UserError(f"what is served can't be read: {error}") from None

    def folder(self) -> Path:
        """The files of the current release."""
        return self._releases / str(self._current())

    def previous(self) -> Path | None:
        """The files of the release that was served before this one, or None."""
        earlier = self._served()[:-1]
        folder = self._releases / earlier[-1] if earlier else None
        return folder if folder and folder.is_dir() else None

    def outdated(self) -> bool:
        """Never: a server always starts with the current code and settings."""
        return False

    def history(self) -> list[release_log.Event]:
        """The release log; each event has `at`, `event` and `release`."""
        file = self._folder / LOG
        return release_log.parse(file.read_bytes(), str(file)) if file.exists() else []

    def pre_switch_server(self, folder: Path) -> AbstractContextManager[servers.Ask]:
        """A model server on a release that is not served yet."""
        return servers.temporary(self._problem, folder)

    def update(self, folder: Path, back: bool = False) -> None:
        """Copy a release and point at it."""
        release = store.read_json(folder / "release.json")["release"]
        target = self._releases / release
        with store.staged(self._releases) as stage:
            shutil.copytree(folder, stage / "release")
            if target.exists():
                # It may be served now. Replaced file by file, it is complete at every moment.
                files = list((stage / "release").iterdir())
                for file in files:
                    os.replace(file, target / file.name)
                for file in set(target.iterdir()) - {target / file.name for file in files}:
                    os.replace(file, stage / file.name)
            store.settle(stage / "release", target)
        if self._current() is None and not self.history():
            self._write(LOG, store.to_json([]))  # so that a lost log differs from a first update
        self._write("current", release.encode())

    @contextmanager
    def live_server(self) -> Iterator[servers.Ask]:
        """The running server, once it has loaded the current release; else a temporary one."""
        running = serving.running(self._folder)
        if running is None:
            with servers.temporary(self._problem, self._folder) as ask:
                yield ask
            return
        with servers.connect(running["model_url"]) as ask:
            end = time.monotonic() + FOLLOW_SECONDS
            while (loaded := ask({"describe": True})["release"]["release"]) != self._current():
                if time.monotonic() > end:
                    raise ReleaseError(f"the running server still serves {loaded}: see its log")
                time.sleep(0.1)
            yield ask

    def confirm(self, back: bool = False) -> None:
        """Add the current release to the log, and remove releases that are too old to go back to."""
        release = str(self._current())
        if back or self._served()[-1:] != [release]:
            self._write(LOG, store.to_json([*self.history(), release_log.event(release, back)]))
        kept = self._served()[-self._keep :]
        for folder in self._releases.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder)

    def undo(self) -> None:
        """Point at the release that was confirmed last.

        Raises:
            UserError: a release is current, but the log is lost.
        """
        served, log, pointer = self._served(), self._folder / LOG, self._folder / "current"
        if served:
            if self._current() != served[-1]:
                self._write("current", served[-1].encode())
        elif self._current() and not log.exists():
            raise UserError(
                f"{log} is gone, so there is no record of what to go back to: restore it, or "
                f"remove {pointer} to start again without a release"
            )
        else:
            pointer.unlink(missing_ok=True)

    def _current(self) -> str | None:
        pointer = self._folder / "current"
        return pointer.read_text().strip() if pointer.is_file() else None

    def _served(self) -> list[str]:
        """The releases up to the current one."""
        return [event["release"] for event in release_log.served(self.history())]

    def _write(self, name: str, content: bytes) -> None:
        with store.staged(self._folder) as stage:
            (stage / name).write_bytes(content)
            os.replace(stage / name, self._folder / name)
