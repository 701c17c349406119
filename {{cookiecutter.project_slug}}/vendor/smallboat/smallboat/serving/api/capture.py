"""Keep what was asked and answered; an answer never waits for it and never fails by it."""

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
from io import FileIO
from itertools import pairwise
from typing import Any

from .settings import Settings

Json = dict[str, Any]
Sink = Callable[[bytes], None]
WAITING = 1000  # records; more are dropped, so that a slow disk can't fill the memory
LARGEST = 64 * 2**20  # bytes of a file before the next one is begun
ASIDE = 15  # full files that are kept beside it
LAST_SECONDS = 2.0  # to write what waits when the process ends


class Capture:
    """Takes records and gives them, one JSON line each, to a sink."""

    def __init__(self, sink: Sink, share: float, redact: frozenset[str], at_once: bool) -> None:
        """Write in a thread of its own, or `at_once` where a process sleeps between requests."""
        self.lost = 0
        self._sink, self._share = sink, share
        # Warnings quote values.
        self._redact = redact | {"warnings"} if redact else redact
        self._waiting: queue.Queue[Json | None] | None = None if at_once else queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def put(self, record: Json) -> None:
        """Keep a record, if it is drawn and there is room; never raises."""
        if random.random() >= self._share:
            return
        if self._waiting is None:
            self._write(record)
            return
        try:
            self._begin()
            self._waiting.put_nowait(record)
        except (queue.Full, RuntimeError) as error:
            self._lose(str(error) or "too many are waiting")

    def close(self) -> None:
        """Write what waits, for a short while."""
        if self._writer is not None and self._waiting is not None:
            try:
                self._waiting.put(None, timeout=LAST_SECONDS)
            except queue.Full:
                return
            self._writer.join(LAST_SECONDS)

    def _begin(self) -> None:
        """Start the writer with the first record: a server may fork after this object is made."""
        with self._lock:
            if self._writer is None:
                writer = threading.Thread(target=self._work, name="capture", daemon=True)
                writer.start()
                self._writer = writer
                atexit.register(self.close)

    def _work(self) -> None:
        assert self._waiting is not None
        while (record := self._waiting.get()) is not None:
            self._write(record)

    def _write(self, record: Json) -> None:
        try:
            kept = _redacted(record, self._redact)
            self._sink(json.dumps(kept, separators=(",", ":")).encode() + b"\n")
        except Exception as error:  # whatever it is, it is no reason to fail an answer
            self._lose(str(error))

    def _lose(self, why: str) -> None:
        self.lost += 1
        if self.lost.bit_count() == 1:  # the 1st, 2nd, 4th, 8th …: enough to notice
            with suppress(OSError, ValueError):
                print(f"capture: {self.lost} not kept: {why}", file=sys.stderr, flush=True)


class File:
    """Appends whole lines to a file, also beside other processes, as logging's handlers don't.

    A full one is put aside as `<path>.1`, the one before as `.2` and so on; the oldest is dropped.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._torn = False

    def __call__(self, line: bytes) -> None:
        """Append a line; after one that was cut off, on a line of its own."""
        os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
        with self._opened() as file:
            if os.fstat(file.fileno()).st_size >= LARGEST:
                self._put_aside(file)
        data = b"\n" + line if self._torn else line
        with self._opened() as file:
            self._torn = os.write(file.fileno(), data) < len(data)
        if self._torn:
            raise OSError(f"no space left for {self._path}")

    def _opened(self) -> FileIO:
        return open(self._path, "ab", buffering=0, opener=_private)

    def _put_aside(self, full: FileIO) -> None:
        """Move the full file and those before it on by one, unless another process does."""
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(full, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(full.fileno()), os.lstat(self._path)):
                return
            names = [self._path, *(f"{self._path}.{number}" for number in range(1, ASIDE + 1))]
            for name, later in reversed(list(pairwise(names))):
                with suppress(FileNotFoundError):
                    os.replace(name, later)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def to_stdout(line: bytes) -> None:
    """Print a line, unbuffered; on Lambda it goes to the log service."""
    os.write(1, line)


def capture(settings: Settings) -> Capture | None:
    """What the settings ask for; None if nothing."""
    if settings.capture == "off":
        return None
    sink = to_stdout if settings.capture == "stdout" else File(settings.capture)
    return Capture(sink, settings.capture_share, settings.capture_redact, settings.on_lambda)


def _redacted(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: "redacted" if key in names else _redacted(item, names)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_redacted(item, names) for item in value]
    return value
