"""A server in a thread that accepts runs like Weights & Biases, and remembers them."""

import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import answering

Json = dict[str, Any]


@dataclass
class Arrived:
    """What arrived of a run."""

    about: Json = field(default_factory=dict)  # the variables of UpsertBucket
    lines: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    files: dict[str, bytes] = field(default_factory=dict)  # of its artifact
    complete: bool = False
    exit_code: int | None = None

    @property
    def history(self) -> list[Json]:
        """What was logged step by step."""
        lines = self.lines["wandb-history.jsonl"]
        return [json.loads(lines[offset]) for offset in sorted(lines)]

    @property
    def summary(self) -> Json:
        """The last value of each name."""
        lines = self.lines["wandb-summary.json"]
        return json.loads(lines[max(lines)]) if lines else {}


class Wandb(answering.Service):
    """The server's state."""

    def __init__(self, api_key: str) -> None:
        super().__init__(api_key)
        self.runs: dict[str, Arrived] = {}
        self.artifacts: dict[str, str] = {}  # run by artifact

    def named(self, name: str) -> Arrived:
        """The run of this name."""
        (found,) = (run for run in self.runs.values() if run.about["displayName"] == name)
        return found

    def answer(self, method: str, path: str, key: str, sent: bytes) -> tuple[int, Json]:
        """The status and the answer to a request."""
        body: Json = json.loads(sent) if method == "POST" and sent else {}
        asked = body.get("operationName") or path
        self.asked.append(asked)
        self.bodies.append(sent)
        if self.broken and self.broken in asked:
            return 400, {"error": f"{self.api_key} may not"}
        if method == "GET":
            return 200, {}
        if key != b64encode(f"api:{self.api_key}".encode()).decode() and method == "POST":
            return 401, {"errors": [{"message": "user is not logged in"}]}
        if path == "/graphql":
            reply = getattr(self, f"_{body['operationName']}", None)
            return 200, {"data": reply(body.get("variables") or {}) if reply else {}}
        if stream := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", path):
            self._stream(self.runs[stream[1]], body)
        elif upload := re.fullmatch(r"/upload/([^/]+)/(.+)", path):
            self.runs[self.artifacts[upload[1]]].files[upload[2]] = sent
        return 200, {}

    def _stream(self, run: Arrived, body: Json) -> None:
        for name, part in body.get("files", {}).items():
            for index, line in enumerate(part["content"]):
                run.lines[name][part["offset"] + index] = line
        run.complete |= body.get("complete", False)
        run.exit_code = body.get("exitcode", run.exit_code)

    def _ServerFeaturesQuery(self, given: Json) -> Json:  # noqa: N802
        return {"serverInfo": {"features": []}}

    def _UpsertBucket(self, given: Json) -> Json:  # noqa: N802, as the queries are called
        run = self.runs.setdefault(given["name"], Arrived())
        inserted = not run.about
        run.about |= {name: value for name, value in given.items() if value is not None}
        project = {"id": "2", "name": run.about["project"], "entity": {"id": "3", "name": "team"}}
        bucket = {"id": "1", "name": given["name"], "historyLineCount": 0, "project": project}
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def _CreateArtifact(self, given: Json) -> Json:  # noqa: N802
        run = given["input"]["runName"]
        self.artifacts[f"of-{run}"] = run
        made = {"id": f"of-{run}", "state": "PENDING", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": made}}

    def _CreateArtifactManifest(self, given: Json) -> Json:  # noqa: N802
        made = {"id": "5", "file": self._place(given["artifactID"], given["name"])}
        return {"createArtifactManifest": {"artifactManifest": made}}

    _UpdateArtifactManifest = _CreateArtifactManifest

    def _CreateArtifactFiles(self, given: Json) -> Json:  # noqa: N802
        edges = [
            {"node": self._place(each["artifactID"], each["name"])}
            for each in given["input"]["artifactFiles"]
        ]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _CreateRunFiles(self, given: Json) -> Json:  # noqa: N802
        self.artifacts[given["run"]] = given["run"]
        files = [self._place(given["run"], name) for name in given["files"]]
        return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}

    def _CommitArtifact(self, given: Json) -> Json:  # noqa: N802
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": "0"}}}

    def _place(self, artifact: str, name: str) -> Json:
        return {
            "id": "4",
            "name": name,
            "displayName": name,
            "uploadUrl": f"{self.url}/upload/{artifact}/{name}",
            "uploadHeaders": [],
            "storagePath": name,
            "uploadMultipartUrls": None,
            "artifact": {"id": artifact},
        }


@contextmanager
def serving(wandb: Wandb) -> Iterator[Wandb]:
    """Serve on loopback; `wandb.url` is the value for WANDB_BASE_URL."""

    def answer(request: answering.Request) -> tuple[int, bytes]:
        key = request.headers.get("Authorization", "").removeprefix("Basic ")
        status, told = wandb.answer(request.method, request.path, key, request.body)
        return status, json.dumps(told).encode()

    with answering.serving(answer, Content_Type="application/json") as wandb.url:
        yield wandb
