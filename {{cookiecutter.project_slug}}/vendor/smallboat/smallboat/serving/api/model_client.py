"""A client of the model behind SageMaker's runtime interface, on AWS and on this machine."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import fastjsonschema
from botocore.exceptions import BotoCoreError
from fastjsonschema import JsonSchemaValueException

from ..request_parsing import MODEL_NOT_READY, ApiError, schema_error
from .sagemaker_runtime import NotReadyError, SageMakerError, SageMakerRuntime
from .settings import Settings

Json = dict[str, Any]
FRESH_SECONDS = 5.0  # how long a description is not requested again
NO_CARD = "this release has no model card: it was trained with an older library"
NO_ANSWER = "the model does not answer; try again in some seconds"
STARTING = "the model is starting, which takes up to a minute; try again in some seconds"


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
        self._runtime = SageMakerRuntime(settings)
        self._description: Description | None = None
        self._describing: Future[Json] | None = None
        self._lock = threading.Lock()

    def invoke(self, body: Json, request_id: str = "") -> Json:
        """The model's answer; ApiError if it refuses, is starting, or does not answer."""
        try:
            sent = json.dumps(body, allow_nan=False).encode()
            content = json.loads(self._runtime.invoke(sent, request_id))
        except NotReadyError as error:
            raise ApiError(503, STARTING, code=MODEL_NOT_READY) from error
        except SageMakerError as error:
            raise _api_error(error) from error
        except (BotoCoreError, ValueError) as error:
            raise ApiError(503, NO_ANSWER) from error
        if not isinstance(content, dict):
            raise ApiError(503, "the model's answer is not a JSON object; see its log")
        return content

    def predict(
        self, request: Json, explain: bool, request_id: str, capture: Json | None
    ) -> tuple[Json, Json]:
        """The answer to one valid request: `model`, `predictions` and `warnings`.

        `capture` asks the model server for what is captured of it, which is returned beside the
        answer; empty if the server is of an older library, which refuses the question.
        """
        body: Json = {"requests": [request], "explain": explain}
        known = self._description
        if capture is not None and (known is None or known.content.get("captures")):
            body["captured"] = capture
        try:
            answer = self.invoke(body, request_id)
        except ApiError as error:
            if error.field != "captured" or not body.pop("captured", None):
                raise
            self._description = known = None  # it is older than the description
            answer = self.invoke(body, request_id)
        if known and answer["model"]["release"] != known.content["release"]["release"]:
            self._description = None
        (result,) = answer["results"]
        captured = result.pop("captured", {})
        return {"model": answer["model"], **result}, captured

    def description(self) -> Description:
        """The model's description, at most `FRESH_SECONDS` old."""
        known = self._description
        if known and time.monotonic() - known.time <= FRESH_SECONDS:
            return known
        content = self._describe()
        if known and known.content == content:
            validate = known.validate
        else:
            validate = fastjsonschema.compile(content["request"], use_default=False)
        self._description = Description(content, validate, time.monotonic())
        return self._description

    def _describe(self) -> Json:
        """What the model describes; threads that ask at the same time share one request."""
        with self._lock:
            first = self._describing is None
            asked = self._describing = self._describing or Future()
        if first:
            try:
                asked.set_result(self.invoke({"describe": True}))
            except BaseException as error:  # or the other threads would wait for ever
                asked.set_exception(error)
            self._describing = None
        return asked.result()

    def card(self, request_id: str) -> str:
        """The HTML of the served release's model card; ApiError 404 if it has none."""
        try:
            html = self.invoke({"card": True}, request_id)["html"]
        except ApiError as error:
            if error.status != 422:  # so a model server of an older library refuses it
                raise
            html = None
        if html is None:
            raise ApiError(404, NO_CARD)
        return str(html)

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


def _api_error(error: SageMakerError) -> ApiError:
    """The API's error for one of SageMaker or of the model's container."""
    if error.throttled:
        return ApiError(429, "too many requests; try again in some seconds")
    status = error.content.get("OriginalStatusCode")
    if status not in {400, 413, 422}:
        return ApiError(503, NO_ANSWER)
    try:
        refusal = json.loads(error.content["OriginalMessage"])["error"]
        message, field = refusal["message"], refusal["field"] or ""
    except (ValueError, KeyError, TypeError):
        return ApiError(503, NO_ANSWER)
    # The model received a list with one request; the API's client sent only that one.
    field = field.removeprefix("requests[0]").removeprefix(".")
    message = message.replace("requests[0].", "").replace("requests[0]", "the request")
    return ApiError(status, message, field or None)
