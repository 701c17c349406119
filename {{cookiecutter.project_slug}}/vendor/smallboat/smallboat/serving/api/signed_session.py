"""Requests to AWS, signed and sent by the parts of botocore that do it for boto3.

Lambda provides botocore. A client of boto3 adds retries, but half of a function's start is the
time that it takes to import and to make one.
"""

import os
import socket
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from .settings import Settings

CONNECT_SECONDS = 2.0
CONNECTIONS = 64


class Credentials(NamedTuple):
    """What signs a request."""

    access_key: str
    secret_key: str
    token: str | None


class SignedSession:
    """Sends requests to one address, from many threads over connections that are kept."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        service: str,
        signer: type[SigV4Auth] = SigV4Auth,
        timeout: float = 0.0,
    ) -> None:
        """A session for an address of a service, such as `sagemaker`, and its kind of signature.

        An answer may take `timeout` seconds, or else those of the settings.
        """
        self._service, self._signer, self._region = service, signer, settings.region
        # On one machine there are no credentials and no proxy, and no AWS profile matters.
        self._signed = settings.on_lambda or not url.startswith("http://")
        self._provider: Any = None
        timeout = timeout or settings.timeout
        self._session = URLLib3Session(
            verify=os.environ.get("AWS_CA_BUNDLE") or True,
            proxies=get_environ_proxies(url) if self._signed else {},
            timeout=(min(timeout, CONNECT_SECONDS), timeout),
            max_pool_connections=CONNECTIONS,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def send(self, request: AWSRequest) -> Any:
        """The answer: `status_code`, `headers`, `content`; BotoCoreError if there is none."""
        if self._signed:
            self._signer(self._credentials(), self._service, self._region).add_auth(request)
        return self._session.send(request.prepare())

    def _credentials(self) -> Any:
        """Those of the function's role, or else of this machine; read anew, as they expire."""
        known = os.environ
        if "AWS_ACCESS_KEY_ID" in known and "AWS_SECRET_ACCESS_KEY" in known:
            key, secret = known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"]
            return Credentials(key, secret, known.get("AWS_SESSION_TOKEN"))
        if self._provider is None:
            import botocore.session  # on Lambda they are in the environment

            self._provider = botocore.session.Session().get_credentials()
        return self._provider and self._provider.get_frozen_credentials()
