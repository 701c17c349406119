"""Captures requests and answers. An answer never waits for it and never fails because of it."""

import atexit
import fcntl
import json
import os
import queue
import random
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import FileIO
from itertools import pairwise
from typing import Any, Self

from .settings import Settings

Json = dict[str, Any]
MAX_QUEUED = 1000  # records; more are dropped, so a slow disk can't fill the memory
MAX_FILE_BYTES = 64 * 2**20  # a larger file is rotated
BACKUPS = 15  # rotated files that are kept
EXIT_SECONDS = 2.0  # to write the queued records when the process exits


class Capture:
    """Writes records to a sink, one line of JSON each."""

    def __init__(
        self, sink: Callable[[bytes], Any], share: float, redact: frozenset[str], at_once: bool
    ) -> None:
        """Write in a background thread, or `at_once` if the process sleeps between requests."""
        self.lost = 0
        self._sink, self._share, self._at_once = sink, share, at_once
        self._redact = redact | {"warnings"} if redact else redact  # warnings quote values
        self._queue: queue.Queue[Json | None] = queue.Queue(MAX_QUEUED)
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """The capture that the settings ask for; None if it is off."""
        if settings.capture == "off":
            return None
        # On Lambda, stdout goes to the log service.
        sink = partial(os.write, 1) if settings.capture == "stdout" else File(settings.capture)
        return cls(sink, settings.capture_share, settings.capture_redact, settings.on_lambda)

    def put(self, record: Json) -> None:
        """Capture a record if it is sampled and the queue has room; never raises."""
        if random.random() >= self._share:
            return
        if self._at_once:
            self._write(record)
            return
        try:
            self._start()
            self._queue.put_nowait(record)
        except (queue.Full, RuntimeError) as error:
            self._lose(str(error) or "the queue is full")

    def _start(self) -> None:
        """Start the writer with the first record: a server may fork after this object is made."""
        with self._lock:
            if self._writer is None:
                writer = threading.Thread(target=self._write_queued, name="capture", daemon=True)
                writer.start()
                self._writer = writer
                atexit.register(self._finish, writer)

    def _finish(self, writer: threading.Thread) -> None:
        with suppress(queue.Full):
            self._queue.put(None, timeout=EXIT_SECONDS)
            writer.join(EXIT_SECONDS)

    def _write_queued(self) -> None:
        while (record := self._queue.get()) is not None:
            self._write(record)

    def _write(self, record: Json) -> None:
        try:
            redacted = _redacted(record, self._redact)
            self._sink(json.dumps(redacted, separators=(",", ":")).encode() + b"\n")
        except Exception as error:  # no error here is a reason to fail an answer
            self._lose(str(error))

    def _lose(self, reason: str) -> None:
        self.lost += 1
        if self.lost.bit_count() == 1:  # the 1st, 2nd, 4th, 8th …: enough to notice
            with suppress(OSError, ValueError):
                print(f"capture: {self.lost} not kept: {reason}", file=sys.stderr, flush=True)


class File:
    """A sink that appends whole lines to a private file, which several processes may share.

    A full file becomes `<path>.1`, the one before it `.2`, and so on; the oldest is deleted.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._torn = False

    def __call__(self, line: bytes) -> None:
        """Append a line, on a line of its own even if the last one was cut off."""
        os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
        with self._open() as file:
            if os.fstat(file.fileno()).st_size >= MAX_FILE_BYTES:
                self._rotate(file)
        data = b"\n" + line if self._torn else line
        with self._open() as file:
            self._torn = os.write(file.fileno(), data) < len(data)
        if self._torn:
            raise OSError(f"no space left for {self._path}")

    def _open(self) -> FileIO:
        return open(self._path, "ab", buffering=0, opener=partial(os.open, mode=0o600))

    def _rotate(self, full: FileIO) -> None:
        """Rename the full file and its backups, unless another process does."""
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(full, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(full.fileno()), os.lstat(self._path)):
                return
            names = [self._path, *(f"{self._path}.{number}" for number in range(1, BACKUPS + 1))]
            for name, older in reversed(list(pairwise(names))):
                with suppress(FileNotFoundError):
                    os.replace(name, older)


def _redacted(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: "redacted" if key in names else _redacted(item, names)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_redacted(item, names) for item in value]
    return value
