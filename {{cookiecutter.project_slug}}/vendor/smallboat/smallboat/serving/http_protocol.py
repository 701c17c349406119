"""HTTP for this package's servers: uvicorn's protocol with time-outs, and with errors in JSON.

A client that is slow, silent or wrong costs a connection, and nobody else waits for it.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .request_parsing import MESSAGES, ApiError

HEADER_SECONDS = 10.0  # from the connection, or from a header's first byte, to the header's end
BODY_SECONDS = 15.0  # from the end of the header to the end of the body
ANSWER_SECONDS = 30.0  # in which a client has to read the rest of an answer, or a part of it:
ANSWER_BYTES = 2**16
IDLE_SECONDS = 75  # between two requests
LINGER_SECONDS = 2.0  # that a refused client may go on sending: else it could not read why
MAX_HEADER_BYTES = 2**16


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._reading: asyncio.TimerHandle | None = None  # until a header or a body is late
        self._writing: asyncio.TimerHandle | None = None  # until the client must have read
        self._unread = 0  # bytes of answers, when that clock was set
        self._unfinished = 0  # bytes since the last header or piece of a body was complete
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first header."""
        super().connection_made(transport)
        self._expect(HEADER_SECONDS, self._late_header)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._received()
        self._taken()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a client that sent its whole request and then closed its side."""
        answering = self._answering() and not self.cycle.more_body and not self._refused
        if answering:
            self.cycle.keep_alive = False
        return answering

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        if self._refused:
            return
        if self._reading is None and not self._answering():
            self._expect(HEADER_SECONDS, self._late_header)
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > MAX_HEADER_BYTES:
            self._refuse_header()

    def on_headers_complete(self) -> None:
        """Start to answer; the body may be on its way."""
        self._unfinished = 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEADER_BYTES:
            self._refuse_header()
            raise ValueError("the header is too large")
        self._expect(BODY_SECONDS, self._late_body)
        super().on_headers_complete()
        if self.parser.should_upgrade():  # what follows it may be another protocol
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._unfinished = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The client has nothing more to send."""
        self._unfinished = 0
        self._received()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what uvicorn can't parse."""
        self._refuse("it is not valid HTTP")

    def pause_writing(self) -> None:
        """Give a client some time to read what it was sent."""
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        """The client has read it."""
        self._taken()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Wait for the next request; if there will be none, for the client to read the answer."""
        if not self.pipeline and self.cycle.more_body:  # or what is left of the body would follow
            self.transport.close()
        super().on_response_complete()
        if self.transport.is_closing() and self._writing is None:
            self._expect_reading()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, even if the client did not read all."""
        self.transport.abort()

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self, seconds: float, late: Callable[[], None]) -> None:
        self._received()
        self._reading = self.loop.call_later(seconds, late)

    def _expect_reading(self) -> None:
        self._taken()
        self._unread = self.transport.get_write_buffer_size()
        self._writing = self.loop.call_later(ANSWER_SECONDS, self._read_too_little)

    def _read_too_little(self) -> None:
        if self._unread - self.transport.get_write_buffer_size() < ANSWER_BYTES:
            self.transport.abort()
        else:
            self._expect_reading()

    def _received(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _taken(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _late_header(self) -> None:
        if self._unfinished:
            self._refuse(f"its header did not arrive within {HEADER_SECONDS:.0f} s")
        else:
            self.transport.close()

    def _late_body(self) -> None:
        self._refuse(f"its body did not arrive within {BODY_SECONDS:.0f} s")

    def _refuse_header(self) -> None:
        self._refuse(f"its header is larger than {MAX_HEADER_BYTES // 2**10} kB")

    def _refuse(self, reason: str) -> None:
        """End the connection with a 400, or with the answer to a request that came whole before."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._unset_keepalive_if_required()
        if self._answering() and (self.cycle.response_started or not self.cycle.more_body):
            self.cycle.keep_alive = False
            return
        if self._answering():  # its body is broken, so its application gives up
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        error = ApiError(400, f"{MESSAGES[400]}: {reason}")
        self._send_error(json.dumps(error.content()).encode())
        self._expect(LINGER_SECONDS, self.transport.abort)

    def _send_error(self, body: bytes) -> None:
        headers = {
            b"content-type": b"application/json",
            b"content-length": str(len(body)).encode(),
            b"connection": b"close",
        }
        lines = [b"%s: %s\r\n" % each for each in headers.items()]
        self.transport.write(b"".join([STATUS_LINE[400], *lines, b"\r\n", body]))
        self.flow.resume_reading()
        self.transport.write_eof()
