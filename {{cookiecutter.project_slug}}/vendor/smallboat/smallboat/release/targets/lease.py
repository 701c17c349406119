"""One deployment at a time: an object in the bucket that whoever deploys renews."""

import getpass
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ...errors import CloudError, UserError
from ...store import store
from .bucket import Bucket, ChangedError

KEY = "endpoint/deploying.json"
LEASE_SECONDS = 20.0
"""How long a deployment that was killed keeps others out."""
RENEW_SECONDS = 4.0


class Lease:
    """The right to change an endpoint."""

    def __init__(self, bucket: Bucket, endpoint: str) -> None:
        self._bucket, self._endpoint = bucket, endpoint
        self._tag: str | None = None
        self._until = 0.0
        self._held: dict[str, str | int] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for the block; UserError names who else does."""
        who = f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"
        self._held = {"who": who, "since": store.now(), "token": uuid.uuid4().hex, "renewed": 0}
        self._take()
        stop = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(stop,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            stop.set()
            renewing.join()
            if time.time() < self._until:
                with suppress(ChangedError, CloudError):  # it ends by itself
                    self._bucket.write(KEY, store.to_json({"free": store.now()}), self._tag)
            self._until = 0.0

    def check(self) -> None:
        """CloudError if it may have been lost; nothing must be changed then."""
        if time.time() > self._until:
            raise CloudError(
                f"{KEY} could not be renewed for {LEASE_SECONDS:.0f} s, another deployment may go "
                "on: repeat the command"
            )

    def _take(self) -> None:
        seen = None
        while True:
            found = self._bucket.read(KEY)
            holder = json.loads(found.content) if found else {}
            if found is None or "who" not in holder or found.age > LEASE_SECONDS:
                with suppress(ChangedError):
                    self._write(found.tag if found else None)
                    return
                continue
            if seen not in (None, found.tag):
                raise UserError(
                    f"{holder['who']} deploys to {self._endpoint} since {holder['since']}: wait "
                    "for its end"
                )
            if seen is None:
                left = max(1.0, LEASE_SECONDS - found.age)
                print(
                    f"a deployment by {holder['who']} has begun and not ended; if it was killed, "
                    f"this one begins in {left:.0f} s",
                    flush=True,
                )
            seen = found.tag
            time.sleep(1.0)

    def _renew(self, stop: threading.Event) -> None:
        while not stop.wait(RENEW_SECONDS):
            try:
                self._write(self._tag)
            except ChangedError:
                self._until = 0.0
                return
            except CloudError:
                continue  # until it runs out

    def _write(self, tag: str | None) -> None:
        now = time.time()
        self._held["renewed"] = int(self._held["renewed"]) + 1
        self._tag = self._bucket.write(KEY, store.to_json(self._held), tag)
        self._until = now + LEASE_SECONDS
