"""The fork server's process: `fork_process.py LISTENER LIFELINE MODULE ...`, both open files.

It imports the modules, and answers clients between two imports: a task imports by itself what the
server does not have yet. A script of its own, it imports nothing but the standard library before.
It never forks after threads were started, as locks that they hold would stay locked in the fork.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

FILES = 6
"""What a client passes: three standard files, its folder, its runner, and the request."""

Request = dict[str, Any]


class Server:
    """Forks for each client, tells it how the fork ended, and ends forks whose client is gone."""

    def __init__(self, listener: socket.socket, lifeline: int) -> None:
        self._listener, self._lifeline = listener, lifeline
        self._refusal = ""
        self._forks: dict[socket.socket, int] = {}
        self._groups: dict[int, int] = {}
        self._woken, self._waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        for file in (listener, lifeline, self._woken):
            self._selector.register(file, selectors.EVENT_READ)

    def load(self, name: str) -> None:
        """Import a module; if that fails, the task that needs it fails with the error."""
        with suppress(Exception, SystemExit):
            importlib.import_module(name)
        if not self._refusal and len(os.listdir("/proc/self/task")) > 1:
            self._refusal = f"the import of {name} has started threads"

    def serve(self, seconds: float | None) -> Request | None:
        """Handle what has happened within that time; in a fork, returns its client's request."""
        for key, _ in self._selector.select(seconds):
            file = key.fileobj
            if file == self._lifeline:
                os._exit(0)
            elif file == self._woken:
                self._reap()
            elif file == self._listener:
                self._selector.register(self._listener.accept()[0], selectors.EVENT_READ)
            elif isinstance(file, socket.socket) and (request := self._hear(file)):
                return request
        return None

    def _hear(self, client: socket.socket) -> Request | None:
        """A client sends a request, then signals for its fork; one that is gone sends nothing."""
        if client not in self._forks:
            return self._start(client)
        fork, heard = self._forks[client], client.recv(1)
        if not heard:
            self._selector.unregister(client)
            os.kill(fork, signal.SIGKILL)
        elif os.getpgid(fork) != self._groups[fork]:  # else it got the signal, too
            os.kill(fork, heard[0])
        return None

    def _start(self, client: socket.socket) -> Request | None:
        _, files, _, _ = socket.recv_fds(client, 1, FILES)
        if len(files) < FILES:
            self._forget(client)
            return None
        with open(files.pop()) as file:
            request: Request = json.load(file)
        fork = self._fork(request)
        if fork == 0:
            return request | {"files": files}
        if isinstance(fork, int):
            self._forks[client], self._groups[fork] = fork, request["group"]
        else:
            client.sendall(fork.encode())
            self._forget(client)
        for each in files:
            os.close(each)
        return None

    def _fork(self, request: Request) -> int | str:
        """The fork's process id, 0 in the fork, or why there is none."""
        if reason := self._refusal or difference(request):
            return reason
        gc.freeze()  # a fork shares what it does not touch
        try:
            fork = os.fork()
        except OSError as error:
            return f"the fork server can't fork ({error})"
        if fork == 0:
            self._close()
        return fork

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._woken, 512)
        for client, fork in list(self._forks.items()):
            ended, status = os.waitpid(fork, os.WNOHANG)
            if ended:
                with suppress(OSError):  # it may be gone
                    client.sendall(status.to_bytes(4, "big"))
                del self._forks[client], self._groups[fork]
                self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        with suppress(KeyError):
            self._selector.unregister(client)
        client.close()

    def _close(self) -> None:
        """Close in a fork what is the server's."""
        signal.set_wakeup_fd(-1)
        files = [key.fileobj for key in self._selector.get_map().values()]
        self._selector.close()
        for file in {*files, *self._forks, self._waking}:
            if isinstance(file, socket.socket):
                file.close()
            elif isinstance(file, int):
                os.close(file)


def difference(request: Request) -> str | None:
    """How the client's Python would differ from this one; None if it would not."""
    if request["python"] != os.path.realpath(os.path.dirname(sys.executable)):
        return f"the fork server runs {sys.executable}"
    here, there = _read_at_start(os.environ), _read_at_start(request["variables"])
    names = sorted(name for name in here.keys() | there if here.get(name) != there.get(name))
    return f"the fork server has another value of {', '.join(names)}" if names else None


def _read_at_start(variables: Mapping[str, str]) -> dict[str, str]:
    """Python's own variables, without those that a fork can still be given."""
    later = {"PYTHONPATH", "PYTHONUNBUFFERED"}
    names = {name for name in variables if name.startswith("PYTHON")} - later
    return {name: variables[name] for name in names}


def become(request: Request, server: int, path: Sequence[str]) -> None:
    """Turn a fork into what its client would have started.

    Args:
        request: the client's.
        server: the process id of the server, with which its forks end.
        path: where the interpreter's own modules are.
    """
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != server:
        os.kill(os.getpid(), signal.SIGKILL)
    _take_files(request["files"])
    with suppress(PermissionError):  # its client is in another session
        os.setpgid(0, request["group"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["variables"])
    time.tzset()
    sys.argv = request["command"]
    sys.path[:] = [os.path.dirname(os.path.realpath(sys.argv[0])), *python_path(), *path]
    importlib.invalidate_caches()
    vars(importlib.import_module("smallboat.training.fork_server"))["runner"] = request["files"][4]
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # Python's own generators do it in every fork
    gc.enable()
    _limit(request)


def _take_files(files: Sequence[int]) -> None:
    for target, file in enumerate(files[:3]):
        os.dup2(file, target)
    os.fchdir(files[3])
    for file in files[:4]:
        os.close(file)


def _limit(request: Request) -> None:
    for number, limits in request["limits"].items():
        if resource.getrlimit(int(number)) != tuple(limits):
            resource.setrlimit(int(number), limits)
    for each in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        usual = signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL
        with suppress(OSError):  # the C library keeps some for itself
            signal.signal(each, signal.SIG_IGN if each in request["ignored"] else usual)
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])


def python_path() -> list[str]:
    """The folders of PYTHONPATH."""
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [os.path.abspath(folder) for folder in folders if folder]


def serve(listener: str, lifeline: str, *modules: str) -> None:
    """Import, serve, and return in a fork that has become its client's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    path = [folder for folder in sys.path[1:] if folder not in python_path()]
    sys.path[:1] = []
    process, server = os.getpid(), Server(socket.socket(fileno=int(listener)), int(lifeline))
    request = None
    for name in modules:
        server.load(name)
        if request := server.serve(0):
            break
    while request is None:
        request = server.serve(None)
    become(request, process, path)


def run() -> None:
    """Run the script that the arguments name, as Python does, but for the very end."""
    script = os.path.abspath(sys.argv[0])
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    main = vars(sys.modules["__main__"])
    main["__file__"] = script
    global _code
    try:
        exec(code, main)
        _code = 0
    except SystemExit as error:
        none = error.code is None
        _code = 0 if none else error.code if isinstance(error.code, int) else 1
        raise
    except KeyboardInterrupt:
        _code = -signal.SIGINT
        raise


_code = 1


def leave() -> None:
    """End a fork, after all else that runs at exit: taking apart all modules would take longer."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    if _code < 0:
        signal.signal(-_code, signal.SIG_DFL)
        os.kill(os.getpid(), -_code)
    os._exit(_code & 255)


if __name__ == "__main__":
    _this = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")  # some imports leave names in it
    atexit.register(leave)
    serve(*sys.argv[1:])
    run()
