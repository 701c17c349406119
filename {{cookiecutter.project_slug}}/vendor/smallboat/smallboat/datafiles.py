"""The files of a data folder, which may come from anywhere: what is opened, how much is read."""

import csv
import gzip
import stat
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from io import BufferedIOBase
from pathlib import Path

from .errors import UserError

NO_FILES = {
    stat.S_IFLNK: "a symbolic link, and what that points to may change",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

LONGEST_HEADER = 2**16
"""Bytes; the names of some thousand columns."""

MOST_SWELLING = 100
"""How many times its size may come out of a packed file: of tables it is 3 to 30 times."""

LOOKED_AT = 2**28
"""Bytes out of a gzip file by which it is evaluated: to unpack all of it takes too long."""

PIECE = 2**20


def find(folder: Path, *patterns: str) -> list[Path]:
    """The files of a folder whose names match a pattern, sorted, each fit to be read.

    Raises:
        UserError: One of them is a link, a pipe or something else that is no file, has a null
            byte, or is a gzip file out of which far more comes than out of tables.
    """
    names = (path for path in folder.iterdir() if any(fnmatchcase(path.name, p) for p in patterns))
    found = sorted(names)
    for path in found:
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            kind = NO_FILES.get(stat.S_IFMT(mode), "no file")
            raise UserError(f"{path} is {kind}; put the file itself in its place.")
        if path.suffix != ".parquet":
            _check_bytes(path)
    return found


@contextmanager
def opened(path: Path) -> Iterator[BufferedIOBase]:
    """The bytes of a file, unpacked if it is called `.gz`; UserError if they can't be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path} is not a whole gzip file ({error}); copy or download it again."
        ) from error
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); make it readable.") from error


def content(path: Path, most: int) -> bytes:
    """All bytes of a file; UserError if they are more than `most`."""
    with opened(path) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise UserError(
            f"{path} has more than {most // 2**20} MiB{' unpacked' if path.suffix == '.gz' else ''}"
            ", far more than a table of this kind; look at what it is."
        )
    return found


def header(path: Path) -> list[str]:
    """The names in the first line of a CSV file, each once.

    Raises:
        UserError: There is no such line.
    """
    with opened(path) as file:
        line = file.readline(LONGEST_HEADER + 1)
    if len(line) > LONGEST_HEADER:
        raise UserError(
            f"{path}, line 1 has more than {LONGEST_HEADER:,} bytes; it must be the names of the "
            "columns, separated by commas."
        )
    try:
        names = next(csv.reader([line.decode("utf-8-sig")]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not CSV in UTF-8; save it so.") from error
    for name, times in Counter(names).items():
        if times > 1:
            raise UserError(f"{path} has two columns of the name {name}; rename one.")
    return names


def _check_bytes(path: Path) -> None:
    zipped, read = path.suffix == ".gz", 0
    with opened(path) as file:
        while not (zipped and read >= LOOKED_AT) and (piece := file.read(PIECE)):
            if (place := piece.find(b"\0")) >= 0:
                line = _line(path, read + place)
                raise UserError(f"{path}, line {line} has a null byte; save it as text in UTF-8.")
            read += len(piece)
        if zipped:
            check_swelling(path, read, file.fileobj.tell())  # type: ignore[attr-defined]


def _line(path: Path, place: int) -> int:
    with opened(path) as file:
        pieces = (file.read(min(PIECE, place - start)) for start in range(0, place, PIECE))
        return 1 + sum(piece.count(b"\n") for piece in pieces)


def check_swelling(path: Path, unpacked: int, packed: int) -> None:
    """UserError if a packed file's content is too much for its size, both in bytes."""
    if unpacked > MOST_SWELLING * packed:
        raise UserError(
            f"{path} unpacks to more than {MOST_SWELLING} times its size, as no table does; look "
            "at what it is."
        )
