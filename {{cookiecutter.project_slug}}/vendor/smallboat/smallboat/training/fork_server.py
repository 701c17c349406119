"""Starts the server whose forks are the local tasks of a flow: it has imported everything once.

Linux only. `fork_process.py` is the server, `fork_client.py` a task's command.
"""

import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "SMALLBOAT_FORK_SERVER"
"""The environment variable that names the socket of a running server."""

PROCESS = Path(__file__).with_name("fork_process.py")
CLIENT = Path(__file__).with_name("fork_client.py")

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NO_THREADS = {
    **dict.fromkeys(THREADS, "1"),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""Without these, libraries start threads when they are imported."""

runner: int | None = None
"""In a fork: the process that runs the flow, as a file that is readable when it has ended."""


def available() -> bool:
    """Whether this system can have a fork server."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # not Linux, or one from before 2019
        return False
    return True


def runner_ended() -> Callable[[], bool]:
    """In a task: tells whether the process that runs the flow has ended since this call."""
    parent = os.getppid()
    if runner is None:
        return lambda: os.getppid() != parent
    return lambda: bool(select.select([runner], [], [], 0)[0])


@contextmanager
def running(
    modules: Sequence[str],
    variables: Mapping[str, str] | None = None,
    python: str | Path = sys.executable,
) -> Iterator[tuple[str, int]]:
    """A server for the length of the block; it serves at once, and imports meanwhile.

    Args:
        modules: what to import, by full names; what can't be imported is left to the tasks.
        variables: of its environment; if None, those of this process.
        python: the interpreter, of the same environment as the one that tasks are started with.

    Returns:
        The path of its socket, and a file: as soon as no process has it open, the server ends.
    """
    environment = dict(os.environ if variables is None else variables) | NO_THREADS
    with (
        tempfile.TemporaryDirectory(prefix="fork-server-") as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        _listen(listener, folder)
        read, write = os.pipe()
        process = subprocess.Popen(
            [python, PROCESS, str(listener.fileno()), str(read), *modules],
            env=environment | {"PYTHONUNBUFFERED": "x"},
            pass_fds=[listener.fileno(), read],
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for the tasks
        )
        os.close(read)
        listener.close()
        try:
            yield str(Path(folder, "socket")), write
        finally:
            os.close(write)
            process.kill()
            process.wait()


def _listen(listener: socket.socket, folder: str) -> None:
    """Bind to `socket` in a folder; a whole path may be too long for the system."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        listener.bind(f"/proc/self/fd/{opened}/socket")
    finally:
        os.close(opened)
    listener.listen(64)
