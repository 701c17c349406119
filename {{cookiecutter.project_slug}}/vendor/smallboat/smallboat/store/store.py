"""The model store: every snapshot and every trained model, written once and never half.

`<root>/snapshots/<hash>/` holds raw tables and snapshot.json, and in `cache/` what was made of
them and need not be made twice; `<root>/snapshots/newest` is the hash of the one that training
takes, `<root>/runs/<run>/` the bundle of a run. The root is a folder, or an address
`s3://bucket/prefix`.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import disk, integrity
from ..errors import UserError
from ..integrity import EVALUATION, SNAPSHOT
from ..integrity import to_json as to_json
from ..problem import Problem
from . import s3_cache

CACHE = "cache"


@contextmanager
def staged(parent: Path) -> Iterator[Path]:
    """An empty folder beside the final ones, gone at the end unless it was moved away."""
    try:
        with disk.full_disk_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            with (
                tempfile.TemporaryDirectory(prefix=".staged-", dir=parent) as folder,
                disk.full_disk_errors(Path(folder), str(parent)),
            ):
                yield Path(folder)
    except OSError as error:
        where = error.filename or parent
        raise UserError(f"could not use {where}: {error.strerror}; nothing was kept") from error


def settle(folder: Path, target: Path) -> None:
    """Move a staged folder to its place; what is there already stays, for it was written once."""
    if not target.exists():
        folder.rename(target)


def read_json(path: Path) -> Any:
    """The value of a JSON file."""
    return json.loads(path.read_text())


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make_snapshot(problem: Problem, root: str, config: Mapping[str, Any]) -> str:
    """Collect the raw tables into the store and return the snapshot's hash."""
    parent = s3_cache.home(root) / "snapshots"
    with staged(parent) as stage:
        folder = stage / "snapshot"
        folder.mkdir()
        about = problem.data.collect(config, folder)
        files = integrity.hashes(folder)
        snapshot = integrity.content_hash(files)
        if not has(root, snapshot):
            facts = {**about, "created": now(), "previous": newest_snapshot(root)}
            integrity.seal(folder, SNAPSHOT, facts, files)
            s3_cache.keep(root, folder, f"snapshots/{snapshot}", last=SNAPSHOT)
            settle(folder, parent / snapshot)
    return snapshot


def make_newest(root: str, snapshot: str) -> None:
    """Let training that names no snapshot take this one."""
    parent = s3_cache.home(root) / "snapshots"
    with staged(parent) as stage:
        (stage / "newest").write_text(snapshot)
        s3_cache.replace(root, stage / "newest", "snapshots/newest")
        os.replace(stage / "newest", parent / "newest")


def make_newest_after(root: str, snapshot: str) -> None:
    """Make a snapshot the newest unless another one became it since this one was made."""
    if has(root, snapshot) and about(root, snapshot)["previous"] == newest_snapshot(root):
        make_newest(root, snapshot)


def newest_snapshot(root: str) -> str | None:
    """The hash of the snapshot that training takes, or None before the first."""
    return s3_cache.read(root, "snapshots/newest")


def has(root: str, snapshot: str) -> bool:
    """Whether the store has a snapshot."""
    return bool(s3_cache.bring(root, f"snapshots/{snapshot}", SNAPSHOT))


def snapshot_folder(root: str, snapshot: str) -> Path:
    """Where a snapshot's tables lie, verified; UserError if the store has no such snapshot."""
    about(root, snapshot)
    s3_cache.bring(root, f"snapshots/{snapshot}")
    folder = s3_cache.home(root) / "snapshots" / snapshot
    integrity.verify(folder, SNAPSHOT)
    return folder


def fetch_cache(root: str, snapshot: str) -> None:
    """Bring what was derived from a snapshot's predecessor, from which this one's may go on."""
    if before := previous(root, snapshot):
        s3_cache.bring(root, f"snapshots/{before}/{CACHE}")


def upload_cache(root: str, snapshot: str) -> None:
    """Keep what the problem's code has put into a snapshot's `derived`, for other machines too."""
    folder = s3_cache.home(root) / "snapshots" / snapshot / CACHE
    if folder.is_dir():
        s3_cache.keep(root, folder, f"snapshots/{snapshot}/{CACHE}", last="")


def about(root: str, snapshot: str) -> dict[str, Any]:
    """What is known of a snapshot: its snapshot.json."""
    folder = s3_cache.home(root) / "snapshots" / snapshot
    if not has(root, snapshot):
        if folder.is_dir():
            raise integrity.damage(folder / SNAPSHOT, SNAPSHOT, "is missing")
        raise UserError(f"the store {root} has no snapshot {snapshot!r}: `make data` makes one")
    known, files = integrity.read(folder, SNAPSHOT)
    if integrity.content_hash(files) != snapshot:
        raise integrity.damage(folder / SNAPSHOT, SNAPSHOT)
    return known


def previous(root: str, snapshot: str) -> str | None:
    """The last snapshot before this one that came from the same source."""
    known = about(root, snapshot)
    before: str | None = known["previous"]
    while before and has(root, before):
        earlier = about(root, before)
        if earlier["source"] == known["source"]:
            return before
        before = earlier["previous"]
    return None


def previous_rows(root: str, snapshot: str) -> dict[str, int] | None:
    """Rows per table of the previous snapshot."""
    before = previous(root, snapshot)
    return about(root, before)["rows"] if before else None


def write_run(root: str, run: str, evaluation: dict[str, Any], files: dict[str, bytes]) -> Path:
    """Keep what a run made and how it was evaluated, all of it or nothing; returns its folder."""
    parent = s3_cache.home(root) / "runs"
    with staged(parent) as stage:
        folder = stage / "run"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        integrity.seal(folder, EVALUATION, evaluation)
        s3_cache.keep(root, folder, f"runs/{run}", last=EVALUATION)
        settle(folder, parent / run)
    return parent / run


def run_folder(root: str, run: str) -> Path:
    """Where a run's bundle lies, verified."""
    s3_cache.bring(root, f"runs/{run}")
    folder = s3_cache.home(root) / "runs" / run
    integrity.verify(folder, EVALUATION)
    return folder


def evaluations(root: str) -> list[Path]:
    """The files that say of each run how it was evaluated."""
    return s3_cache.bring(root, "runs", f"/{EVALUATION}")


def copy_run(source: str, target: str, run: str) -> None:
    """Bring a run and the snapshot that it was trained on from one store into another."""
    folder = run_folder(source, run)
    snapshot = read_json(folder / EVALUATION)["snapshot"]
    for kind, copied, last in (
        ("snapshots", snapshot_folder(source, snapshot), SNAPSHOT),
        ("runs", folder, EVALUATION),
    ):
        name = copied.name
        s3_cache.keep(target, copied, f"{kind}/{name}", last)
        with staged(s3_cache.home(target) / kind) as stage:
            shutil.copytree(copied, stage / name)
            settle(stage / name, s3_cache.home(target) / kind / name)
