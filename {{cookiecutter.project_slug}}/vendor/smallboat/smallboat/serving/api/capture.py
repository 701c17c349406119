"""Captures predictions. An answer never waits for it and never fails because of it."""

import atexit
import fcntl
import json
import math
import os
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import FileIO
from itertools import pairwise
from typing import Any, Self

from ..request_parsing import redacted
from .settings import Settings

Json = dict[str, Any]
MAX_QUEUED = 1000  # records; more are dropped, so a slow disk can't fill the memory
MAX_FILE_BYTES = 64 * 2**20  # a larger file is rotated
BACKUPS = 15  # rotated files that are kept
MAX_EVENT_BYTES = 250_000  # a larger line would become several in the log service
LARGE = (("request", "predictions", "warnings"), ("keys", "inputs", "outputs"))
"""What is left out of a line that is too large, step by step."""
FACTS = {
    "time", "ms", "status", "error", "model", "rows", "features_run",
    "keys", "inputs", "outputs", "redacted",
}  # fmt: skip
"""Not redacted, whatever a column is called: of the answer, or redacted by the model server."""
ENDPOINT = "endpoint"
PAUSE_SECONDS = 0.2  # in which records gather: waking the writer costs more than a record
EXIT_SECONDS = 2.0  # to write the queued records when the process exits


class Capture:
    """Writes records to a sink, one line of JSON each."""

    def __init__(
        self,
        sink: Callable[[bytes], Any] | None,
        share: float,
        redact: frozenset[str],
        at_once: bool,
        max_bytes: float = math.inf,
    ) -> None:
        """Write in a background thread, or `at_once` if the process sleeps between requests.

        A line of more than `max_bytes` is shortened. Without a sink nothing is written: the
        endpoint keeps what the model server answers.
        """
        self.lost = 0
        self._sink, self._share, self._at_once = sink, share, at_once
        self._max_bytes = max_bytes
        self._redact = redact | {"warnings"} if redact else redact  # warnings quote values
        self._records: deque[Json] = deque()
        self._filled, self._lock, self._ending = threading.Event(), threading.Lock(), False
        self._writer: threading.Thread | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """The capture that the settings ask for; None if it is off."""
        if settings.capture == "off":
            return None
        logged = settings.capture == "stdout"  # on Lambda, it goes to the log service
        sink = partial(os.write, 1) if logged else File(settings.capture)
        return cls(
            None if settings.capture == ENDPOINT else sink,
            settings.capture_share,
            settings.capture_redact,
            settings.on_lambda,
            MAX_EVENT_BYTES if logged else math.inf,
        )

    def sampled(self) -> bool:
        """Whether the next prediction is captured: a share of them is."""
        return random.random() < self._share

    def put(self, record: Json) -> None:
        """Capture a record if the queue has room; never raises."""
        if self._sink is None:
            return
        if self._at_once:
            self._write([record])
        elif len(self._records) >= MAX_QUEUED:
            self._lose("the queue is full")
        else:
            self._records.append(record)
            if not self._filled.is_set():
                self._wake()

    def _wake(self) -> None:
        """Wake the writer; its first record starts it: a server may fork after this is made."""
        with self._lock:
            self._filled.set()
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_queued, name="capture", daemon=True
                )
                self._writer.start()
                atexit.register(self._finish, self._writer)

    def _finish(self, writer: threading.Thread) -> None:
        self._ending = True
        self._filled.set()
        writer.join(EXIT_SECONDS)

    def _write_queued(self) -> None:
        while not self._ending or self._records:
            self._filled.wait()
            if not self._ending:
                time.sleep(PAUSE_SECONDS)
            self._filled.clear()
            self._write([self._records.popleft() for _ in range(len(self._records))])

    def _write(self, records: list[Json]) -> None:
        if self._sink is None or not records:
            return
        try:
            self._sink(b"".join(map(self._line, records)))
        except Exception as error:  # no error here is a reason to fail an answer
            self._lose(str(error), len(records))

    def _line(self, record: Json) -> bytes:
        if self._redact:
            facts = {name: record[name] for name in record.keys() & FACTS}
            record = redacted(record, self._redact) | facts
        line = _json(record)
        for names in LARGE:
            if len(line) > self._max_bytes:
                record = {name: value for name, value in record.items() if name not in names}
                line = _json(record)
        return line

    def _lose(self, reason: str, records: int = 1) -> None:
        before, self.lost = self.lost, self.lost + records
        if self.lost.bit_length() > before.bit_length():  # the 1st, 2nd, 4th, 8th …: are enough
            with suppress(OSError, ValueError):
                print(f"capture: {self.lost} not kept: {reason}", file=sys.stderr, flush=True)


class File:
    """A sink that appends whole lines to a private file, which several processes may share.

    A full file becomes `<path>.1`, the one before it `.2`, and so on; the oldest is deleted.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._torn = False

    def __call__(self, lines: bytes) -> None:
        """Append whole lines, on lines of their own even if the last one was cut off."""
        os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
        with self._open() as file:
            if os.fstat(file.fileno()).st_size >= MAX_FILE_BYTES:
                self._rotate(file)
        data = b"\n" + lines if self._torn else lines
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


def _json(record: Json) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
