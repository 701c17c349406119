"""What a tracker's client does not raise."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import UserError


@contextmanager
def collected(logger: str) -> Iterator[None]:
    """Raise a UserError at the end if a client has only logged an error.

    Or if one has ended a thread of it. What the block raises itself goes first.

    Args:
        logger: the name of the client's logger; it prints nothing meanwhile.
    """
    found: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR or record.exc_info:
                found.append(record.getMessage())

    client = logging.getLogger(logger)
    before = client.handlers, sys.unraisablehook, threading.excepthook
    client.handlers = [Collect()]
    sys.unraisablehook = lambda event: found.append(str(event.exc_value))
    threading.excepthook = lambda event: found.append(str(event.exc_value))
    try:
        yield
    finally:
        client.handlers, sys.unraisablehook, threading.excepthook = before
    if found:
        raise UserError(found[0])
