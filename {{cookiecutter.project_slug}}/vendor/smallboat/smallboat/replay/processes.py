"""Trains side by side, in as many processes as `training.workers` says, one thread in each."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import UserError
from ..training.fork_server import NO_THREADS
from .protocol import Trainer

EVERY = 2.0
"""Seconds between two lines of progress."""

Job = tuple[str, tuple[Any, ...]]
"""A method of a Trainer that keeps its result in the cache, and its arguments."""

_trainer: Trainer


def run(trainer: Trainer, jobs: Sequence[Job], workers: int, what: str) -> int:
    """Do jobs whose results are not in the cache yet; returns how many there were.

    A job that fails is left to the caller, who meets its error again. Lines of progress count
    `what`. After an interruption all that was finished is in the cache.
    """
    missing = [job for job in jobs if not getattr(trainer, f"{job[0]}_file")(*job[1]).exists()]
    told = _progress(len(missing), what)
    if workers == 1 or len(missing) < 2:
        for job in missing:
            _do(trainer, job)
            told()
        return len(missing)
    with _single_threads(), _pool(trainer, min(workers, len(missing))) as pool:
        try:
            for done in as_completed([pool.submit(_work, job) for job in missing]):
                done.result()
                told()
        except BrokenProcessPool:
            raise UserError(
                "a process that trained was killed: if this machine ran out of memory, set "
                "training.workers = 1; what was trained before is kept"
            ) from None
    return len(missing)


def _do(trainer: Trainer, job: Job) -> None:
    with suppress(Exception):
        getattr(trainer, job[0])(*job[1])


def _work(job: Job) -> None:
    _do(_trainer, job)


def _start(trainer: Trainer) -> None:
    """Begin a process: it leaves Ctrl-C to its parent, and ends with it."""
    global _trainer
    _trainer = trainer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _pool(trainer: Trainer, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes; if the block ends early, what they have begun is finished, and nothing else."""
    spawned = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawned, initializer=_start, initargs=(trainer,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _single_threads() -> Iterator[None]:
    """Processes that the block starts use one thread each."""
    before = dict(os.environ)
    os.environ |= NO_THREADS
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _progress(total: int, what: str) -> Callable[[], None]:
    """To be called after each of them: prints a line every few seconds."""
    done, told = 0, time.monotonic()

    def tell() -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told >= EVERY:
            told = time.monotonic()
            print(f"  {done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    return tell
