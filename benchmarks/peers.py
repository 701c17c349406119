"""The model server against MLServer and BentoML, all in one run, with one release and one request.

Run in a generated project after `make train` and `make deploy`: python peers.py. The peers are
installed in a temporary folder, each in an environment of its own. They make the same answer of
the same request with the same code, `Release.predict`; only the server around it differs. Each has
one worker. A request is a race of 20 cars, or a session of 30 events.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from intent_request import session
from run import spread
from serving import CONNECTIONS, HEADERS, LIBRARY, PACKAGE, processor, tree

sys.path.insert(0, str(LIBRARY.parent))
from smallboat.serving import servers

ROUNDS, ASKS = 7, 1000
SAME = ("fastjsonschema", "numpy>=2.1,<3", "onnxruntime>=1.23,<2")
WANTED = {"mlserver": 1.5, "bentoml": 3.0}
WARM = 300

RELEASE = """
import json
import os
from pathlib import Path
from smallboat import problem
from smallboat.serving.model import invocation
from smallboat.serving.model.model import Release
PROBLEM = problem.of(os.environ["PACKAGE"])
RELEASE = Release(PROBLEM, Path(os.environ["RELEASE"]))

def answer(body):
    asked = invocation.parse(PROBLEM, "application/json", body)
    return RELEASE.predict(asked["requests"], False)
"""
MLSERVER = """
import json
from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceResponse
from release import answer

class Model(MLModel):
    async def predict(self, payload):
        (body,) = StringCodec.decode_input(payload.inputs[0])
        made = json.dumps(answer(body.encode()))
        outputs = [StringCodec.encode_output("answer", [made])]
        return InferenceResponse(model_name=self.name, outputs=outputs)
"""
BENTOML = """
import json
from typing import Any
import bentoml
from release import answer

@bentoml.service(workers=1)
class Model:
    @bentoml.api
    def invocations(self, requests: list[dict[str, Any]]) -> dict[str, Any]:
        return answer(json.dumps({"requests": requests}).encode())
"""


class Side:
    """A server that runs: where it answers, and what it is asked."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, path: str, body: bytes):
        self.process, self.port, self.path, self.body = process, port, path, body
        self.pids: list[int] = []

    def ask(self, client: HTTPConnection) -> bytes:
        """One request over a kept connection."""
        client.request("POST", self.path, self.body, HEADERS)
        answer = client.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content

    def seconds(self) -> float:
        """The median time of a request over one kept-alive connection."""
        client, taken = HTTPConnection("127.0.0.1", self.port), []
        for _ in range(ASKS):
            started = time.perf_counter()
            self.ask(client)
            taken.append(time.perf_counter() - started)
        client.close()
        return statistics.median(taken)

    def cost(self) -> float:
        """Seconds of processor time for a request, asked over a few connections."""

        def ask() -> None:
            client = HTTPConnection("127.0.0.1", self.port)
            for _ in range(ASKS // CONNECTIONS):
                self.ask(client)
            client.close()

        before = processor(self.pids)
        threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return (processor(self.pids) - before) / ASKS


def main() -> None:
    """Print each server's cost of a request, and how many times ours it is."""
    (served,) = Path("endpoint", "releases").glob("*/release.json")
    body = request(json.loads(served.with_name("online_features.json").read_text()))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        place = Path(folder)
        sides = {"ours": running.enter_context(ours(place, body))}
        for name, make in (("mlserver", mlserver), ("bentoml", bentoml)):
            words = install(place / name, name)
            sides[name] = running.enter_context(make(place / name, words, served.parent, body))
        for side in sides.values():
            client = HTTPConnection("127.0.0.1", side.port)
            for _ in range(WARM):
                side.ask(client)
            client.close()
            side.pids = tree(side.process.pid)
        costs: dict[str, list[float]] = {name: [] for name in sides}
        medians: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                costs[name].append(side.cost())
                medians[name].append(side.seconds())
    report(costs, medians)


def report(costs: dict[str, list[float]], medians: dict[str, list[float]]) -> None:
    """Print medians over the rounds, with the least and the most, and each ratio."""
    for name, each in costs.items():
        print(f"{name}: {spread([1e6 * one for one in each], 0)} us of processor time a request, ")
        print(f"  {spread([1e6 * one for one in medians[name]], 0)} us over one kept connection")
    for name, wanted in WANTED.items():
        ratios = [other / own for own, other in zip(costs["ours"], costs[name], strict=True)]
        ratio = spread(ratios, 2)
        print(f"requests a core, ours to {name}: {ratio} times (wanted: at least {wanted})")


def request(online: dict[str, Any]) -> bytes:
    """What is asked: the sessions of intent have 30 events, the race to come of f1 20 cars."""
    if "races" in online:
        race = online["races"][-1]["request"]
        asked = {**race, "grid": race["grid"][:20]}
        assert len(asked["grid"]) == 20
    else:
        asked = session(list(online["catalog"]))
    return json.dumps({"requests": [asked]}).encode()


def install(folder: Path, name: str) -> Path:
    """An environment with a peer; returns the folder of its programs."""
    uv = Path(sys.executable).with_name("uv")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run([uv, "venv", "--quiet", "--python", version, folder], check=True)
    python = ["--python", str(folder / "bin" / "python")]
    subprocess.run([uv, "pip", "install", "--quiet", *python, name, *SAME], check=True)
    (folder / "release.py").write_text(RELEASE)
    return folder / "bin"


@contextmanager
def ours(place: Path, body: bytes) -> Iterator[Side]:
    """The model server, on a copy of the endpoint that it follows."""
    endpoint, port = place / "endpoint", servers.free_port()
    shutil.copytree("endpoint", endpoint, ignore=shutil.ignore_patterns("serv*"))
    words = [*servers.MODEL_SERVER, "--problem", PACKAGE, "serve", "--folder", str(endpoint)]
    with started([sys.executable, *words, "--port", str(port)], place, {}) as process:
        yield ready(Side(process, port, "/invocations", body), place)


@contextmanager
def mlserver(place: Path, programs: Path, release: Path, body: bytes) -> Iterator[Side]:
    """MLServer, in one process; the request is a text in its own protocol."""
    ports = {f"{kind}_port": servers.free_port() for kind in ("http", "grpc", "metrics")}
    (place / "model.py").write_text(MLSERVER)
    settings = {"host": "127.0.0.1", "parallel_workers": 0, **ports}
    (place / "settings.json").write_text(json.dumps(settings))
    model = {"name": "model", "implementation": "model.Model"}
    (place / "model-settings.json").write_text(json.dumps(model))
    text = {"name": "request", "shape": [1], "datatype": "BYTES", "data": [body.decode()]}
    asked = json.dumps({"inputs": [text]}).encode()
    command = [str(programs / "mlserver"), "start", str(place)]
    with started(command, place, {"RELEASE": str(release.resolve())}) as process:
        yield ready(Side(process, ports["http_port"], "/v2/models/model/infer", asked), place)


@contextmanager
def bentoml(place: Path, programs: Path, release: Path, body: bytes) -> Iterator[Side]:
    """BentoML with one worker."""
    (place / "model.py").write_text(BENTOML)
    port = servers.free_port()
    command = [str(programs / "bentoml"), "serve", "model:Model", "--port", str(port)]
    command += ["--host", "127.0.0.1", "--working-dir", str(place)]
    variables = {"RELEASE": str(release.resolve()), "BENTOML_HOME": str(place / "home")}
    with started(command, place, {**variables, "BENTOML_DO_NOT_TRACK": "True"}) as process:
        yield ready(Side(process, port, "/invocations", body), place)


@contextmanager
def started(
    command: list[str], place: Path, variables: dict[str, str]
) -> "Iterator[subprocess.Popen[bytes]]":
    """A process with our code on its path, until the end of the block."""
    path = [str(place), str(Path.cwd()), str(LIBRARY.parent.resolve())]
    more = {"PYTHONPATH": os.pathsep.join(path), "PACKAGE": PACKAGE, **variables}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | more, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def ready(side: Side, place: Path) -> Side:
    """The side, once it answers."""
    for _ in range(600):
        assert side.process.poll() is None, (place / "log").read_text()
        try:
            side.ask(HTTPConnection("127.0.0.1", side.port, timeout=20))
            return side
        except (OSError, AssertionError):
            time.sleep(0.1)
    raise SystemExit((place / "log").read_text())


if __name__ == "__main__":
    main()
