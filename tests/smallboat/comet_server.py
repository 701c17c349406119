"""A server in a thread that accepts experiments like Comet, and remembers them."""

import email
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import answering

Json = dict[str, Any]

UNKNOWN_KEY, KNOWN_EXPERIMENT = 90212, 90999
"""Comet's error codes."""


@dataclass
class Arrived:
    """What arrived of an experiment."""

    project: str
    tags: set[str] = field(default_factory=set)
    parameters: Json = field(default_factory=dict)
    others: Json = field(default_factory=dict)
    metrics: dict[str, list[tuple[int | None, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    assets: dict[str, bytes] = field(default_factory=dict)
    open: bool = True


class Comet(answering.Service):
    """The server's state."""

    def __init__(self, api_key: str) -> None:
        super().__init__(api_key)
        self.experiments: dict[str, Arrived] = {}

    def named(self, name: str) -> Arrived:
        """The experiment of this name."""
        (found,) = (one for one in self.experiments.values() if one.others["Name"] == name)
        return found

    def answer(self, path: str, query: Json, body: Json, sent: bytes) -> tuple[int, Json]:
        """The status and the answer to a request."""
        self.asked.append(path)
        if self.broken and self.broken in path:
            return 400, {"msg": f"{self.api_key} may not"}
        if path.endswith("logger/add/run"):
            return self._add(body)
        if path.endswith("logger/get/run"):
            return 200, {"runId": "1", "project_id": "2"}
        if path.endswith("isAlive/ver"):
            return 200, {"version": "99.0.0"}
        key = query.get("experimentId") or body.get("experimentKey")
        if key is not None:
            self._take(self.experiments[key], path, query, body, sent)
        return 200, {"is_alive_beat_duration_millis": 1, "gpu_monitor_interval_millis": 1}

    def _add(self, body: Json) -> tuple[int, Json]:
        if body["apiKey"] != self.api_key:
            return 400, {"sdk_error_code": UNKNOWN_KEY}
        if body["experimentKey"] in self.experiments:
            return 400, {"sdk_error_code": KNOWN_EXPERIMENT}
        self.experiments[body["experimentKey"]] = Arrived(body["projectName"])
        return 200, {"runId": "1", "project_id": "2"}

    def _take(self, one: Arrived, path: str, query: Json, body: Json, sent: bytes) -> None:
        if path.endswith("add-tags-to-experiment"):
            one.tags.update(body["addedTags"])
        elif path.endswith("log-other"):
            one.others[body["key"]] = body["value"]
        elif path.endswith("experiment/parameter"):
            one.parameters |= {v["parameterName"]: v["parameterValue"] for v in body["values"]}
        elif path.endswith("experiment/metric"):
            for value in body["values"]:
                one.metrics[value["metricName"]].append((value["step"], value["metricValue"]))
        elif path.endswith("asset/upload"):
            one.assets[query["fileName"]] = sent
        elif path.endswith("status-report/update"):
            one.open = body["is_alive"]


@contextmanager
def serving(comet: Comet) -> Iterator[Comet]:
    """Serve on loopback; `comet.url` is the value for COMET_URL_OVERRIDE."""

    def answer(request: answering.Request) -> tuple[int, bytes]:
        comet.bodies.append(request.body)
        url, kind = urlsplit(request.path), request.headers.get("Content-Type", "")
        is_json = request.body and kind.startswith("application/json")
        body = json.loads(request.body) if is_json else {}
        sent = _file(kind, request.body) if kind.startswith("multipart/") else b""
        status, told = comet.answer(url.path, dict(parse_qsl(url.query)), body, sent)
        return status, json.dumps(told).encode()

    with answering.serving(answer, Content_Type="application/json") as url:
        comet.url = f"{url}/clientlib/"
        yield comet


def _file(kind: str, raw: bytes) -> bytes:
    form = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
    return form.get_payload()[0].get_payload(decode=True)
