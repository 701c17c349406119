"""The requests that botocore hands to the network, without one."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ConnectTimeoutError
from botocore.httpsession import URLLib3Session


def sent(monkeypatch: pytest.MonkeyPatch, send: Callable[[], Any]) -> Any:
    """The request that `send` hands to the network."""
    requests: list[Any] = []

    def keep(_: URLLib3Session, request: Any) -> Any:
        requests.append(request)
        raise ConnectTimeoutError(endpoint_url=request.url)

    with monkeypatch.context() as patch, pytest.raises(BotoCoreError):
        patch.setattr(URLLib3Session, "send", keep)
        send()
    return requests[0]


def text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
