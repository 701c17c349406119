"""The API on this machine: its WSGI application in threads, behind the server of ASGI.

Started as `python -m smallboat.serving.api_server --port P [--page F]`, with the API's settings in
environment variables.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware

from . import http_server
from .api import app
from .asgi import Application, Receive, Scope, Send, read_body, respond
from .request_parsing import ApiError, request_id

THREADS = 64  # most of them wait for the model


class InThreads:
    """An ASGI application that runs a WSGI application.

    A thread gets a request only when its body has come, and leaves when its answer is made: no
    thread waits for a client.
    """

    def __init__(self, application: Any) -> None:
        self._application: Any = WSGIMiddleware(application, workers=THREADS, send_queue_size=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = {name: value for name, value in scope["headers"] if name != b"transfer-encoding"}
        try:
            body = await read_body(scope, receive)
        except ApiError as error:
            own = request_id(lambda name: headers.get(name.lower().encode(), b"").decode("latin-1"))
            more = {"content-type": "application/json", "x-request-id": own}
            await respond(send, error.status, more, json.dumps(error.content()).encode())
            return
        headers[b"content-length"] = str(len(body)).encode()

        async def received() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._application({**scope, "headers": list(headers.items())}, received, send)


def create(page: Path) -> Application:
    """The API as an ASGI application."""
    return InThreads(app.create(page))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--page", type=Path, required=True, help="the project's part of the page")
    given = parser.parse_args()
    http_server.run(partial(create, given.page), given.host, given.port)


if __name__ == "__main__":
    main()
