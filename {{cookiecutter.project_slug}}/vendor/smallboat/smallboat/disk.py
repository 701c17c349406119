"""The disk: one message for errors of a full or read-only one; a folder is locked."""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import CommandError, FullDiskError, UserError

CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)
"""EFBIG is a limit on a file's size."""
REASONS = [os.strerror(code) for code in CODES]

MESSAGE_FILE = "FULL_DISK_MESSAGE_FILE"
"""The variable that names a file, to which processes of a flow write the message."""

FILE = re.compile(r'file "([^"]+)"')
"""How DuckDB names a file."""


@contextmanager
def full_disk_errors(folder: Path, name: str = "") -> Iterator[None]:
    """Raise a FullDiskError for any error of a disk that is full or can't be written.

    Args:
        folder: where the block writes.
        name: what the message calls the folder, if not by its path.
    """
    try:
        yield
    except CommandError:
        raise
    except Exception as error:
        if text := message(error, folder, name):
            raise FullDiskError(text) from error
        raise


def message(error: BaseException, folder: Path, name: str = "") -> str | None:
    """Which file could not be written, why, and the free bytes; None for another error.

    Databases and their wrappers only pass on the system's text, so it is searched for.
    """
    cause: BaseException | None = error
    while cause is not None:
        for reason in REASONS:
            if reason in str(cause):
                file = _file(cause, folder, name or str(folder))
                free = f"{_free(folder):,} bytes free"
                return f"could not use {file}, with {free}: {reason}; nothing was saved"
        cause = cause.__cause__ or cause.__context__
    return None


def was_full() -> bool:
    """Whether a process of this flow has reported a full disk."""
    file = os.environ.get(MESSAGE_FILE)
    return file is not None and Path(file).exists()


def _file(error: BaseException, folder: Path, name: str) -> str:
    """The file that could not be written; the newest one if the error names none."""
    match = FILE.search(str(error))
    names = [
        match and match[1],
        getattr(error, "filename2", None),  # the target of a copy
        getattr(error, "filename", None),
    ]
    path = Path(next(filter(None, names), None) or _newest_file(folder))
    if path == folder:
        return name
    inside = path.resolve().is_relative_to(folder.resolve())
    return f"{path.name} in {name}" if inside else str(path)


def _newest_file(folder: Path) -> Path:
    """The newest file of a folder; the folder if it has none."""
    times = {}
    for path in folder.rglob("*"):
        with suppress(OSError):  # others write and remove files here
            if path.is_file():
                times[path] = path.stat().st_mtime_ns
    return max(times, key=lambda path: times[path], default=folder)


def usage(paths: Iterable[Path]) -> tuple[int, int]:
    """How many files there are in folders, or are given, and the bytes that they take."""
    files = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    return len(files), sum(512 * file.lstat().st_blocks for file in files)


@contextmanager
def locked(folder: Path, message: str) -> Iterator[None]:
    """Lock an existing folder for the block; UserError with the message if it is locked."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(message) from None
        yield
    finally:
        os.close(handle)


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def replace(file: Path, text: str) -> None:
    """Write a text file, completely or not at all."""
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
