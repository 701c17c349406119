"""Compresses what all clients get alike: the page, its data and the descriptions.

Not predictions: each is sent once, and compressing takes longer than sending. Not on Lambda:
API Gateway compresses there.
"""

import gzip
from functools import lru_cache

from flask import Response, request

MIN_BYTES = 1024  # less would not become smaller on the wire
KEPT = 32  # compressed bodies: those of a page, and its data for some releases
TYPES = ("text/", "application/json", "image/svg+xml")
ENCODINGS = ("gzip", "identity")


def compress(response: Response) -> Response:
    """The answer to a GET as gzip if the client accepts it and if that is smaller."""
    if not _is_shared(response):
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or request.accept_encodings.best_match(ENCODINGS) != "gzip":
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) >= MIN_BYTES and len(packed := _gzip(body)) < len(body):
        response.set_data(packed)
        response.content_encoding = "gzip"
        if tag := response.get_etag()[0]:
            response.set_etag(tag, weak=True)  # the same content in other bytes
    return response


def _is_shared(response: Response) -> bool:
    asked = request.method in ("GET", "HEAD") and request.path != "/predict"
    answered = response.status_code in (200, 304)
    return asked and answered and (response.mimetype or "").startswith(TYPES)


@lru_cache(maxsize=KEPT)
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
