"""The fork server's process: `fork_process.py LISTENER LIFELINE MODULE ...`, both open files.

It answers clients between two imports: a task imports itself what the server does not have yet. It
never forks after threads were started: locks that they hold would stay locked in the fork.
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
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

FILES = 6  # from a client: three standard files, its folder, its runner, and the request

LATER = {"PYTHONPATH", "PYTHONUNBUFFERED"}
"""Variables of Python that a fork can still be given."""

Request = dict[str, Any]


class Server:
    """Forks for each client, tells it how the fork ended, and ends forks whose client is gone."""

    def __init__(self, listener: socket.socket, lifeline: int) -> None:
        self._refusal = ""
        self._forks: dict[socket.socket, tuple[int, int]] = {}  # process, and its client's group
        woken, self._waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(lifeline, selectors.EVENT_READ, lambda _: os._exit(0))
        self._selector.register(woken, selectors.EVENT_READ, self._reap)

    def load(self, name: str) -> None:
        """Import a module; if that fails, the task that needs it fails with the error."""
        with suppress(Exception, SystemExit):
            importlib.import_module(name)
        if not self._refusal and len(os.listdir("/proc/self/task")) > 1:
            self._refusal = f"the import of {name} has started threads"

    def serve(self, seconds: float | None) -> Request | None:
        """Handle what has happened within that time; in a fork, returns its client's request."""
        for key, _ in self._selector.select(seconds):
            if request := key.data(key.fileobj):
                return dict(request)
        return None

    def _accept(self, listener: socket.socket) -> None:
        self._selector.register(listener.accept()[0], selectors.EVENT_READ, self._start)

    def _start(self, client: socket.socket) -> Request | None:
        _, files, _, _ = socket.recv_fds(client, 1, FILES)
        if len(files) < FILES:
            self._forget(client)
            return None
        with open(files.pop()) as file:
            request: Request = json.load(file)
        fork = self._fork(request)
        if fork == 0:
            self._close()
            return request | {"files": files}
        if isinstance(fork, int):
            self._forks[client] = fork, request["group"]
            self._selector.modify(client, selectors.EVENT_READ, self._hear)
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
            return os.fork()
        except OSError as error:
            return f"the fork server can't fork ({error})"

    def _hear(self, client: socket.socket) -> None:
        """A client sends the signals that it gets, or nothing more when it is gone."""
        if client not in self._forks:  # the fork has ended meanwhile
            return
        (fork, group), heard = self._forks[client], client.recv(1)
        if not heard:
            self._selector.unregister(client)
            os.kill(fork, signal.SIGKILL)
        elif os.getpgid(fork) != group:  # else the fork got it, too
            os.kill(fork, heard[0])

    def _reap(self, woken: int) -> None:
        os.read(woken, 512)
        for client, (fork, _) in list(self._forks.items()):
            ended, status = os.waitpid(fork, os.WNOHANG)
            if ended:
                with suppress(OSError):  # it may be gone
                    client.sendall(status.to_bytes(4, "big"))
                del self._forks[client]
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
    here, there = os.environ, request["variables"]
    names = [name for name in {*here, *there} - LATER if name.startswith("PYTHON")]
    differing = sorted(name for name in names if here.get(name) != there.get(name))
    return f"the fork server has another {', '.join(differing)}" if differing else None


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
    try:
        os.setpgid(0, request["group"])
    except PermissionError:  # its client is in another session
        os.setpgid(0, 0)
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
    names, request = iter(modules), None
    while request is None:
        if name := next(names, None):
            server.load(name)
        request = server.serve(0 if name else None)
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
        _code = error.code & 255 if isinstance(error.code, int) else int(error.code is not None)
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
    os._exit(_code)


if __name__ == "__main__":
    _this = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")  # some imports leave names in it
    atexit.register(leave)
    serve(*sys.argv[1:])
    run()
