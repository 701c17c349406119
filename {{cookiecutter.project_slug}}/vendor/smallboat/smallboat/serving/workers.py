"""Several processes that do the same work."""

import os
import signal
import sys
import traceback
from collections.abc import Callable

from .child_process import end_with_parent

STOPPING = {signal.SIGTERM, signal.SIGINT}


class Workers:
    """Forks of this process, each of which is replaced if it is killed."""

    def __init__(self, count: int, work: Callable[[], object], stop: Callable[[int], None]) -> None:
        """Take what each fork does, and what this process does first on a signal to stop."""
        self._count, self._work, self._on_stop = count, work, stop
        self._pids: set[int] = set()
        self._stopping = False
        self._failed = False

    def run(self) -> bool:
        """Return when all have ended: after SIGTERM or SIGINT, or if one failed by itself (False).

        A worker that fails would fail again, so the others are ended, too.
        """
        for number in STOPPING:
            signal.signal(number, self._stop)
        for _ in range(self._count):
            self._start()
        while self._pids:
            pid, status = os.wait()
            self._pids.discard(pid)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status):
                self._failed = True
                self._end()
            else:
                self._start()
        return not self._failed

    def _start(self) -> None:
        """Start a worker, unless all shall end; no signal comes before it is known."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        if not self._stopping:
            pid = os.fork()
            if pid == 0:
                os._exit(self._child())
            self._pids.add(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def _child(self) -> int:
        try:
            for number in STOPPING:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
            end_with_parent()
            self._work()
        except SystemExit as end:
            return 1 if end.code else 0
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
        return 0

    def _stop(self, number: int, frame: object) -> None:
        self._on_stop(number)
        self._end()

    def _end(self) -> None:
        self._stopping = True
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
