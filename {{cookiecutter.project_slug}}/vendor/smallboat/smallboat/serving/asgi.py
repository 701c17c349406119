"""What this package's ASGI applications share."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .request_parsing import MAX_BODY_BYTES, MESSAGES, ApiError, too_large

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_DRAINED_BYTES = 32 * 2**20


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body of a request.

    A body that is too large is read nevertheless, up to `MAX_DRAINED_BYTES`: a client that is still
    sending can't read its answer. A client that waits for a "100 Continue" is not told to send it.

    Raises:
        ApiError: 413 for more than `MAX_BODY_BYTES`, 400 for a body that the client did not finish.
    """
    headers = dict(scope["headers"])
    if b"expect" in headers and int(headers.get(b"content-length", 0)) > MAX_BODY_BYTES:
        raise too_large()
    pieces: list[bytes] = []
    size, more = 0, True
    while more and size <= MAX_DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, f"{MESSAGES[400]}: its body is not complete", "body")
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        if size <= MAX_BODY_BYTES:
            pieces.append(piece)
    if size > MAX_BODY_BYTES:
        raise too_large()
    return b"".join(pieces)


async def respond(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    """Send an answer; a 413 ends the connection, because its body may not have been read."""
    content_length = {"content-length": str(len(body))}
    closing = {"connection": "close"} if status == 413 else {}
    encoded = [
        (name.encode(), value.encode("latin-1"))
        for name, value in (headers | content_length | closing).items()
    ]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
