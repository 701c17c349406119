"""An experiment as an archive: it is written before anything is sent, the same for each tracker."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..store import store

RECORD = "smallboat.json"


@dataclass(frozen=True)
class Experiment:
    """What is logged of one candidate of a run."""

    project: str
    run: str
    candidate: str
    status: str  # winner, candidate, disqualified or failed
    created: int  # milliseconds since 1970
    parameters: dict[str, Any]
    notes: dict[str, str]  # status, reason, outcomes of gates
    metrics: dict[str, float]
    series: dict[str, list[tuple[int, float]]]  # (step, value), in the order of the steps
    files: list[str]  # paths in the archive

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.candidate}-{self.run}"

    @property
    def key(self) -> str:
        """Identifies it, so that another try completes an experiment that arrived in part."""
        text = f"{self.project}/{self.run}/{self.candidate}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def safe(name: str) -> str:
    """A project's own name, such as `recall@5`, as files and all trackers take it: `recall_5`."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)


def write(experiment: Experiment, files: Mapping[str, Path | str], folder: Path) -> Path:
    """Save an experiment as `<folder>/<run>-<candidate>.zip`, completely or not at all.

    Args:
        experiment: what is logged.
        files: by its path in the archive, a file or the text of one.
        folder: is made if it isn't there.
    """
    target = folder / f"{experiment.run}-{safe(experiment.candidate)}.zip"
    with store.staged(folder) as stage:
        made = stage / target.name
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(RECORD, json.dumps(asdict(experiment), indent=1))
            for path, source in files.items():
                if isinstance(source, Path):
                    archive.write(source, path)
                else:
                    archive.writestr(path, source)
        made.replace(target)
    return target


@contextmanager
def opened(path: Path) -> Iterator[tuple[Experiment | None, Path]]:
    """The experiment of an archive, and a temporary folder with its files.

    An archive in Comet's own format, as smallboat 0.3 made them, gives None and the archive.
    """
    with TemporaryDirectory() as stage:
        with zipfile.ZipFile(path) as archive:
            ours = RECORD in archive.namelist()
            archive.extractall(stage)
        if ours:
            yield Experiment(**store.read_json(Path(stage, RECORD))), Path(stage)
        else:
            yield None, path
