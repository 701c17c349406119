"""What AWS has of captured requests: the log of the API's function, SageMaker's data capture.

Both are read from a cursor on and yield lines as the API writes them, each with the cursor after
it. Lines near the cursor come again: AWS may show some late.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from ..errors import UserError
from . import aws

BEGIN = '{"time":'
"""How a captured line begins; a function's log has others, too."""
LATE_MS = 15 * 60 * 1000
"""How late CloudWatch Logs may show an event."""
Lines = Iterator[tuple[str, str]]


def log_group(env: aws.Environment) -> str:
    """The log group of the API's function."""
    return f"/aws/lambda/{env.api_stack}"


def logged(env: aws.Environment, cursor: str) -> Lines:
    """The captured lines in the function's log.

    Args:
        env: the environment.
        cursor: the time of the newest event, ms since 1970; empty at first.

    Raises:
        UserError: there is no log group.
        CloudError: AWS refuses or does not answer.
    """
    newest, now = int(cursor or 0), int(time.time() * 1000)
    pages = env.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=log_group(env), startTime=max(0, newest - LATE_MS))
    with aws.aws_errors("ResourceNotFoundException"):
        for event in (event for page in found for event in page["events"]):
            if event["message"].startswith(BEGIN):
                newest = max(newest, min(event["timestamp"], now))
                yield event["message"].rstrip("\n"), str(newest)
        return
    raise UserError(
        f"there is no log group {log_group(env)}: `make deploy ENV={env.aws.environment}` makes it"
    )


def data_capture(env: aws.Environment) -> str:
    """The prefix of the objects that the endpoint's instances write, an hour in each folder."""
    return f"capture/{env.endpoint}/"


def kept_by_endpoint(env: aws.Environment, cursor: str) -> Lines:
    """The answers in the objects of the endpoint's data capture.

    Args:
        env: the environment.
        cursor: the key of the last object, whose hour is read again; empty at first.

    Raises:
        CloudError: AWS refuses or does not answer.
    """
    s3, prefix = env.client("s3"), data_capture(env)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=env.bucket, Prefix=prefix, StartAfter=cursor.rpartition("/")[0] or prefix
    )
    with aws.aws_errors():
        for key in (each["Key"] for page in pages for each in page.get("Contents", [])):
            for line in s3.get_object(Bucket=env.bucket, Key=key)["Body"].iter_lines():
                yield from ((record, key) for record in as_captured(line))


def as_captured(line: bytes) -> Iterator[str]:
    """The lines that the API would have captured of one invocation of the endpoint.

    Args:
        line: of SageMaker's data capture. What is none gives a line that can't be read.
    """
    try:
        about, data = (json.loads(line)[part] for part in ("eventMetadata", "captureData"))
        asked, answer = (json.loads(data[f"endpoint{side}put"]["data"]) for side in ("In", "Out"))
        pairs = list(zip(asked.get("requests", []), answer.get("results", []), strict=True))
        when = datetime.fromisoformat(about["inferenceTime"]).astimezone(UTC).isoformat()
        for number, (request, result) in enumerate(pairs):
            facts = {"time": when, "id": f"{about['eventId']}/{number}", "status": 200}
            told = {"model": answer["model"], **result.pop("captured", {}), "request": request}
            yield json.dumps(facts | told | result, separators=(",", ":"))
    except (ValueError, LookupError, TypeError, AttributeError):
        yield "unreadable"
