"""The deployment lease: an object in the bucket that the only running deployment renews."""

import getpass
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ...aws.buckets import Bucket, ChangedError
from ...errors import CloudError, UserError
from ...store import store

KEY = "endpoint/deploying.json"
LEASE_SECONDS = 20.0
"""How long a killed deployment keeps others out."""
RENEW_SECONDS = 4.0


class Lease:
    """The right to change an endpoint."""

    def __init__(self, bucket: Bucket, endpoint: str) -> None:
        self._bucket, self._endpoint = bucket, endpoint
        self._tag: str | None = None
        self._expires = 0.0
        self._content: dict[str, str | int] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lease for the block; UserError names the holder if there is another."""
        who = f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"
        self._content = {"who": who, "since": store.now(), "token": uuid.uuid4().hex, "renewed": 0}
        self._acquire()
        stop = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(stop,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            stop.set()
            renewing.join()
            if time.time() < self._expires:
                with suppress(ChangedError, CloudError):  # it expires by itself
                    self._bucket.write(KEY, store.to_json({"free": store.now()}), self._tag)
            self._expires = 0.0

    def check(self) -> None:
        """CloudError if the lease may be lost: then nothing may be changed."""
        if time.time() > self._expires:
            raise CloudError(
                f"the deployment lease {KEY} could not be renewed for {LEASE_SECONDS:.0f} s, and "
                "another deployment may be running: rerun the command"
            )

    def _acquire(self) -> None:
        seen = None
        while True:
            current = self._bucket.read(KEY)
            holder = json.loads(current.content) if current else {}
            if current is None or "who" not in holder or current.age > LEASE_SECONDS:
                with suppress(ChangedError):
                    self._write(current.tag if current else None)
                    return
                continue
            if seen is None:
                print(
                    f"{holder['who']} has started a deployment; if that was killed, this one "
                    f"starts in {max(1.0, LEASE_SECONDS - current.age):.0f} s",
                    flush=True,
                )
            elif seen != current.tag:
                raise UserError(
                    f"{holder['who']} has been deploying to {self._endpoint} since "
                    f"{holder['since']}: wait until that ends"
                )
            seen = current.tag
            time.sleep(1.0)

    def _renew(self, stop: threading.Event) -> None:
        while not stop.wait(RENEW_SECONDS):
            try:
                self._write(self._tag)
            except ChangedError:
                self._expires = 0.0
                return
            except CloudError:
                continue  # until it expires

    def _write(self, tag: str | None) -> None:
        now = time.time()
        self._content["renewed"] = int(self._content["renewed"]) + 1  # so that the tag changes
        self._tag = self._bucket.write(KEY, store.to_json(self._content), tag)
        self._expires = now + LEASE_SECONDS
