"""A stub of the model behind SageMaker's runtime interface, in a thread.

It predicts the order of the grid, so tests need no trained model.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

SCHEMA: Json = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "required": ["season", "round", "circuit", "grid"],
    "properties": {
        "season": {"type": "integer", "minimum": 1950, "maximum": 2100},
        "round": {"type": "integer", "minimum": 1, "maximum": 40},
        "circuit": {"type": "string", "minLength": 1, "maxLength": 60},
        "grid": {
            "type": "array",
            "minItems": 1,
            "maxItems": 60,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["driver", "grid"],
                "properties": {
                    "driver": {"type": "string", "minLength": 1, "maxLength": 60},
                    "constructor": {"type": "string", "minLength": 1, "maxLength": 60},
                    "grid": {"type": "integer", "minimum": 0, "maximum": 60},
                    "gap_to_pole": {"type": ["number", "null"], "minimum": 0, "maximum": 1000},
                },
            },
        },
    },
}
EXAMPLE: Json = {
    "season": 2026,
    "round": 3,
    "circuit": "meerdam",
    "grid": [{"driver": "tillery", "grid": 1}, {"driver": "marrabel", "grid": 2}],
}


class Model:
    """The state of the stub; tests change its attributes."""

    def __init__(self) -> None:
        self.release = "aaaa-1111"
        self.schema = SCHEMA
        self.page: Json = {}
        self.evaluation: Json = {"metrics": {"test": {"mae": 3.0}}, "passed": True}
        self.captures = True
        self.as_of: str | None = "2026-03-01"
        self.card: str | None = "<!DOCTYPE html><title>card</title>"
        self.delay = 0.0
        self.failure: tuple[int, bytes, str] | None = None
        self.received: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def count(self, key: str) -> int:
        """How many of the received bodies have this key."""
        return sum(key in body for body in self.received)

    def answer(self, body: Json) -> Json:
        """The answer; LookupError has the field and message of an error."""
        facts = {
            "run": "17",
            "release": self.release,
            "model_hash": self.release.split("-")[0],
        }
        if self.as_of:
            facts["features_as_of"] = self.as_of
        if "describe" in body:
            return {
                "release": facts
                | {"features_run": "17", "online_features_hash": "1111", "snapshot": "55"},
                **({"captures": True} if self.captures else {}),
                "signature": {"candidate": "ridge", "inputs": [{"name": "grid"}]},
                "request": self.schema,
                "example": EXAMPLE,
                "known": {
                    "type": "object",
                    "required": ["season", "round"],
                    "properties": {
                        "season": {"type": "integer", "minimum": 1950, "maximum": 2100},
                        "round": {"type": "integer", "minimum": 1, "maximum": 40},
                    },
                },
                "evaluation": self.evaluation,
                "page": self.page,
            }
        if "card" in body:
            return {"html": self.card}
        if "captured" in body and not self.captures:
            raise LookupError("captured", "captured is unknown; known fields are requests, explain")
        if "known" in body:
            for name in ("season", "round"):
                if not body["known"].get(name, "").isdigit():
                    raise LookupError(name, f"{name} must be a whole number")
            if body["known"] != {"season": "2026", "round": "3"}:
                raise LookupError("grid", "the grid of this race is not known yet")
            return {"request": EXAMPLE}
        results = []
        for number, request in enumerate(body["requests"]):
            drivers = [entry["driver"] for entry in request["grid"]]
            if len(set(drivers)) < len(drivers):
                place = f"requests[{number}].grid[1].driver"
                raise LookupError(place, f"{place} is there twice")
            result: Json = {"predictions": self.predict(request), "warnings": []}
            if "captured" in body:
                redacted = body["captured"]["redact"]
                result["captured"] = {"rows": len(drivers), "keys": drivers, "redacted": redacted}
            results.append(result)
        return {"model": facts, "results": results}

    def predict(self, request: Json) -> list[Json]:
        """The cars in the order of the grid."""
        return sorted(request["grid"], key=lambda entry: int(entry["grid"]))


@contextmanager
def serving(port: int = 0) -> Iterator[Model]:
    """A stub that answers at its `url` until the end of the block."""
    model = Model()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            model.headers.append(dict(self.headers))
            time.sleep(model.delay)
            if model.failure:
                self._send(*model.failure)
                return
            content = json.loads(body)
            model.received.append(content)
            try:
                self._send(200, json.dumps(model.answer(content)).encode())
            except LookupError as error:
                field, message = error.args
                error_body = {"error": {"code": "invalid", "message": message, "field": field}}
                wrapped = {"OriginalStatusCode": 422, "OriginalMessage": json.dumps(error_body)}
                self._send(424, json.dumps(wrapped).encode(), "ModelError")

        def _send(self, status: int, body: bytes, error: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()
            with suppress(ConnectionError):  # some clients don't wait
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
