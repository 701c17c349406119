"""The parts of a snapshot: the files of each day, and what tells one content from another."""

import hashlib
from pathlib import Path

from smallboat import integrity
from smallboat.errors import UserError
from smallboat.integrity import SNAPSHOT

DAY = len("2019-01-15")


def contents(folder: Path) -> dict[str, str]:
    """A hash of its files by day, the days in order.

    Raises:
        UserError: there are no days, or one lacks a file.
    """
    days = {
        kind: {path.stem[-DAY:]: path for path in folder.glob(f"{kind}-*.parquet")}
        for kind in ("browsing", "search")
    }
    if not days["browsing"]:
        raise UserError(f"{folder} has no browsing-<day>.parquet: it is no snapshot")
    if halves := days["browsing"].keys() ^ days["search"].keys():
        raise UserError(f"{folder}: {min(halves)} has one of its two files only")
    return {
        day: _hash(days["browsing"][day], days["search"][day]) for day in sorted(days["browsing"])
    }


def files(folder: Path, kind: str, days: list[str]) -> list[Path]:
    """Where the files of a kind and of these days lie."""
    return [(folder / f"{kind}-{day}.parquet").resolve() for day in days]


def catalog(folder: Path) -> tuple[Path, str]:
    """The catalogue's file and the hash of its content."""
    path = (folder / "catalog.parquet").resolve()
    return path, _hash(path)


def earlier(folder: Path) -> list[Path]:
    """The folders of the snapshots before this one, newest first, as far as they are here."""
    found: list[Path] = []
    while (folder / SNAPSHOT).is_file():
        known, _ = integrity.read_manifest(folder, SNAPSHOT)
        folder = folder.parent / str(known["previous"])
        if not folder.is_dir() or folder in found:
            break
        found.append(folder)
    return found


def _hash(*paths: Path) -> str:
    hashes = [bytes.fromhex(integrity.sha256(path)) for path in paths]
    return hashlib.sha256(b"".join(hashes)).hexdigest()[:16]
