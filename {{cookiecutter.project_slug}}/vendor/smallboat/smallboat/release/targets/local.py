"""The target on this machine: a folder whose file `current` names the release to serve.

`releases/<id>/` holds a release, `history.json` the release log. If `current` differs from the
log, a deployment was killed.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ... import disk, integrity
from ...errors import ReleaseError, UserError
from ...problem import Problem
from ...serving import servers, serving
from ...store import store
from . import target

FOLDER = Path("endpoint")
FOLLOW_SECONDS = 10.0
"""How long a running server may take to load the current release."""


class LocalTarget(target.Target):
    """Releases are served from a folder of this machine."""

    def __init__(self, problem: Problem, folder: Path = FOLDER, keep: int = 2) -> None:
        """The target in a folder; it keeps so many releases, the current one among them."""
        self._problem, self._folder, self._keep = problem, folder, keep
        self._pointer, self._log = folder / "current", folder / "history.json"

    def history(self) -> list[target.Event]:
        """The release log, oldest first."""
        return target.parse(self._log.read_bytes(), str(self._log)) if self._log.exists() else []

    def runs(self) -> set[str]:
        """The runs of all releases that are kept; UserError if one can't be read."""
        releases = (folder for folder in self._files("").glob("*") if folder.name[0] != ".")
        found = [integrity.read_manifest(folder, integrity.RELEASE)[0] for folder in releases]
        return {str(release.get(part)) for release in found for part in ("run", "features_run")}

    def update(self, folder: Path, back: bool = False) -> None:
        """Copy a release and point at it."""
        release = store.read_json(folder / "release.json")["release"]
        copy = self._files(release)
        with store.staged(copy.parent) as stage:
            shutil.copytree(folder, stage / "release")
            if copy.exists():
                # It may be served now. Replaced file by file, it is complete at every moment.
                files = list((stage / "release").iterdir())
                for file in files:
                    os.replace(file, copy / file.name)
                for file in set(copy.iterdir()) - {copy / file.name for file in files}:
                    os.replace(file, stage / file.name)
            store.settle(stage / "release", copy)
        if self._served() is None and not self.history():
            self._write(self._log, store.to_json([]))  # without it `undo` would call the log lost
        self._write(self._pointer, release.encode())

    @contextmanager
    def live_server(self) -> Iterator[servers.Invoke]:
        """The running server, once it has loaded the current release; else a temporary one."""
        running = serving.running(self._folder)
        if running is None:
            with servers.temporary_model_server(self._problem, self._folder) as ask:
                yield ask
            return
        with servers.connect(running["model_url"]) as ask:
            end = time.monotonic() + FOLLOW_SECONDS
            while (loaded := ask({"describe": True})["release"]["release"]) != self._served():
                if time.monotonic() > end:
                    raise ReleaseError(f"the running server still serves {loaded}: see its log")
                time.sleep(0.1)
            yield ask

    def confirm(self, reason: str, back: bool = False) -> None:
        """Log the current release and why it is served, and remove what is too old."""
        release = str(self._served())
        if back or self._logged()[-1:] != [release]:
            event = target.new_event(self.folder(), reason, back)
            self._write(self._log, store.to_json([*self.history(), event]))
        kept = self._logged()[-self._keep :]
        for folder in self._files(release).parent.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder)

    def undo(self) -> None:
        """Point at the release that was confirmed last; UserError if the log is lost."""
        logged, served = self._logged(), self._served()
        if logged and served != logged[-1]:
            self._write(self._pointer, logged[-1].encode())
        elif served and not self._log.exists():
            raise UserError(
                f"{self._log} is gone, and with it the release to go back to: restore it, or "
                f"remove {self._pointer} to start without a release"
            )
        elif not logged:
            self._pointer.unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        message = "another deployment is running in this folder: wait until it ends"
        with disk.locked(self._folder, message):
            yield

    def _served(self) -> str | None:
        return self._pointer.read_text().strip() if self._pointer.is_file() else None

    def _exists(self, served: str) -> bool:
        return self._files(served).is_dir()

    def _files(self, served: str) -> Path:
        return self._folder / "releases" / served

    def _logged(self) -> list[str]:
        return [event["release"] for event in self._releases()]

    def _write(self, file: Path, content: bytes) -> None:
        with store.staged(self._folder) as stage:
            (stage / file.name).write_bytes(content)
            os.replace(stage / file.name, file)
