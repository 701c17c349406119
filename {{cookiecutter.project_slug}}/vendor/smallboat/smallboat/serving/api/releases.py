"""The releases with their lives: the list that each deployment writes, in a file or on S3."""

import json
import logging
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from ..request_parsing import ApiError
from .settings import Settings
from .signed_session import SignedSession

FRESH_SECONDS = 60.0  # how long the list is not read from S3 again
S3 = "s3://"
UNREADABLE = "the list of releases can't be read; try again in some seconds"
MISSING = {403, 404}  # S3 answers 403 to those who may not list its keys

Releases = list[dict[str, Any]]


class ReleaseList:
    """Reads the list, and keeps it for a while if it is on S3."""

    def __init__(self, settings: Settings) -> None:
        self._where = settings.releases
        self._known: Releases | None = None
        self._read_at = 0.0
        if self._where.startswith(S3):
            self._url = _url(settings)
            self._session = SignedSession(self._url, settings, "s3", S3SigV4Auth)

    def read(self) -> Releases:
        """The releases, the oldest first; empty if there is no list; ApiError if it is away."""
        if not self._where:
            return []
        if not self._where.startswith(S3):
            return _parsed(_file(Path(self._where)))
        if self._known is None or time.monotonic() - self._read_at > FRESH_SECONDS:
            try:
                self._known = _parsed(self._object())
            except ApiError:
                if self._known is None:
                    raise
            self._read_at = time.monotonic()
        return self._known

    def _object(self) -> bytes | None:
        try:
            answer = self._session.send(AWSRequest("GET", self._url))
        except BotoCoreError as error:
            raise ApiError(503, UNREADABLE) from error
        if answer.status_code != 200:
            logging.getLogger(__name__).warning("%s: S3 answered %d", self._url, answer.status_code)
        if answer.status_code in MISSING:
            return None
        if answer.status_code != 200:
            raise ApiError(503, UNREADABLE)
        content: bytes = answer.content
        return content


def _file(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _parsed(content: bytes | None) -> Releases:
    try:
        found = [] if content is None else json.loads(content)
    except ValueError as error:
        raise ApiError(503, UNREADABLE) from error
    if not isinstance(found, list):
        raise ApiError(503, UNREADABLE)
    return found


def _url(settings: Settings) -> str:
    """The address of the object: by the bucket's name, or below an address of an emulator."""
    bucket, _, key = settings.releases.removeprefix(S3).partition("/")
    own = f"https://{bucket}.s3.{settings.region}.amazonaws.com"
    base = f"{settings.s3_url.rstrip('/')}/{bucket}" if settings.s3_url else own
    return f"{base}/{quote(key)}"
