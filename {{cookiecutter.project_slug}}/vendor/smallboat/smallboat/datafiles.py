"""Files of a data folder that may come from anywhere: only plain, text-like, bounded ones pass."""

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

NOT_FILES = {
    stat.S_IFLNK: "a symbolic link, and what that points to may change",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

NOT_TEXT = {
    b"\x1f\x8b": "a gzip file; let its name end in .gz, once for each time that it is packed",
    b"BZh": "packed with bzip2; unpack it",
    b"\xfd7zXZ": "packed with xz; unpack it",
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save the sheet as CSV in UTF-8",
    b"PAR1": "a Parquet file; let its name end in .parquet",
    b"\xff\xfe": "text in UTF-16; save it in UTF-8",
    b"\xfe\xff": "text in UTF-16; save it in UTF-8",
    b"<": "a page of HTML or XML instead of the data; download the data itself",
}
"""What files that are no tables begin with, and what they are."""

MAX_HEADER = 2**16
"""Bytes; enough for the names of some thousand columns."""

MAX_COMPRESSION_RATIO = 100
"""Of unpacked to packed bytes: tables have 3 to 30."""

MAX_CHECKED = 2**28
"""Unpacked bytes of a gzip file that are checked: to unpack all of it takes too long."""

PIECE = 2**20


def given(directory: str | None) -> Path:
    """The folder of the source files; UserError if the configuration names none."""
    if not directory:
        raise UserError("The source files needs a folder: make data SOURCE=files DIR=path.")
    return Path(directory)


def licence(folder: Path, otherwise: str) -> str:
    """Where the licence of a folder's files is told, or what to say if it is not."""
    begin = ("licence", "license", "attribution")
    names = sorted(path.name for path in folder.iterdir() if path.name.lower().startswith(begin))
    return f"see {', '.join(names)} beside the files" if names else otherwise


def find(folder: Path, *patterns: str) -> list[Path]:
    """The files of a folder whose names match a pattern, sorted and checked.

    Raises:
        UserError: One of them is a link, a pipe or something else that is no file, begins as what
            is no table does, has a null byte, or is a gzip file that unpacks to far more than
            tables do.
    """
    # What begins with a dot is not the user's: macOS puts `._table.csv` beside `table.csv`.
    names = (path.name for path in folder.iterdir() if not path.name.startswith("."))
    paths = [folder / name for name in names if any(fnmatchcase(name, p) for p in patterns)]
    for path in sorted(paths):
        check(path)
    return sorted(paths)


def check(path: Path) -> None:
    """UserError if a file is none of those that `find` returns."""
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        kind = NOT_FILES.get(stat.S_IFMT(mode), "no file")
        raise UserError(f"{path} is {kind}; put the file itself in its place.")
    if path.suffix != ".parquet":
        _check_bytes(path)


@contextmanager
def opened(path: Path) -> Iterator[BufferedIOBase]:
    """The bytes of a file, unpacked if its name ends in `.gz`; UserError if they can't be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path} is not a whole gzip file ({error}); copy or download it again."
        ) from error
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); make it readable.") from error


def content(path: Path, limit: int) -> bytes:
    """All bytes of a file; UserError if there are more than `limit`."""
    with opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        unpacked = " unpacked" if path.suffix == ".gz" else ""
        raise UserError(
            f"{path} has more than {limit // 2**20} MiB{unpacked}, far more than a table of this "
            "kind; check the file."
        )
    return data


def header(path: Path) -> list[str]:
    """The column names in the first line of a CSV file.

    Raises:
        UserError: The first line is no header, or has a name twice.
    """
    with opened(path) as file:
        line = file.readline(MAX_HEADER + 1)
    if len(line) > MAX_HEADER:
        raise UserError(
            f"{path}, line 1 has more than {MAX_HEADER:,} bytes; it must be the names of the "
            "columns, separated by commas."
        )
    try:
        names = next(csv.reader([line.decode("utf-8-sig")]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not CSV in UTF-8; save it so.") from error
    for name, times in Counter(names).items():
        if name and times > 1:
            raise UserError(f"{path} has two columns of the name {name}; rename one.")
    return names


def _check_bytes(path: Path) -> None:
    zipped, size = path.suffix == ".gz", 0
    with opened(path) as file:
        while not (zipped and size >= MAX_CHECKED) and (piece := file.read(PIECE)):
            if size == 0:
                _check_start(path, piece)
            if (offset := piece.find(b"\0")) >= 0:
                line = _line(path, size + offset)
                raise UserError(f"{path}, line {line} has a null byte; save it as text in UTF-8.")
            size += len(piece)
        if zipped:
            check_unpacked_size(path, size, file.fileobj.tell())  # type: ignore[attr-defined]


def _check_start(path: Path, piece: bytes) -> None:
    start = piece.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, kind in NOT_TEXT.items():
        if start.startswith(magic):
            raise UserError(f"{path} is {kind}.")


def _line(path: Path, offset: int) -> int:
    with opened(path) as file:
        pieces = (file.read(min(PIECE, offset - start)) for start in range(0, offset, PIECE))
        return 1 + sum(piece.count(b"\n") for piece in pieces)


def check_unpacked_size(path: Path, unpacked: int, packed: int) -> None:
    """UserError if a packed file unpacks to more than a table would; sizes in bytes."""
    if unpacked > MAX_COMPRESSION_RATIO * packed:
        raise UserError(
            f"{path} unpacks to more than {MAX_COMPRESSION_RATIO} times its size, as no table "
            "does; check the file."
        )
