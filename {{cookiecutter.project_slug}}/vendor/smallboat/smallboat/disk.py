"""A full disk: how it is recognised, whoever met it, and the sentence that it gets."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import CommandError, FullDiskError

SAYS = [os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
"""The last is a limit on a file's size."""

NOTE = "FULL_DISK_NOTE"
"""The variable that names a file, in which processes of a flow leave word of a full disk."""

FILE = re.compile(r'file "([^"]+)"')
"""As DuckDB names it."""


@contextmanager
def full_disk_errors(folder: Path, place: str = "") -> Iterator[None]:
    """Raise a FullDiskError for what the block raises because no more can be written.

    Args:
        folder: where the block writes.
        place: what that is called, if not by its own name.
    """
    try:
        yield
    except CommandError:
        raise  # it is told already
    except Exception as error:
        if message := sentence(error, folder, place):
            raise FullDiskError(message) from error
        raise


def sentence(error: BaseException, folder: Path, place: str = "") -> str | None:
    """What could not be written, why, and how much room there is; None for another error.

    Databases and their wrappers hand on the system's words, no more.
    """
    cause: BaseException | None = error
    while cause is not None:
        message = str(cause)
        for why in SAYS:
            if why in message:
                where = _where(cause, folder, place or str(folder))
                return f"could not use {where}, with {_free(folder)} free: {why}; nothing was kept"
        cause = cause.__cause__ or cause.__context__
    return None


def _where(error: BaseException, folder: Path, place: str) -> str:
    found = FILE.search(str(error))
    # Of a copy the second name is that of the copy.
    known = [getattr(error, name, None) for name in ("filename2", "filename")]
    named = Path(str(found[1] if found else known[0] or known[1] or _newest(folder)))
    if named == folder:
        return place
    inside = named.resolve().is_relative_to(folder.resolve())
    return f"{named.name} in {place}" if inside else str(named)


def _newest(folder: Path) -> Path:
    """The newest file of a folder, for an error of writing names none; else the folder."""
    times = {}
    for path in folder.rglob("*"):
        with suppress(OSError):  # others write and remove files here
            if path.is_file():
                times[path] = path.stat().st_mtime_ns
    return max(times, key=lambda path: times[path], default=folder)


def _free(folder: Path) -> str:
    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free:,} bytes"
