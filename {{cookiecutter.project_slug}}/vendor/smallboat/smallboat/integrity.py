"""Detects changes of snapshots, runs and releases after they were written.

Each is a folder with a manifest: a JSON file with facts, the SHA-256 of every other file (`files`)
and the SHA-256 of its own content (`digest`). This finds bit rot and edits; it is no signature. The
model server uses it, too, so nothing heavy is imported here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from .errors import IntegrityError

SNAPSHOT, EVALUATION, RELEASE = "snapshot.json", "evaluation.json", "release.json"
REMEDIES = {
    SNAPSHOT: "remove {folder} (also on S3, if it is there), then run `make data`",
    EVALUATION: "remove {folder} (also on S3, if it is there), then run `make train`",
    RELEASE: "`make deploy ALLOW_SCHEMA_CHANGE=1` makes a new release",
}
"""How to repair a folder, by its manifest."""
CHANGED = "was changed since it was written"


def to_json(value: Any) -> bytes:
    """Readable JSON, the same bytes for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file, computed once in a process until the file changes."""
    stat = path.stat()
    return _sha256(path.resolve(), stat.st_size, stat.st_ctime_ns)


@cache
def _sha256(path: Path, *_stat: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes(folder: Path) -> dict[str, str]:
    """Hex SHA-256 of a folder's files by name, in the order of their names."""
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


def content_hash(files: Mapping[str, str]) -> str:
    """The first 16 hex digits of a SHA-256 over the names and the hashes of files."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + bytes.fromhex(files[name]))
    return digest.hexdigest()[:16]


def seal(
    folder: Path,
    manifest: str,
    facts: Mapping[str, Any],
    files: Mapping[str, str] | None = None,
) -> None:
    """Write a folder's manifest; `files` are the folder's `hashes`, computed if not given."""
    if files is None:
        files = {name: digest for name, digest in hashes(folder).items() if name != manifest}
    (folder / manifest).write_bytes(_sealed({**facts, "files": files}))


def read_manifest(folder: Path, manifest: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A manifest's facts and the hashes that it lists; only the manifest itself is checked.

    Raises:
        IntegrityError: the manifest is missing or was changed.
    """
    path = folder / manifest
    with _unreadable(path, manifest):
        text = path.read_bytes()
    try:
        content = json.loads(text)
    except ValueError:
        raise damage(path, manifest) from None
    if not isinstance(content, dict):
        raise damage(path, manifest)
    if not {"files", "digest"} & content.keys():
        raise damage(path, manifest, "was made by an older version and can't be verified")
    digest = str(content.pop("digest", None))
    sealed = text.replace(f'\n  "digest": "{digest}",'.encode(), b"", 1)
    if hashlib.sha256(sealed).hexdigest() != digest:
        raise damage(path, manifest)
    files: dict[str, str] = content.pop("files")
    return content, files


def verify(folder: Path, manifest: str) -> dict[str, Any]:
    """The facts of a folder, after a check of all its files.

    Subfolders and hidden files are ignored: nothing reads them.

    Raises:
        IntegrityError: names the file that was changed, is missing or does not belong there.
    """
    facts, files = read_manifest(folder, manifest)
    for name, expected in files.items():
        path = folder / name
        with _unreadable(path, manifest):
            if sha256(path) != expected:
                raise damage(path, manifest)
    for path in sorted(folder.iterdir()):
        known = path.name in files or path.name == manifest or path.name.startswith(".")
        if not known and not path.is_dir():
            raise IntegrityError(f"{path} does not belong there: move it elsewhere")
    return facts


def damage(path: Path, manifest: str, message: str = CHANGED) -> IntegrityError:
    """The error about a file of a manifest's folder."""
    return IntegrityError(f"{path} {message}: {REMEDIES[manifest].format(folder=path.parent)}")


@contextmanager
def _unreadable(path: Path, manifest: str) -> Iterator[None]:
    """Raise an IntegrityError if the block can't read the file."""
    try:
        yield
    except FileNotFoundError:
        raise damage(path, manifest, "is missing") from None
    except OSError as error:
        raise damage(path, manifest, f"can't be read ({error.strerror})") from None


def _sealed(content: Mapping[str, Any]) -> bytes:
    """The bytes of a manifest; the digest is that of all lines but its own."""
    digest = hashlib.sha256(to_json(content)).hexdigest()
    return to_json({**content, "digest": digest})
