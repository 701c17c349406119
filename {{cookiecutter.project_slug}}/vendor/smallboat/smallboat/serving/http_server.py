"""Serves an ASGI application with uvicorn; on SIGTERM it finishes its requests and exits."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

from .asgi import Application
from .workers import STOPPING, Workers

GRACEFUL_SECONDS = 20
"""How long requests may take that are at hand when SIGTERM comes."""


def run(create: Callable[[], Application], host: str, port: int, workers: int = 1) -> None:
    """Serve the application that `create` makes, in each worker, until SIGTERM or SIGINT.

    Raises:
        SystemExit: nothing can listen there, or the application can't be made.
    """
    listener = _listen(host, port)

    def work() -> None:
        _serve(create, listener)

    if workers == 1:
        work()
    elif not Workers(workers, work, lambda number: _stop(number, listener)).run():
        sys.exit(1)


def _listen(host: str, port: int) -> socket.socket:
    # Only on a socket that names its protocol does asyncio send without Nagle's delay.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        sys.exit(f"can't listen on {host}, port {port}: {error.strerror}")
    listener.listen()
    _say(f"Listening at: http://{host}:{listener.getsockname()[1]}")
    return listener


def _serve(create: Callable[[], Application], listener: socket.socket) -> None:
    import uvicorn

    from .http_protocol import IDLE_SECONDS, Protocol

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            _say_signal(sig)
            super().handle_exit(sig, frame)

    _on_signal(lambda *_: os._exit(0))  # an exception could end inside of an import
    application = create()
    _on_signal(lambda *_: sys.exit(0))  # uvicorn repeats the signal when it has ended
    config = uvicorn.Config(
        application,
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    Server(config).run([listener])


def _on_signal(handler: Callable[..., object]) -> None:
    for number in STOPPING:
        signal.signal(number, handler)


def _stop(number: int, listener: socket.socket) -> None:
    listener.close()
    _say_signal(number)


def _say_signal(number: int) -> None:
    _say(f"Handling signal: {signal.Signals(number).name.removeprefix('SIG').lower()}")


def _say(message: str) -> None:
    """Log a message; a handler of signals may do so, too."""
    os.write(1, json.dumps({"message": message}).encode() + b"\n")
