"""Questions to a SageMaker endpoint, through SageMaker's runtime."""

import json
import time
from typing import Any

from ...aws import aws
from ...errors import ReleaseError

AWAKE_SECONDS = 60.0
"""How long a serverless endpoint may be asked until its model has started."""


def ask(client: Any, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
    """One answer; CloudError if AWS is away, ReleaseError if the model is at fault."""
    try:
        content = json.loads(_invoked(client, endpoint, json.dumps(body)))
    except json.JSONDecodeError:
        raise ReleaseError("the endpoint answered no JSON") from None
    return dict(content)


def _invoked(client: Any, endpoint: str, body: str) -> bytes:
    end = time.monotonic() + AWAKE_SECONDS
    errors = client.exceptions
    while True:
        with aws.aws_errors():
            try:
                answer = client.invoke_endpoint(
                    EndpointName=endpoint, Body=body.encode(), ContentType="application/json"
                )
                content: bytes = answer["Body"].read()
                return content
            except errors.ModelError as error:
                status = error.response.get("OriginalStatusCode")
                message = error.response.get("OriginalMessage") or error
                raise ReleaseError(f"the model server answered {status}: {message}") from None
            except errors.ModelNotReadyException:
                if time.monotonic() > end:
                    raise
        time.sleep(1.0)
