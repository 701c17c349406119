"""Where an environment's requests are captured, as files of lines like the API's."""

import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from ..aws import aws
from ..config import config
from ..errors import UserError

Json = dict[str, Any]
SPOOL_BYTES = 64 * 2**20
"""Of a temporary file; memory holds the content of one."""
BEGIN = '{"time":'
"""How a captured line begins; a function's log has others, too."""
LATE_MS = 15 * 60 * 1000
"""How late CloudWatch Logs may show an event. What was seen already is not archived twice."""
OFF = (
    "nothing is captured in this environment: set api.capture in the configuration ({}), then "
    "`make {}`"
)


class Source(Protocol):
    """A place of captured lines.

    Attributes:
        name: where it is, for people and as the key of its cursor.
        cursor: how far it was read, once `files` has ended.
        notes: sentences for people.
    """

    name: str
    cursor: str
    notes: list[str]

    def files(self, cursor: str | None, folder: Path, empty: bool) -> Iterator[Path]:
        """Files with the lines since a cursor and maybe earlier ones, the oldest first.

        Args:
            cursor: how far it was read; None at first.
            folder: for temporary files; one is removed when the next one is asked for.
            empty: whether the archive has no requests yet.
        """


def of(settings: config.Settings) -> Source:
    """The source of an environment: the API's capture, or that of the endpoint's instances.

    Raises:
        UserError: nothing is captured, or the captured lines can't be read back.
    """
    capture = settings.api.capture
    if settings.aws is None:
        if capture in {"off", "stdout"}:
            raise UserError(OFF.format("a file, as store/captured.jsonl", "serve"))
        return LocalFile(capture)
    env = aws.Environment(settings)
    if capture != "off":
        return LogGroup(env)
    if settings.aws.instances and settings.aws.instances.capture_share:
        return DataCapture(env)
    raise UserError(OFF.format("stdout", f"deploy ENV={settings.aws.environment}"))


class LocalFile:
    """A file on this machine and those into which it was rotated, always read from the start."""

    def __init__(self, path: str) -> None:
        self.name, self.cursor = path, ""
        self.notes: list[str] = []
        self._path = Path(path)

    def files(self, cursor: str | None, folder: Path, empty: bool) -> Iterator[Path]:
        """Links to the files: the API may rotate them meanwhile."""
        rotated = [
            path
            for path in self._path.parent.glob(f"{self._path.name}.*")
            if path.suffix[1:].isdecimal()
        ]
        oldest_first = sorted(rotated, key=lambda path: -int(path.suffix[1:]))
        links = []
        for number, path in enumerate([*oldest_first, self._path]):
            if path.is_file():
                links.append(folder / str(number))
                try:
                    links[-1].hardlink_to(path)
                except OSError:  # it is on another file system
                    links[-1].symlink_to(path.resolve())
        if not links:
            message = f"{self.name} does not exist: nothing was asked since capture is on"
            if empty:
                raise UserError(f"{message}: `make serve`, then `make predict` asks once")
            self.notes.append(message)
        yield from links


class LogGroup:
    """The log group of the API's function; it is paged through from the cursor, a time in ms."""

    def __init__(self, env: aws.Environment) -> None:
        self._env = env
        self.name = f"/aws/lambda/{env.api_stack}"
        self.cursor = ""
        self.notes: list[str] = []

    def files(self, cursor: str | None, folder: Path, empty: bool) -> Iterator[Path]:
        """The lines in the order in which the log service has them."""
        self.cursor = cursor or "0"
        yield from _spooled(self._lines(int(self.cursor)), folder)

    def _lines(self, cursor: int) -> Iterator[str]:
        now = int(time.time() * 1000)
        pages = self._env.client("logs").get_paginator("filter_log_events").paginate(
            logGroupName=self.name, startTime=max(0, cursor - LATE_MS)
        )  # fmt: skip
        found = False
        with aws.aws_errors("ResourceNotFoundException"):
            for page in pages:
                found = True
                for event in page["events"]:
                    cursor = max(cursor, min(event["timestamp"], now))
                    if event["message"].startswith(BEGIN):
                        yield event["message"].rstrip("\n")
        if not found:
            raise UserError(
                f"there is no log group {self.name}: `make deploy ENV={self._env.aws.environment}` "
                "creates it"
            )
        self.cursor = str(cursor)


class DataCapture:
    """SageMaker's data capture of an endpoint on instances: objects by hour, in a bucket.

    The cursor is the newest key. Objects of its hour are read again: instances write by themselves.
    """

    def __init__(self, env: aws.Environment) -> None:
        self._env = env
        self._prefix = f"capture/{env.endpoint}/"
        self.name = f"s3://{env.bucket}/{self._prefix}"
        self.cursor = ""
        self.notes: list[str] = []

    def files(self, cursor: str | None, folder: Path, empty: bool) -> Iterator[Path]:
        """The lines by hour, as if the API had captured each answer."""
        self.cursor = cursor or ""
        yield from _spooled(self._lines(), folder)

    def _lines(self) -> Iterator[str]:
        s3 = self._env.client("s3")
        start = self.cursor.rpartition("/")[0] or self._prefix
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._env.bucket, Prefix=self._prefix, StartAfter=start
        )
        with aws.aws_errors():
            for key in (each["Key"] for page in pages for each in page.get("Contents", [])):
                body = s3.get_object(Bucket=self._env.bucket, Key=key)["Body"]
                for line in body.iter_lines():
                    yield from records(line)
                self.cursor = key


def records(line: bytes) -> Iterator[str]:
    """The lines that the API would have captured of one invocation of the endpoint.

    Args:
        line: of SageMaker's data capture. What is none gives a line that can't be read.
    """
    try:
        captured = json.loads(line)
        about, data = captured["eventMetadata"], captured["captureData"]
        requests = json.loads(data["endpointInput"]["data"]).get("requests", [])
        answer = json.loads(data["endpointOutput"]["data"])
        results = answer.get("results", [])
        when = datetime.fromisoformat(about["inferenceTime"]).astimezone(UTC).isoformat()
    except (ValueError, LookupError, TypeError, AttributeError):
        yield "unreadable"
        return
    for number, (request, result) in enumerate(zip(requests, results, strict=False)):
        facts = {"time": when, "id": f"{about['eventId']}/{number}", "ms": None, "status": 200}
        told = {"model": answer["model"], **result.pop("captured", {}), "request": request}
        yield json.dumps(facts | told | result, separators=(",", ":"))


def _spooled(lines: Iterable[str], folder: Path) -> Iterator[Path]:
    """Temporary files of so many bytes with the lines."""
    path, size = folder / "spool", 0
    file = path.open("w")
    for line in lines:
        size += file.write(line + "\n")
        if size >= SPOOL_BYTES:
            file.close()
            yield path
            file, size = path.open("w"), 0
    file.close()
    yield path
