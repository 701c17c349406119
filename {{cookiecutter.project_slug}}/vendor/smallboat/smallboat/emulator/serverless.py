"""Serverless endpoints: their containers start cold, sleep when nobody asks, and are few."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ANSWER_SECONDS = 60.0
"""How long SageMaker lets a request wait for a model that starts."""


class ThrottledError(Exception):
    """The endpoint has as many containers as it may have, and all of them are taken."""


class NotReadyError(Exception):
    """The container did not start while the request waited for it."""


@dataclass
class Cold:
    """How long the containers of all serverless endpoints start and stay awake.

    Attributes:
        start_seconds: what a container needs to start.
        idle_seconds: after which a container that nobody asks sleeps.
        answer_seconds: how long a request waits for a container that starts.
        starts: how many containers have started since this was set.
    """

    start_seconds: float = 0.0
    idle_seconds: float = 300.0
    answer_seconds: float = ANSWER_SECONDS
    starts: int = 0

    def set(self, **seconds: float) -> None:
        """Set it; what is not given has its default. TypeError for an unknown name."""
        self.__dict__.update(Cold(**seconds).__dict__)  # type: ignore[arg-type]


@dataclass
class _Container:
    """It answers one request at a time."""

    ready_at: float
    taken: bool = True
    used_at: float = 0.0


class Scaling:
    """The containers of one serverless endpoint.

    One process answers for all of them: how long requests wait is what is emulated.
    """

    def __init__(self, most: int, cold: Cold) -> None:
        """Begin with none; there may be `most` of them, the endpoint's MaxConcurrency."""
        self._most, self._cold = most, cold
        self._containers: list[_Container] = []
        self._lock = threading.Lock()

    def sleep(self) -> None:
        """Let every container sleep."""
        with self._lock:
            self._containers = []

    @contextmanager
    def container(self) -> Iterator[None]:
        """Hold a container for the block, once it is ready.

        A request that finds none free starts another one, which is taken until it is ready even
        if the client leaves.

        Raises:
            ThrottledError: there are no more containers.
            NotReadyError: it starts for longer than a request waits.
        """
        found = self._take()
        wait, longest = found.ready_at - time.monotonic(), self._cold.answer_seconds
        if wait > longest:
            rest = threading.Timer(wait, self._leave, [found])
            rest.daemon = True
            rest.start()
            time.sleep(longest)
            raise NotReadyError
        try:
            time.sleep(max(0.0, wait))
            yield
        finally:
            self._leave(found)

    def _take(self) -> _Container:
        with self._lock:
            now = time.monotonic()
            awake = now - self._cold.idle_seconds
            self._containers = [it for it in self._containers if it.taken or it.used_at > awake]
            for each in self._containers:
                if not each.taken:
                    each.taken = True
                    return each
            if len(self._containers) >= self._most:
                raise ThrottledError
            self._cold.starts += 1
            self._containers.append(_Container(now + self._cold.start_seconds))
            return self._containers[-1]

    def _leave(self, container: _Container) -> None:
        with self._lock:
            container.taken, container.used_at = False, time.monotonic()
