"""Runs a command that ends, with all that it started, as soon as its starter is gone.

The starter holds the other end of standard input, which closes even if the starter is killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE = 5.0
"""Seconds that the command has to end by itself."""
PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> int:
    """Run a command to its end or to the starter's, whichever comes first."""
    tied = _end_with_parent if sys.platform == "linux" else None
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=tied,
    ) as child:
        threading.Thread(target=_end_with_starter, args=[child], daemon=True).start()
        code = child.wait()
    _kill(child)  # workers outlive a server that was killed
    return code if code >= 0 else 128 - code


def _end_with_parent() -> None:
    """Let the kernel send SIGTERM when this process's parent ends, even if that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_with_starter(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    child.terminate()
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
