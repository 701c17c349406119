"""SageMaker's InvokeEndpoint."""

import json
import random
import time
from time import monotonic
from typing import Any
from urllib.parse import quote

from botocore import exceptions
from botocore.awsrequest import AWSRequest
from botocore.retries.quota import RetryQuota

from .settings import Settings
from .signed_session import SignedSession

Json = dict[str, Any]
RETRY_COST = 5
"""What a retry takes from the quota, as in botocore's standard mode. After 100 retries without a
success there are none, so they can't double the load of a model that is overloaded."""
TRANSIENT = {500, 502, 503, 504}
THROTTLED = {"ThrottlingException", "TooManyRequestsException"}
STARTS = THROTTLED | {"ServiceUnavailable"}
"""What a serverless endpoint also answers while all its containers start."""
AWAKE_SECONDS = 300.0
"""How long a serverless endpoint stays awake after an answer. AWS does not say."""
QUICK_SECONDS = 1.0
"""After a first try that was shorter, a second one ends before API Gateway gives up at 29 s."""


class NotReadyError(Exception):
    """The endpoint is starting its model."""


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


class SageMakerRuntime:
    """Sends requests to one endpoint, from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._serverless = settings.start_seconds > 0
        self._answered = -AWAKE_SECONDS  # when it did so last
        base = settings.model_url or f"https://runtime.sagemaker.{settings.region}.amazonaws.com"
        self._url = f"{base.rstrip('/')}/endpoints/{quote(settings.endpoint, safe='')}/invocations"
        self._quota = RetryQuota()
        self._session = SignedSession(
            self._url, settings, "sagemaker", timeout=settings.start_seconds
        )

    def invoke(self, body: bytes, request_id: str = "") -> bytes:
        """The body of the answer to JSON; a second try follows a transient error.

        Raises:
            NotReadyError: the endpoint is starting its model.
            SageMakerError: SageMaker answered an error.
            BotoCoreError: there is no answer, or there are no credentials.
        """
        try:
            answer = self._try_twice(body, request_id)
        except (exceptions.ReadTimeoutError, SageMakerError) as error:
            if self._starts(error):
                raise NotReadyError from error
            raise
        self._answered = monotonic()
        return answer

    def _starts(self, error: Exception) -> bool:
        """Whether an error means that the endpoint is starting its model."""
        if not isinstance(error, SageMakerError):
            return self._serverless  # a model that is awake answers sooner
        asleep = self._serverless and monotonic() - self._answered >= AWAKE_SECONDS
        return error.code == "ModelNotReadyException" or (asleep and error.code in STARTS)

    def _try_twice(self, body: bytes, request_id: str) -> bytes:
        began = monotonic()
        try:
            answer = self._send(body, request_id)
            self._quota.release(1)
        except (exceptions.ConnectionError, exceptions.HTTPClientError, SageMakerError) as error:
            transient = not isinstance(error, SageMakerError) or error.transient
            in_time = not self._serverless or monotonic() - began < QUICK_SECONDS
            if not (transient and in_time and self._quota.acquire(RETRY_COST)):
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
        answer = self._session.send(request)
        content: bytes = answer.content
        if answer.status_code >= 300:
            raise SageMakerError(
                answer.status_code, answer.headers.get("x-amzn-errortype", ""), content
            )
        return content
