"""Runs a command and ends it, with all its processes, as soon as the caller is gone.

The caller holds the other end of standard input, which closes even if the caller is killed.
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


def main(command: list[str]) -> int:
    """Run a command until it or the caller ends; returns its exit code."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    ) as child:
        threading.Thread(target=_end_with_caller, args=[child], daemon=True).start()
        code = child.wait()
    _kill(child)  # workers outlive a server that was killed
    return code if code >= 0 else 128 - code


def _end_with_parent() -> None:
    """Let the kernel send SIGTERM when this process's parent ends, even if that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_with_caller(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
