"""The model store: every snapshot and every trained model, each written once and completely.

`<root>/snapshots/<hash>/` holds raw tables and snapshot.json, and in `cache/` what the problem's
code computed from them. `<root>/snapshots/newest` is the hash of the snapshot that training takes.
`<root>/runs/<run>/` is the bundle of a run. The root is a folder, or an address
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

from .. import disk, integrity, unexpected
from ..errors import UserError
from ..integrity import EVALUATION, SNAPSHOT
from ..integrity import to_json as to_json
from ..problem import Problem
from . import s3_cache

CACHE = "cache"
NEWEST = "snapshots/newest"
RELEASES = "monitoring/releases.json"
"""The list of releases, which each deployment writes."""


@contextmanager
def staged(parent: Path) -> Iterator[Path]:
    """A temporary folder inside `parent`; files move from it to their final place at once."""
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
        raise UserError(f"could not use {where}: {error.strerror}; nothing was saved") from error


def settle(folder: Path, target: Path) -> None:
    """Move a staged folder to its final place, unless there is one already: it is the same."""
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
    parent = s3_cache.local_folder(root) / "snapshots"
    with staged(parent) as stage:
        folder = stage / "snapshot"
        folder.mkdir()
        with unexpected.user_errors("the raw tables can't be read", problem.folder):
            facts = problem.data.collect(config, folder)
        files = integrity.hashes(folder)
        snapshot = integrity.content_hash(files)
        if not has_snapshot(root, snapshot):
            facts = {**facts, "created": now(), "previous": newest_snapshot(root)}
            integrity.seal(folder, SNAPSHOT, facts, files)
            s3_cache.upload(root, folder, f"snapshots/{snapshot}", last=SNAPSHOT)
            settle(folder, parent / snapshot)
    return snapshot


def make_newest(root: str, snapshot: str) -> None:
    """Make this the snapshot that training takes if it is given none."""
    replace(root, NEWEST, snapshot.encode())


def replace(root: str, name: str, content: bytes) -> None:
    """Write a small file that may change, completely or not at all."""
    target = s3_cache.local_folder(root) / name
    with staged(target.parent) as stage:
        (stage / target.name).write_bytes(content)
        s3_cache.upload_pointer(root, stage / target.name, name)
        os.replace(stage / target.name, target)


def read_changing(root: str, name: str, default: Any) -> Any:
    """The JSON of a small file that may change, of the default's type; the default if it has none.

    UserError if the file is damaged.
    """
    text = s3_cache.read_pointer(root, name)
    try:
        found = default if text is None else json.loads(text)
    except ValueError as error:
        raise UserError(f"{root}/{name} is no JSON: {error}; remove it") from None
    if found is None:
        return default
    if not isinstance(found, type(default)):
        kind = "object" if isinstance(default, dict) else "list"
        raise UserError(f"{root}/{name} is no JSON {kind}; remove it")
    return found


def make_newest_after(root: str, snapshot: str) -> None:
    """Make a snapshot the newest, unless another one became the newest after it was made."""
    newest = newest_snapshot(root)
    if has_snapshot(root, snapshot) and manifest(root, snapshot)["previous"] == newest:
        make_newest(root, snapshot)


def newest_snapshot(root: str) -> str | None:
    """The hash of the snapshot that training takes, or None before the first."""
    return s3_cache.read_pointer(root, NEWEST)


def has_snapshot(root: str, snapshot: str) -> bool:
    """Whether the store has a snapshot."""
    return bool(s3_cache.fetch(root, f"snapshots/{snapshot}", SNAPSHOT))


def snapshot_folder(root: str, snapshot: str) -> Path:
    """The folder of a snapshot's tables, verified; UserError if there is no such snapshot."""
    manifest(root, snapshot)
    s3_cache.fetch(root, f"snapshots/{snapshot}")
    folder = s3_cache.local_folder(root) / "snapshots" / snapshot
    integrity.verify(folder, SNAPSHOT)
    return folder


def fetch_cache(root: str, snapshot: str) -> None:
    """Download the cache of the previous snapshot: the code may build this one's cache from it."""
    if previous := previous_snapshot(root, snapshot):
        s3_cache.fetch(root, f"snapshots/{previous}/{CACHE}")


def upload_cache(root: str, snapshot: str) -> None:
    """Upload a snapshot's cache, for other machines."""
    folder = s3_cache.local_folder(root) / "snapshots" / snapshot / CACHE
    if folder.is_dir():
        s3_cache.upload(root, folder, f"snapshots/{snapshot}/{CACHE}", last="")


def manifest(root: str, snapshot: str) -> dict[str, Any]:
    """What snapshot.json says: source, licence, data_until if known, rows, created, previous."""
    folder = s3_cache.local_folder(root) / "snapshots" / snapshot
    if not has_snapshot(root, snapshot):
        if folder.is_dir():
            raise integrity.damage(folder / SNAPSHOT, SNAPSHOT, "is missing")
        raise UserError(f"the store {root} has no snapshot {snapshot!r}: `make data` makes one")
    facts, files = integrity.read_manifest(folder, SNAPSHOT)
    if integrity.content_hash(files) != snapshot:
        raise integrity.damage(folder / SNAPSHOT, SNAPSHOT)
    return facts


def previous_snapshot(root: str, snapshot: str) -> str | None:
    """The last snapshot before this one that came from the same source."""
    facts = manifest(root, snapshot)
    source, previous = facts["source"], facts["previous"]
    while previous and has_snapshot(root, previous):
        facts = manifest(root, previous)
        if facts["source"] == source:
            return str(previous)
        previous = facts["previous"]
    return None


def previous_rows(root: str, snapshot: str) -> dict[str, int] | None:
    """Rows per table of the previous snapshot."""
    previous = previous_snapshot(root, snapshot)
    return manifest(root, previous)["rows"] if previous else None


def write_run(root: str, run: str, evaluation: dict[str, Any], files: dict[str, bytes]) -> Path:
    """Save a run's bundle and evaluation, completely or not at all; returns its folder."""
    parent = s3_cache.local_folder(root) / "runs"
    with staged(parent) as stage:
        folder = stage / "run"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        integrity.seal(folder, EVALUATION, evaluation)
        s3_cache.upload(root, folder, f"runs/{run}", last=EVALUATION)
        settle(folder, parent / run)
    return parent / run


def run_folder(root: str, run: str) -> Path:
    """The folder of a run's bundle, verified."""
    s3_cache.fetch(root, f"runs/{run}")
    folder = s3_cache.local_folder(root) / "runs" / run
    integrity.verify(folder, EVALUATION)
    return folder


def copy_run(source: str, target: str, run: str) -> None:
    """Copy a run, and the snapshot that it was trained on, from one store to another."""
    folder = run_folder(source, run)
    snapshot = snapshot_folder(source, read_json(folder / EVALUATION)["snapshot"])
    for kind, copied, last in (("snapshots", snapshot, SNAPSHOT), ("runs", folder, EVALUATION)):
        parent = s3_cache.local_folder(target) / kind
        s3_cache.upload(target, copied, f"{kind}/{copied.name}", last)
        with staged(parent) as stage:
            shutil.copytree(copied, stage / copied.name)
            settle(stage / copied.name, parent / copied.name)
