"""The API as a Lambda function, for events of a REST API (payload 1.0) or HTTP API (2.0)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import serverless_wsgi

from .app import create


def handler(page_folder: Path) -> Callable[[dict[str, Any], object], dict[str, Any]]:
    """The function that Lambda calls; `page_folder` has the project's part of the page."""
    app = create(page_folder)

    def handle(event: dict[str, Any], context: object) -> dict[str, Any]:
        """The answer to an API Gateway event."""
        answer: dict[str, Any] = serverless_wsgi.handle_request(app, _normalized(event), context)
        return answer

    return handle


def _normalized(event: dict[str, Any]) -> dict[str, Any]:
    """The event as serverless-wsgi expects it.

    API Gateway sends null for absent values. An HTTP API puts a named stage before the path; a
    REST API does not.
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
