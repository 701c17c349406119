"""How gunicorn runs the model server, and the API on this machine."""

import logging
import socket
import struct
from typing import Any

PATIENCE = 5  # seconds that a sender may pause

worker_class = "gthread"  # the default class knows no kept-alive connections
threads = 64  # most of them wait for their senders
keepalive = 75
graceful_timeout = 4 * PATIENCE
timeout = 0  # a serverless endpoint sleeps between requests: silence is no fault
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Let nobody who stops in the middle of a request keep its thread, nor fill the log."""
    for listener in server.LISTENERS:
        # Accepted connections inherit it.
        waits = struct.pack("ll", PATIENCE, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, waits)
    server.log.error_log.addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a record is not of a sender who stopped or sent what is no HTTP."""
    error = record.exc_info[1] if record.exc_info else None
    theirs = isinstance(error, BlockingIOError) or type(error).__module__ == "gunicorn.http.errors"
    return not theirs
