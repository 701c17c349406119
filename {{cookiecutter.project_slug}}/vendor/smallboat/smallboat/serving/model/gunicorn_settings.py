"""gunicorn's settings for the model server, and for the API on this machine."""

import logging
import socket
import struct
from typing import Any

PAUSE_SECONDS = 5  # that a client may pause while it sends a request

worker_class = "gthread"  # the default class does not keep connections alive
threads = 64  # most of them wait for clients
keepalive = 75
graceful_timeout = 4 * PAUSE_SECONDS
timeout = 0  # a serverless endpoint sleeps between requests, so silence is no fault
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Free the threads of clients that stop sending, and keep such clients out of the log."""
    for listener in server.LISTENERS:  # accepted connections inherit the option
        pause = struct.pack("ll", PAUSE_SECONDS, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, pause)
    server.log.error_log.addFilter(_is_no_client_error)


def _is_no_client_error(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    stopped = isinstance(error, BlockingIOError)
    return not stopped and type(error).__module__ != "gunicorn.http.errors"
