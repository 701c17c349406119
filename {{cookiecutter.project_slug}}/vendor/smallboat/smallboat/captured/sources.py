"""Where an environment's requests are captured, as files of lines that the API writes."""

import errno
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ..aws import aws, captures
from ..config import config
from ..errors import UserError

SPOOL_BYTES = 64 * 2**20
"""Of a temporary file; memory holds the content of one."""


class Source(Protocol):
    """A place of captured lines.

    Attributes:
        name: where it is, for people and as the key of its cursor.
        cursor: how far it was read, once `files` has ended.
    """

    name: str
    cursor: str

    def files(self, cursor: str, folder: Path, empty: bool) -> Iterator[Path]:
        """Files with the lines since a cursor and maybe earlier ones, the oldest first.

        Args:
            cursor: how far it was read; empty at first.
            folder: for temporary files; one is overwritten when the next one is asked for.
            empty: whether the archive has no requests yet.
        """


def of(settings: config.Settings) -> Source:
    """The source of an environment: the API's capture, or else that of the endpoint's instances.

    Raises:
        UserError: nothing is captured, or the captured lines can't be read back.
    """
    if settings.no_capture:
        raise UserError(settings.no_capture)
    capture = settings.api.capture
    if settings.aws is None:
        return LocalFile(capture)
    env = aws.Environment(settings)
    if capture != "off":
        return OnAws(captures.log_group(env), lambda cursor: captures.logged(env, cursor))
    name = f"s3://{env.bucket}/{captures.data_capture(env)}"
    return OnAws(name, lambda cursor: captures.kept_by_endpoint(env, cursor))


class LocalFile:
    """A file on this machine and those into which it was rotated, always read from the start."""

    cursor = ""

    def __init__(self, path: str) -> None:
        self.name, self._path = path, Path(path)

    def files(self, cursor: str, folder: Path, empty: bool) -> Iterator[Path]:
        """Links to the files: the API may rotate them meanwhile."""
        rotated = [
            path
            for path in self._path.parent.glob(f"{self._path.name}.*")
            if path.suffix[1:].isdecimal()
        ]
        oldest_first = sorted(rotated, key=lambda path: -int(path.suffix[1:]))
        found = [path for path in (*oldest_first, self._path) if path.is_file()]
        if empty and not found:
            raise UserError(
                f"{self.name} does not exist: nothing was asked since capture is on. Run "
                "`make serve`, then ask, for example with `make predict`"
            )
        links = [folder / str(number) for number in range(len(found))]
        for link, path in zip(links, found, strict=True):
            with suppress(FileNotFoundError):  # it was rotated: the next command reads it
                try:
                    link.hardlink_to(path)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                    shutil.copyfile(path, link)  # it is on another file system
        yield from (link for link in links if link.exists())


class OnAws:
    """Lines that AWS has, spooled to temporary files."""

    def __init__(self, name: str, read: Callable[[str], captures.Lines]) -> None:
        self.name, self.cursor, self._read = name, "", read

    def files(self, cursor: str, folder: Path, empty: bool) -> Iterator[Path]:
        """The lines in the order in which AWS has them."""
        self.cursor = cursor
        yield from _spooled(self._lines(), folder / "spool")

    def _lines(self) -> Iterator[str]:
        for line, cursor in self._read(self.cursor):
            self.cursor = cursor
            yield line


def _spooled(lines: Iterable[str], path: Path) -> Iterator[Path]:
    """A temporary file again and again, each time with so many bytes of the lines."""
    file, size = path.open("w"), 0
    for line in lines:
        size += file.write(line + "\n")
        if size >= SPOOL_BYTES:
            file.close()
            yield path
            file, size = path.open("w"), 0
    file.close()
    yield path
