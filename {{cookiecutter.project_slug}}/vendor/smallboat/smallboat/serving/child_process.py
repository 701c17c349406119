"""Runs a command and ends it, with all its processes, as soon as the caller is gone.

The caller holds the other end of standard input, which closes even if the caller is killed. Each
line that it writes there allows one restart of the command, should that end by itself.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_SECONDS = 5.0  # for the command to end by itself
PR_SET_PDEATHSIG = 1


class Supervisor:
    """Runs a command until it or the caller ends; starts it again as often as the caller allows."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._allowed: list[str] = []  # a line of the caller for each restart: the command's name
        self._caller_is_gone = False
        self._lock = threading.Lock()  # no child is started after the caller has gone

    def run(self) -> int:
        """Returns the exit code of the command."""
        child = self._start()
        threading.Thread(target=self._watch_caller, daemon=True).start()
        while True:
            code = child.wait()
            code = code if code >= 0 else 128 - code
            _kill(child)  # workers outlive a server that was killed
            with self._lock:
                if self._caller_is_gone or not self._allowed:
                    return code
                name = self._allowed.pop()
                child = self._start()
            left = len(self._allowed)
            print(f"the {name} ended ({code}); started it again ({left} restarts left)", flush=True)

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=end_with_parent,
        )
        return self._child

    def _watch_caller(self) -> None:
        for line in sys.stdin:
            self._allowed.append(line.strip())
        with self._lock:
            self._caller_is_gone = True
            self._child.terminate()
        try:
            self._child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(self._child)


def end_with_parent() -> None:
    """Let the kernel send SIGTERM when this process's parent ends, even if that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(Supervisor(sys.argv[1:]).run())
