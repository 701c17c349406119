"""What Lambda calls, with events of a REST API (payload 1.0) or of an HTTP API (2.0)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import serverless_wsgi

from .app import create


def of(own: Path) -> Callable[[dict[str, Any], object], dict[str, Any]]:
    """The function for Lambda, of a project with its own part of the page."""
    app = create(own)

    def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        """The answer to an API Gateway event."""
        answer: dict[str, Any] = serverless_wsgi.handle_request(app, tidy(event), context)
        return answer

    return handler


def tidy(event: dict[str, Any]) -> dict[str, Any]:
    """The event as serverless-wsgi takes it.

    API Gateway sends null for what is absent, also inside requestContext; and an HTTP API puts the
    name of a stage before the path, where a REST API does not.
    """
    event = _without_nulls(event)
    event.setdefault("headers", {})
    if event.get("version") == "2.0":
        stage = "/" + event.get("requestContext", {}).get("stage", "$default")
        path = event["rawPath"]
        if path == stage or path.startswith(stage + "/"):
            event["rawPath"] = path[len(stage) :] or "/"
    return event


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(item) if isinstance(item, dict) else item
        for key, item in value.items()
        if item is not None
    }
