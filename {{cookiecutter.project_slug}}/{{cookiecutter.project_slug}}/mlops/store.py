"""The model store: every snapshot and every trained model, written once and never half.

`<root>/snapshots/<hash>/` holds raw tables and snapshot.json, `<root>/snapshots/newest` the hash of
the one that training takes, `<root>/runs/<run>/` the bundle of a run.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import UserError


@contextmanager
def staged(parent: Path) -> Iterator[Path]:
    """An empty folder beside the final ones, gone at the end unless it was moved away."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".staged-", dir=parent) as folder:
            yield Path(folder)
    except OSError as error:
        where = error.filename or parent
        raise UserError(f"could not use {where}: {error.strerror}; nothing was kept") from error


def settle(folder: Path, target: Path) -> None:
    """Move a staged folder to its place; what is there already stays, for it was written once."""
    if not target.exists():
        folder.rename(target)


def to_json(value: Any) -> bytes:
    """Readable JSON, the same bytes for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """The value of a JSON file."""
    return json.loads(path.read_text())


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def content_hash(folder: Path) -> str:
    """The first 16 hex digits of a SHA-256 over the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def make_snapshot(root: str, config: Mapping[str, Any]) -> str:
    """Collect the raw tables into the store and return the snapshot's hash."""
    from .. import data

    parent = Path(root, "snapshots")
    with staged(parent) as stage:
        folder = stage / "snapshot"
        folder.mkdir()
        about = data.collect(config, folder)
        snapshot = content_hash(folder)
        (folder / "snapshot.json").write_bytes(
            to_json({**about, "created": now(), "previous": newest_snapshot(root)})
        )
        settle(folder, parent / snapshot)
    return snapshot


def make_newest(root: str, snapshot: str) -> None:
    """Let training that names no snapshot take this one."""
    parent = Path(root, "snapshots")
    with staged(parent) as stage:
        (stage / "newest").write_text(snapshot)
        os.replace(stage / "newest", parent / "newest")


def make_newest_after(root: str, snapshot: str) -> None:
    """Make a snapshot the newest unless another one became it since this one was made."""
    file = Path(root, "snapshots", snapshot, "snapshot.json")
    if file.is_file() and read_json(file)["previous"] == newest_snapshot(root):
        make_newest(root, snapshot)


def newest_snapshot(root: str) -> str | None:
    """The hash of the snapshot that training takes, or None before the first."""
    pointer = Path(root, "snapshots", "newest")
    return pointer.read_text() if pointer.is_file() else None


def snapshot_folder(root: str, snapshot: str) -> Path:
    """Where a snapshot's tables lie; UserError if the store has no such snapshot."""
    folder = Path(root, "snapshots", snapshot)
    if not (folder / "snapshot.json").is_file():
        raise UserError(f"the store {root} has no snapshot {snapshot!r}: `make data` makes one")
    return folder


def about(root: str, snapshot: str) -> dict[str, Any]:
    """What is known of a snapshot: its snapshot.json."""
    known: dict[str, Any] = read_json(snapshot_folder(root, snapshot) / "snapshot.json")
    return known


def previous(root: str, snapshot: str) -> str | None:
    """The last snapshot before this one that came from the same source."""
    known = about(root, snapshot)
    before: str | None = known["previous"]
    while before and Path(root, "snapshots", before, "snapshot.json").is_file():
        earlier = about(root, before)
        if earlier["source"] == known["source"]:
            return before
        before = earlier["previous"]
    return None


def previous_rows(root: str, snapshot: str) -> dict[str, int] | None:
    """Rows per table of the previous snapshot."""
    before = previous(root, snapshot)
    return about(root, before)["rows"] if before else None


def write_run(root: str, run: str, files: dict[str, bytes]) -> Path:
    """Keep what a run made, all of it or nothing; returns its folder."""
    parent = Path(root, "runs")
    with staged(parent) as stage:
        folder = stage / "run"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        settle(folder, parent / run)
    return parent / run


def run_folder(root: str, run: str) -> Path:
    """Where a run's bundle lies."""
    return Path(root, "runs", run)
