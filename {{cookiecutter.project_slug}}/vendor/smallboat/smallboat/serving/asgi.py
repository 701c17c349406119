"""What this package's ASGI applications share."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .request_parsing import MAX_BODY_BYTES, MESSAGES, ApiError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_DRAINED_BYTES = 32 * 2**20


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The body of a request; of one that is too large, its first `MAX_BODY_BYTES` + 1 bytes.

    The rest of it is read, too, up to `MAX_DRAINED_BYTES`: a client that is still sending can't
    read its answer. But a client that asks first, with "Expect: 100-continue", is not told to send.

    Raises:
        ApiError: 400 for a body that the client did not finish.
    """
    headers = dict(scope["headers"])
    if b"expect" in headers and int(headers.get(b"content-length", 0)) > MAX_BODY_BYTES:
        return bytes(MAX_BODY_BYTES + 1)
    body, size, more = bytearray(), 0, True
    while more and size <= MAX_DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, f"{MESSAGES[400]}: its body is not complete", "body")
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        body += piece[: MAX_BODY_BYTES + 1 - len(body)]
    return bytes(body)


async def respond(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    """Send a whole answer."""
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    encoded.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
