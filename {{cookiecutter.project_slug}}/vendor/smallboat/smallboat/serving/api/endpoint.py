"""The model behind SageMaker's runtime interface: the same calls on AWS and on this machine."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
import fastjsonschema
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import ApiError, unavailable
from .settings import Settings

Json = dict[str, Any]
TRIES = 2
AWAY = "the model does not answer; try again in some seconds"


@dataclass(frozen=True)
class Description:
    """What the model says of itself.

    Attributes:
        content: the answer to `describe`: release, signature, request, example, evaluation, page.
        check: raises fastjsonschema's exception for a request that breaks `request`.
        asked: when, on the monotonic clock.
    """

    content: Json
    check: Callable[[Any], Any]
    asked: float

    @property
    def release(self) -> str:
        """The release it holds for."""
        return str(self.content["release"]["release"])


class Endpoint:
    """One endpoint, and its description as long as it serves the same release."""

    def __init__(self, settings: Settings) -> None:
        self._name = settings.endpoint
        self._description: Description | None = None
        here = settings.model_url.startswith("http://") and not settings.on_lambda
        options = Config(
            connect_timeout=min(settings.timeout, 2.0),
            read_timeout=settings.timeout,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            max_pool_connections=64,
            parameter_validation=False,
            # Between processes of one machine there are no credentials and no proxy.
            signature_version=UNSIGNED if here else None,
            proxies={} if here else None,
        )
        # Nor does a profile of AWS matter to them.
        unread = {"profile": (None, None, None, None)} if here else None
        session = boto3.Session(botocore_session=botocore.session.Session(unread))
        self._client = session.client(
            "sagemaker-runtime",
            region_name=settings.region,
            endpoint_url=settings.model_url or None,
            config=options,
        )

    def ask(self, question: Json, request_id: str = "") -> Json:
        """The model's answer; ApiError if it refuses or is away."""
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._name,
                Body=json.dumps(question, allow_nan=False).encode(),
                ContentType="application/json",
                Accept="application/json",
                **({"CustomAttributes": request_id} if request_id else {}),
            )
            content = json.loads(answer["Body"].read())
        except ClientError as error:
            raise _refused(error) from error
        except (BotoCoreError, ValueError) as error:
            raise unavailable(AWAY) from error
        if not isinstance(content, dict):
            raise unavailable("the model's answer can't be read")
        return content

    def predict(self, request: Json, explain: bool, request_id: str) -> Json:
        """The answer to one request, and the model that gave it."""
        answer = self.ask({"requests": [request], "explain": explain}, request_id)
        if self._description and answer["model"]["release"] != self._description.release:
            self._description = None
        (result,) = answer["results"]
        return {"model": answer["model"], **result}

    def description(self, max_age: float | None = None) -> Description:
        """What the model says of itself, asked anew if that is older than so many seconds."""
        known = self._description
        if known and (max_age is None or time.monotonic() - known.asked <= max_age):
            return known
        content = self.ask({"describe": True})
        if known and known.content == content:
            check = known.check
        else:
            check = fastjsonschema.compile(content["request"], use_default=False)
        self._description = Description(content, check, time.monotonic())
        return self._description


def _refused(error: ClientError) -> ApiError:
    """What the model's container, or SageMaker before it, meant by an error."""
    code = error.response["Error"]["Code"]
    if code in {"ThrottlingException", "TooManyRequestsException"}:
        return ApiError(429, "too_many_requests", "too many requests; try again in some seconds")
    status = error.response.get("OriginalStatusCode")
    if status not in {400, 413, 422}:
        return unavailable(AWAY)
    try:
        told = json.loads(error.response["OriginalMessage"])["error"]
        code, message, field = told["code"], told["message"], told["field"] or ""
    except (ValueError, KeyError, TypeError):
        return unavailable(AWAY)
    # The model was sent a list of one; its sender knows only the one.
    field = field.removeprefix("requests[0]").removeprefix(".")
    message = message.replace("requests[0].", "").replace("requests[0]", "the request")
    return ApiError(status, code, message, field or None)
