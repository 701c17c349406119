"""`make clean`: removes old runs from this machine, from the store and from Metaflow's data."""

import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from .. import confirmation, disk
from ..config import config
from ..errors import UserError
from ..problem import Problem
from ..store import runs, s3_cache
from ..training import flow, run_files
from ..words import counted
from .targets.local import LocalTarget

PINNED = "pinned"
"""A run with this tag in Metaflow stays."""
REMOVED = ".removed"
"""A folder with what is being removed, hidden from all that lists runs."""


@dataclass(frozen=True)
class _Run:
    """A run on this machine.

    Attributes:
        id: its id.
        created: when its bundle was made, or else when it started, in ISO 8601.
        winner: its winner, or what it has instead.
        trained: whether it has a bundle that can be read.
        reason: why it stays whatever its age; "" if it need not.
        folders: its folders, of the store and of Metaflow.
    """

    id: str
    created: str
    winner: str
    trained: bool
    reason: str
    folders: list[Path]


def clean(problem: Problem, environment: str, keep: str | None, confirm: str | None) -> int:
    """Remove old runs; shows them and asks before.

    The newest `keep` runs stay, and the newest `keep` of those with a bundle. So do the runs of
    the releases that are served or can be gone back to, pinned ones, and damaged ones.
    """
    number = _number(keep)
    settings = config.load(problem, environment)
    if settings.aws is not None:
        raise UserError(f"{environment} keeps its runs on S3: `make clean` is without ENV")
    target = LocalTarget(problem)
    with flow.nothing_running(), target.locked():
        stores = [s3_cache.local_folder(settings.store.root), run_files.ROOT]
        known = _known(settings, target.runs())
        trained = [run for run in known if run.trained]
        newest = {run.id for run in known[:number] + trained[:number]}
        old = [run for run in known if run.id not in newest and not run.reason]
        kept = [run for run in known if run not in old]
        unused = run_files.unused_artifacts(flow.FLOW, {run.id for run in old})
        print(_summary(old, unused, kept))
        if old or unused:
            confirmation.ask(environment, confirm)
            _remove([folder for run in old for folder in run.folders], unused, stores)
            print(f"removed: {counted(len(old), 'run')}")
        for store in stores:  # an interrupted command may have left something there, too
            if (store / REMOVED).is_dir():
                shutil.rmtree(store / REMOVED)
    return 0


def _number(keep: str | None) -> int:
    if keep is None:
        raise UserError("say how many runs to keep, as in `make clean KEEP=10`")
    if not re.fullmatch("[0-9]{1,6}", keep):
        message = f"KEEP is {keep[:20]!r}, which is no number of runs: "
        raise UserError(f"{message}say it as in `make clean KEEP=10`")
    return int(keep)


def _known(settings: config.Settings, released: set[str]) -> list[_Run]:
    """The runs on this machine, the newest first."""
    root = settings.store.root
    evaluations, damaged = runs.read(root)
    started = flow.all_runs(settings)
    found = []
    for run in {*evaluations, *damaged, *started}:
        evaluation = evaluations.get(run, {})
        reasons = {
            "released": run in released,
            PINNED: run in started and PINNED in started[run].user_tags,
            "damaged": run in damaged,
        }
        created = str(evaluation.get("created") or _started(started.get(run)))
        winner = str(evaluation.get("winner") or ("no model" if evaluation else "no bundle"))
        reason = next((name for name, holds in reasons.items() if holds), "")
        bundle = [s3_cache.local_folder(root) / "runs" / run] if evaluation else []
        folders = [*bundle, *run_files.folders(flow.FLOW, run)]
        found.append(_Run(run, created, winner, bool(evaluation), reason, folders))
    return sorted(found, key=lambda run: (run.created, run.id), reverse=True)


def _started(run: Any) -> str:
    return run.created_at.astimezone(UTC).isoformat(timespec="seconds") if run else ""


def _summary(old: list[_Run], unused: list[Path], kept: list[_Run]) -> str:
    """A line for each run that goes, the space that this frees, and why the others stay."""
    lines = []
    for run in old:
        created = run.created[:16].replace("T", " ")
        lines.append(f"{run.id:<18}  {created:<16}  {run.winner:<20}  {_size(run.folders)}")
    reasons = Counter(run.reason or "newest" for run in kept)
    stay = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    freed = _size([*unused, *(folder for run in old for folder in run.folders)])
    removed = f"to remove: {counted(len(old), 'run')} and artifacts that no other has, {freed}"
    return "\n".join(
        [
            *lines,
            removed if old or unused else "nothing to remove",
            f"to keep: {counted(len(kept), 'run')}" + f" ({stay})" * bool(kept),
        ]
    )


def _size(paths: list[Path]) -> str:
    files, size = disk.usage(paths)
    return f"{size / 1e6:,.1f} MB in {counted(files, 'file')}"


def _remove(folders: list[Path], artifacts: list[Path], stores: list[Path]) -> None:
    """Move folders away, each at once, and remove artifacts, which nothing uses then."""
    for folder in folders:
        (store,) = (store for store in stores if folder.is_relative_to(store))
        (store / REMOVED).mkdir(exist_ok=True)
        folder.rename(Path(tempfile.mkdtemp(dir=store / REMOVED), folder.name))
    # x before x_meta: as long as there is an x, Metaflow writes neither of them again.
    for file in sorted(artifacts):
        file.unlink()
