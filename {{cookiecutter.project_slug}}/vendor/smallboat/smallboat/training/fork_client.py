"""Runs a script in a fork of the server: `fork_client.py SOCKET SECONDS SCRIPT ARGUMENT ...`.

It ends as the fork does, by exit code or by signal. It ends the fork after SECONDS (0: never) and
when the process that started it has ended. If the server can't fork, the script runs in a Python of
its own. The command starts this as `python -I -S`, so there is only the standard library.
"""

import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn


def main(path: str, seconds: str, *command: str) -> NoReturn:
    """Hand everything over, then wait."""
    runner = os.getppid()
    try:
        ended = os.pidfd_open(runner)
        server = _connect(path)
        _send(server, ended, command)
    except OSError as error:
        _alone(f"the fork server can't be reached ({error})", command)
    if os.getppid() != runner:  # it ended before it was watched
        _die(signal.SIGKILL)
    answer = _answer(server, ended, int(seconds))
    if len(answer) != 4:
        _alone(answer.decode(), command)
    status = int.from_bytes(answer, "big")
    if os.WIFSIGNALED(status):
        _die(os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def _connect(path: str) -> socket.socket:
    """Connect through the folder: a whole path may be too long for the system."""
    folder, name = os.path.split(path)
    opened = os.open(folder, os.O_RDONLY)
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"/proc/self/fd/{opened}/{name}")
    os.close(opened)
    return server


def _send(server: socket.socket, runner: int, command: tuple[str, ...]) -> None:
    """Send what a process inherits; it is in a file because the server must not wait for it."""
    os.umask(umask := os.umask(0))
    limits = {value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
    numbers = signal.valid_signals()
    request = {
        "command": command,
        "variables": dict(os.environ),
        "python": os.path.realpath(os.path.dirname(sys.executable)),
        "group": os.getpgrp(),
        "umask": umask,
        "limits": {number: resource.getrlimit(number) for number in limits},
        "ignored": [each for each in numbers if signal.getsignal(each) == signal.SIG_IGN],
        "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    }
    file = os.memfd_create("request")
    os.write(file, json.dumps(request).encode())
    os.lseek(file, 0, os.SEEK_SET)
    folder = os.open(".", os.O_PATH)
    socket.send_fds(server, [b"?"], [0, 1, 2, folder, runner, file])
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, _: server.send(bytes([number])))


def _answer(server: socket.socket, runner: int, seconds: int) -> bytes:
    """How the fork ended, or why there is none; dies if nobody can tell."""
    until = time.monotonic() + seconds if seconds else None
    while True:
        left = None if until is None else max(0, until - time.monotonic())
        watched: list[Any] = [server, runner]
        ready, _, _ = select.select(watched, [], [], left)
        if server in ready:
            if answer := server.recv(4096):
                return answer
            print("the fork server has ended, and this task with it", file=sys.stderr)
            _die(signal.SIGKILL)
        if ready:
            _die(signal.SIGKILL)
        until = None
        print(f"killed: the step did not stop within {seconds} s", file=sys.stderr, flush=True)
        server.shutdown(socket.SHUT_WR)


def _die(number: int) -> NoReturn:
    """End by a signal; the server ends the fork of a client that has ended."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the fork's core says more
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def _alone(reason: str, command: tuple[str, ...]) -> NoReturn:
    print(f"this task starts a Python of its own: {reason}", file=sys.stderr, flush=True)
    os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main(*sys.argv[1:])
