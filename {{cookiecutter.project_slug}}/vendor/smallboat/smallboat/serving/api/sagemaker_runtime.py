"""SageMaker's InvokeEndpoint, signed and sent by the parts of botocore that do it for boto3.

Lambda provides botocore. A client of boto3 adds retries, but half of a function's start is the
time that it takes to import and to make one.
"""

import json
import os
import random
import socket
import time
from typing import Any, NamedTuple
from urllib.parse import quote

from botocore import exceptions
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.retries.quota import RetryQuota
from botocore.utils import get_environ_proxies

from .settings import Settings

Json = dict[str, Any]
CONNECT_SECONDS = 2.0
CONNECTIONS = 64
RETRY_COST = 5
"""What a retry takes from the quota, as in botocore's standard mode. After 100 retries without a
success there are none, so they can't double the load of a model that is overloaded."""
TRANSIENT = {500, 502, 503, 504}
THROTTLED = {"ThrottlingException", "TooManyRequestsException"}


class SageMakerError(Exception):
    """An error that SageMaker answered.

    Attributes:
        code: its name, such as `ModelError`.
        content: its members, such as `OriginalStatusCode`.
        throttled: whether it is about too many requests.
        transient: whether the same request may succeed a moment later.
    """

    def __init__(self, status: int, kind: str, body: bytes) -> None:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        self.content: Json = content if isinstance(content, dict) else {}
        name = kind or str(self.content.get("__type") or self.content.get("code") or status)
        self.code = name.partition(":")[0].rpartition("#")[2]
        super().__init__(f"{status} {self.code}")
        self.throttled = self.code in THROTTLED
        self.transient = self.throttled or status in TRANSIENT


class Credentials(NamedTuple):
    """What signs a request."""

    access_key: str
    secret_key: str
    token: str | None


class SageMakerRuntime:
    """Sends requests to one endpoint, from many threads over connections that are kept."""

    def __init__(self, settings: Settings) -> None:
        base = settings.model_url or f"https://runtime.sagemaker.{settings.region}.amazonaws.com"
        self._url = f"{base.rstrip('/')}/endpoints/{quote(settings.endpoint, safe='')}/invocations"
        self._region = settings.region
        # On one machine there are no credentials and no proxy, and no AWS profile matters.
        self._signed = settings.on_lambda or not base.startswith("http://")
        self._provider: Any = None
        self._quota = RetryQuota()
        self._session = URLLib3Session(
            verify=os.environ.get("AWS_CA_BUNDLE") or True,
            proxies=get_environ_proxies(self._url) if self._signed else {},
            timeout=(min(settings.timeout, CONNECT_SECONDS), settings.timeout),
            max_pool_connections=CONNECTIONS,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def invoke(self, body: bytes, request_id: str = "") -> bytes:
        """The body of the answer to JSON; a second try follows a transient error.

        Raises:
            SageMakerError: SageMaker answered an error.
            BotoCoreError: there is no answer, or there are no credentials.
        """
        try:
            answer = self._send(body, request_id)
            self._quota.release(1)
        except (exceptions.ConnectionError, exceptions.HTTPClientError, SageMakerError) as error:
            transient = not isinstance(error, SageMakerError) or error.transient
            if not transient or not self._quota.acquire(RETRY_COST):
                raise
            time.sleep(random.random())
            answer = self._send(body, request_id)
            self._quota.release(RETRY_COST)
        return answer

    def _send(self, body: bytes, request_id: str) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if request_id:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = request_id
        request = AWSRequest("POST", self._url, headers, body)
        if self._signed:
            SigV4Auth(self._credentials(), "sagemaker", self._region).add_auth(request)
        answer = self._session.send(request.prepare())
        content: bytes = answer.content
        if answer.status_code >= 300:
            raise SageMakerError(
                answer.status_code, answer.headers.get("x-amzn-errortype", ""), content
            )
        return content

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
