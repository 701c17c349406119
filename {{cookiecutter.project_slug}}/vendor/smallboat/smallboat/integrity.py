"""Finds what was changed since it was written: in snapshots, in runs and in releases.

Each is a folder that is completed by its manifest, a JSON file with facts, the SHA-256 of every
other file (`files`) and that of its own content (`digest`). It finds bit rot and silent edits; it
is no signature. The model server reads it, too, so nothing heavy is imported here.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .errors import IntegrityError

SNAPSHOT, EVALUATION, RELEASE = "snapshot.json", "evaluation.json", "release.json"
REMEDIES = {
    SNAPSHOT: "remove {folder}, on S3 too if it lies there, then `make data` makes it again",
    EVALUATION: "remove {folder}, on S3 too if it lies there, then `make train` makes another run",
    RELEASE: "`make deploy ALLOW_SCHEMA_CHANGE=1` releases anew",
}
"""What to do, by manifest."""
CHANGED = "was changed since it was written"


def to_json(value: Any) -> bytes:
    """Readable JSON, the same bytes for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file, computed once in a process unless the file changes."""
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
    """Complete a folder with its manifest; `files` are its `hashes` if they are known."""
    if files is None:
        files = {name: found for name, found in hashes(folder).items() if name != manifest}
    (folder / manifest).write_bytes(_sealed({**facts, "files": files}))


def read(folder: Path, manifest: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A manifest's facts and the hashes that it lists; only the manifest itself is checked.

    Raises:
        IntegrityError: it is not the one that was written.
    """
    path = folder / manifest
    try:
        found = path.read_bytes()
        content = json.loads(found)
    except FileNotFoundError:
        raise damage(path, manifest, "is missing") from None
    except OSError as error:
        raise damage(path, manifest, f"can't be read ({error.strerror})") from None
    except ValueError:
        raise damage(path, manifest) from None
    if not isinstance(content, dict):
        raise damage(path, manifest)
    if not {"files", "digest"} & content.keys():
        message = "was made by an older version and can't be verified"
        raise damage(path, manifest, message)
    content.pop("digest", None)
    if _sealed(content) != found:
        raise damage(path, manifest)
    files: dict[str, str] = content.pop("files")
    return content, files


def verify(folder: Path, manifest: str) -> dict[str, Any]:
    """The facts of a folder whose files are those that were written.

    Folders in it and hidden files, which no reader looks at, are left alone.

    Raises:
        IntegrityError: names the file that was changed, is missing or does not belong there.
    """
    facts, files = read(folder, manifest)
    for name, expected in files.items():
        path = folder / name
        try:
            if sha256(path) != expected:
                raise damage(path, manifest)
        except FileNotFoundError:
            raise damage(path, manifest, "is missing") from None
        except OSError as error:
            raise damage(path, manifest, f"can't be read ({error.strerror})") from None
    for path in sorted(folder.iterdir()):
        known = path.name in files or path.name == manifest or path.name.startswith(".")
        if not known and not path.is_dir():
            raise IntegrityError(f"{path} does not belong there: move it elsewhere")
    return facts


def damage(path: Path, manifest: str, message: str = CHANGED) -> IntegrityError:
    """The error about a file of a manifest's folder."""
    return IntegrityError(f"{path} {message}: {REMEDIES[manifest].format(folder=path.parent)}")


def _sealed(content: Mapping[str, Any]) -> bytes:
    """A manifest as it is written: any other bytes of it are a change."""
    digest = hashlib.sha256(to_json(content)).hexdigest()
    return to_json({**content, "digest": digest})
