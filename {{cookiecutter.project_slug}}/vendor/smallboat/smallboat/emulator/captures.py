"""What AWS captures of functions and endpoints: CloudWatch Logs, SageMaker's data capture."""

import json
import random
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from werkzeug import Request, Response

LINES = 1000
"""That one call writes, at most."""


class FunctionLog:
    """Copies what a function printed to its log group, if that exists."""

    def __init__(self, account: str, region: str, function: str, file: Path) -> None:
        self._logs = logs_backends[account][region]
        self._group, self._file = f"/aws/lambda/{function}", file
        self._stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        self._position, self._lock = 0, threading.Lock()

    def update(self) -> None:
        """Write the whole lines that were printed since the last time."""
        if self._group not in self._logs.groups:
            return
        with self._lock, self._file.open("rb") as file:
            file.seek(self._position)
            whole, end, _ = file.read().rpartition(b"\n")
            self._position += len(whole + end)
            lines = whole.decode(errors="replace").split("\n") if end else []
            if lines and self._stream not in self._logs.groups[self._group].streams:
                self._logs.create_log_stream(self._group, self._stream)
            for start in range(0, len(lines), LINES):
                now = int(1000 * time.time())
                events = [
                    {"timestamp": now, "message": f"{line}\n"} for line in lines[start:][:LINES]
                ]
                self._logs.put_log_events(self._group, self._stream, events)


def capture(endpoint: str, request: Request, response: Response) -> None:
    """Write an answer to S3 as an object of its own, if the endpoint captures data."""
    known: Any = next(
        (
            each.endpoints[endpoint]
            for _, _, each in sagemaker_backends.iter_backends()
            if endpoint in each.endpoints
        ),
        None,
    )
    config = known and known.data_capture_config
    if not config or not config["EnableCapture"] or response.status_code >= 400:
        return
    if random.random() * 100 >= config["InitialSamplingPercentage"]:
        return
    now = datetime.now(UTC)
    bucket, _, prefix = config["DestinationS3Uri"].removeprefix("s3://").partition("/")
    variant = response.headers["x-Amzn-Invoked-Production-Variant"]
    name = f"{now:%Y/%m/%d/%H/%M-%S-%f}"[:-3] + f"-{uuid.uuid4()}.jsonl"
    key = f"{prefix.rstrip('/')}/{endpoint}/{variant}/{name}"
    sides = {
        "endpointInput": ("INPUT", request.mimetype, request.get_data()),
        "endpointOutput": ("OUTPUT", response.mimetype, response.get_data()),
    }
    line = {
        "captureData": {
            side: {
                "observedContentType": kind, "mode": mode, "data": data.decode(), "encoding": "JSON"
            }
            for side, (mode, kind, data) in sides.items()
        },
        "eventMetadata": {
            "eventId": str(uuid.uuid4()),
            "customAttributes": [request.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")],
            "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        },
        "eventVersion": "0",
    }  # fmt: skip
    for _, _, s3 in s3_backends.iter_backends():
        if bucket in s3.buckets:
            s3.put_object(bucket, key, json.dumps(line).encode() + b"\n")
