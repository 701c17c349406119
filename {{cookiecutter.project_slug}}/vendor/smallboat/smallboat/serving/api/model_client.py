"""A client of the model behind SageMaker's runtime interface, on AWS and on this machine."""

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
from fastjsonschema import JsonSchemaValueException

from ..request_parsing import ApiError, schema_error
from .settings import Settings

Json = dict[str, Any]
TRIES = 2
FRESH_SECONDS = 5.0  # how long a description is not requested again
NO_ANSWER = "the model does not answer; try again in some seconds"


@dataclass(frozen=True)
class Description:
    """The model's description of itself.

    Attributes:
        content: release, signature, request, example, evaluation and page.
        validate: raises fastjsonschema's exception for a request that breaks `request`.
        time: when it was received, on the monotonic clock, in seconds.
    """

    content: Json
    validate: Callable[[Any], Any]
    time: float


class ModelClient:
    """Invokes one endpoint, and keeps its description while it serves the same release."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint = settings.endpoint
        self._description: Description | None = None
        local = settings.model_url.startswith("http://") and not settings.on_lambda
        config = Config(
            connect_timeout=min(settings.timeout, 2.0),
            read_timeout=settings.timeout,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            max_pool_connections=64,
            parameter_validation=False,
            # On one machine there are no credentials and no proxy, and no AWS profile matters.
            signature_version=UNSIGNED if local else None,
            proxies={} if local else None,
        )
        no_profile = {"profile": (None, None, None, None)} if local else None
        session = boto3.Session(botocore_session=botocore.session.Session(no_profile))
        self._client = session.client(
            "sagemaker-runtime",
            region_name=settings.region,
            endpoint_url=settings.model_url or None,
            config=config,
        )

    def invoke(self, body: Json, request_id: str = "") -> Json:
        """The model's answer; ApiError if it refuses or does not answer."""
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._endpoint,
                Body=json.dumps(body, allow_nan=False).encode(),
                ContentType="application/json",
                Accept="application/json",
                **({"CustomAttributes": request_id} if request_id else {}),
            )
            content = json.loads(answer["Body"].read())
        except ClientError as error:
            raise _api_error(error) from error
        except (BotoCoreError, ValueError) as error:
            raise ApiError(503, NO_ANSWER) from error
        if not isinstance(content, dict):
            raise ApiError(503, "the model's answer is not a JSON object; see its log")
        return content

    def predict(self, request: Json, explain: bool, request_id: str) -> Json:
        """The answer to one valid request: `model`, `predictions` and `warnings`."""
        answer = self.invoke({"requests": [request], "explain": explain}, request_id)
        known = self._description
        if known and answer["model"]["release"] != known.content["release"]["release"]:
            self._description = None
        (result,) = answer["results"]
        return {"model": answer["model"], **result}

    def description(self) -> Description:
        """The model's description, at most `FRESH_SECONDS` old."""
        known = self._description
        if known and time.monotonic() - known.time <= FRESH_SECONDS:
            return known
        content = self.invoke({"describe": True})
        if known and known.content == content:
            validate = known.validate
        else:
            validate = fastjsonschema.compile(content["request"], use_default=False)
        self._description = Description(content, validate, time.monotonic())
        return self._description

    def validate(self, request: Any) -> None:
        """Check a request against the served model's schema; ApiError names the wrong field.

        The model may have been switched since the description was received. So a request that
        breaks its schema is checked once more, against a fresh one.
        """
        try:
            (self._description or self.description()).validate(request)
        except JsonSchemaValueException:
            try:
                self.description().validate(request)
            except JsonSchemaValueException as error:
                raise schema_error(error) from None


def _api_error(error: ClientError) -> ApiError:
    """The API's error for one of SageMaker or of the model's container."""
    if error.response["Error"]["Code"] in {"ThrottlingException", "TooManyRequestsException"}:
        return ApiError(429, "too many requests; try again in some seconds")
    status = error.response.get("OriginalStatusCode")
    if status not in {400, 413, 422}:
        return ApiError(503, NO_ANSWER)
    try:
        refusal = json.loads(error.response["OriginalMessage"])["error"]
        message, field = refusal["message"], refusal["field"] or ""
    except (ValueError, KeyError, TypeError):
        return ApiError(503, NO_ANSWER)
    # The model received a list with one request; the API's client sent only that one.
    field = field.removeprefix("requests[0]").removeprefix(".")
    message = message.replace("requests[0].", "").replace("requests[0]", "the request")
    return ApiError(status, message, field or None)
