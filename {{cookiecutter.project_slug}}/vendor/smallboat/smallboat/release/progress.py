"""Tells that a command waits for a model that starts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

START_SECONDS = 300.0
"""How long a serverless endpoint may need to start its model."""
SECONDS = 10.0
"""How long a command waits until it says so, and then from line to line."""


@contextmanager
def shown(text: str) -> Iterator[None]:
    """Print a text with the seconds so far, again and again while the block lasts."""
    ended, started = threading.Event(), time.monotonic()

    def tell() -> None:
        while not ended.wait(SECONDS):
            print(f"{text} ({time.monotonic() - started:.0f} s)", flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
