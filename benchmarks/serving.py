"""The model server against the same server with another answer, both in one run.

Run in a generated project after `make train`: python serving.py. The release's model is XGBoost
with 200 trees. "constant" answers without reading the question; "pickle" unpickles the estimator
and predicts from a DataFrame; "usual" does so with a pipeline that also one-hot encodes the text
columns and scales the numbers, as most projects do.
"""

import http.client
import json
import os
import pickle
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

PACKAGE = next(Path().glob("*/problem.py")).parts[0]
LIBRARY = Path("vendor/smallboat/smallboat")
HEADERS = {"Content-Type": "application/json"}
ROUNDS, ASKS = 5, 1500
MANY, SWITCHES = 100_000, 10
CONNECTIONS = 4

# What a side adds to the end of a module of the server.
SIDES = {
    "onnx": {},
    "constant": {
        "invocation.py": """
def parse(problem, mimetype, body):
    return {"describe": True}
""",
        "model.py": """
class Release(Release):
    def __init__(self, problem, folder):
        super().__init__(problem, folder)
        example = json.loads(self.described)["example"].items()
        row = {key: each[:1] if isinstance(each, list) else each for key, each in example}
        self.described = json.dumps(self.predict([row], explain=False)).encode()
""",
    },
    "pickle": {
        "model.py": """
import pickle
import pandas
class Release(Release):
    def __init__(self, problem, folder):
        self.estimator = pickle.loads((folder / "pickle").read_bytes())
        super().__init__(problem, folder)
    def _run(self, features):
        frame = pandas.DataFrame(features, columns=list(self._service.NAMES))
        return np.asarray(self.estimator.predict(frame), dtype=np.float64)
"""
    },
    "usual": {
        "model.py": """
import pickle
import pandas
class Release(Release):
    def __init__(self, problem, folder):
        self.estimator = pickle.loads((folder / "usual").read_bytes())
        super().__init__(problem, folder)
    def _run(self, features):
        frame = pandas.DataFrame(features, columns=list(self._service.NAMES))
        frame = frame.assign(entity="one", constructor="two", circuit="three")
        return np.asarray(self.estimator.predict(frame), dtype=np.float64)
"""
    },
}
TEXTS = ["entity", "constructor", "circuit"]


def main() -> None:
    """Print each number beside the wanted one."""
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder, "release")
        body = make(release)
        with server(release, "onnx") as ours, server(release, "constant") as constant:
            print(f"start to first answer: {ours.seconds:.2f} s (wanted: at most 1)")
            medians: dict[str, list[float]] = {"onnx": [], "constant": []}
            for _ in range(ROUNDS):
                for name, side in (("onnx", ours), ("constant", constant)):
                    medians[name].append(side.median(body))
            onnx, same = (statistics.median(medians[name]) for name in ("onnx", "constant"))
            print(f"one row: {onnx * 1e6:.0f} us, constant {same * 1e6:.0f} us: ", end="")
            print(f"{onnx / same:.2f} times (wanted: at most 1.7)")
        for other in ("pickle", "usual"):
            with server(release, "onnx") as ours, server(release, other) as unpickled:
                ours.load(body, ASKS)
                unpickled.load(body, 200)
                rates = [(ours.load(body, 4 * ASKS), unpickled.load(body, ASKS)) for _ in range(3)]
                rate, slow = (statistics.median(each) for each in zip(*rates, strict=True))
                print(f"requests a second of a core: {rate:.0f}, {other} {slow:.0f}: ", end="")
                print(f"{rate / slow:.1f} times (wanted: at least 8)", flush=True)
        soak(release, body)
    print(f"installed: {installed():.0f} MB (wanted: at most 160)")


def soak(release: Path, body: bytes) -> None:
    """Print what many requests and some switches of the release leave behind."""
    endpoint = release.with_name("endpoint")
    for name in ("one", "two"):
        shutil.copytree(release, endpoint / "releases" / name)
    point(endpoint, "one")
    with server(endpoint, "onnx") as ours:
        for name in ("two", "one"):
            point(endpoint, name)
            ours.load(body, 5000)
        time.sleep(0.5)  # until the last connections are closed
        before, descriptors = ours.memory(), ours.descriptors()
        for number in range(SWITCHES):
            point(endpoint, ("two", "one")[number % 2])
            ours.load(body, MANY // SWITCHES)
        switched = Path(ours.log).read_text().count("is served") - 3
        time.sleep(0.5)
        print(f"memory over {MANY:,} requests and {switched} switches: ", end="")
        print(f"{before / 2**20:.1f} MiB, ", end="")
        print(f"{100 * (ours.memory() / before - 1):+.1f} % (wanted: within 5)")
        print(f"open files before and after: {descriptors}, {ours.descriptors()} (wanted: equal)")


def point(endpoint: Path, release: str) -> None:
    """Switch an endpoint's folder to a release."""
    (endpoint / "new").write_text(release)
    (endpoint / "new").rename(endpoint / "current")


def make(release: Path) -> bytes:
    """A release of the sample in a folder, with the pickled estimator; returns a one-row body."""
    sys.path.insert(0, str(Path.cwd()))
    from sklearn.base import clone
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from smallboat import integrity
    from smallboat import problem as problems
    from smallboat.config import config
    from smallboat.store import bundle, store
    from smallboat.training import training
    from smallboat.validation import preparation
    from xgboost import XGBRegressor

    problem = problems.of(PACKAGE)
    columns, service = training.columns(problem), problem.service
    trained = max(path for path in Path("store/runs").iterdir() if path.name.isdigit())
    online = (trained / "online_features.json").read_bytes()
    root = tempfile.mkdtemp(dir=release.parent)
    snapshot = store.make_snapshot(problem, root, config.load(problem, "local").data.model_dump())
    frame, _, _ = preparation.engineer(problem, root, snapshot)
    trees = XGBRegressor(n_estimators=200, max_depth=6, n_jobs=1, random_state=1)
    model = make_pipeline(SimpleImputer(), trees)
    model.fit(frame[columns], frame["target"])
    encoded = ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="ignore"), TEXTS),
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), columns),
        ]
    )
    usual = make_pipeline(encoded, clone(trees)).fit(frame, frame["target"])
    graph = bundle.to_onnx(model, len(columns), problem.candidates.OUTPUT)
    signature = json.loads((trained / "signature.json").read_text())
    facts = {
        "run": trained.name,
        "model_hash": bundle.model_hash(graph, signature),
        "online_features_hash": sha256(online).hexdigest()[:16],
        "features_as_of": json.loads(online)["as_of"],
    }
    facts["release"] = f"{facts['model_hash']}-{facts['online_features_hash']}"
    files = {
        "model.onnx": graph,
        "evaluation_model.onnx": graph,
        "pickle": pickle.dumps(model),
        "usual": pickle.dumps(usual),
        **{
            name: (trained / name).read_bytes()
            for name in ("signature.json", "evaluation.json", "online_features.json")
        },
    }
    release.mkdir()
    for name, content in files.items():
        (release / name).write_bytes(content)
    integrity.seal(release, integrity.RELEASE, facts)
    example = service.example(json.loads(online)).items()
    row = {key: each[:1] if isinstance(each, list) else each for key, each in example}
    return json.dumps({"requests": [row]}).encode()


class Server:
    """A server that runs."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", port: int, seconds: float, log: Path
    ) -> None:
        self.process, self.port, self.seconds, self.log = process, port, seconds, log

    def ask(self, client: http.client.HTTPConnection, body: bytes) -> None:
        """One request over a kept connection."""
        client.request("POST", "/invocations", body, HEADERS)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200

    def median(self, body: bytes) -> float:
        """Seconds of a request over one kept-alive connection."""
        client = http.client.HTTPConnection("127.0.0.1", self.port)
        taken = []
        for _ in range(ASKS):
            started = time.perf_counter()
            self.ask(client, body)
            taken.append(time.perf_counter() - started)
        client.close()
        return statistics.median(taken)

    def load(self, body: bytes, asks: int) -> float:
        """Requests for a second of processor time, asked over a few connections."""

        def ask() -> None:
            client = http.client.HTTPConnection("127.0.0.1", self.port)
            for _ in range(asks // CONNECTIONS):
                self.ask(client, body)
            client.close()

        before = processor(self.workers())
        threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return asks / (processor(self.workers()) - before)

    def workers(self) -> list[int]:
        """Its processes."""
        return tree(self.process.pid)

    def memory(self) -> int:
        """Bytes of all workers that stand in memory."""
        pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in self.workers()]
        return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """Open files of all workers, connections included."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.workers())


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [pid, *(below for child in children for below in tree(child))]


def processor(pids: list[int]) -> float:
    """Seconds of processor time that processes took."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(release: Path, side: str) -> Iterator[Server]:
    """One side, from its first answer on."""
    here = Path(tempfile.mkdtemp(dir=release.parent))
    shutil.copytree(LIBRARY, here / "smallboat")
    code = here / "smallboat" / "serving" / "model"
    for name, more in SIDES[side].items():
        (code / name).write_text((code / name).read_text() + more)
    log = here / "log"
    words = ["-m", "smallboat.serving.model", "--problem", PACKAGE, "serve"]
    words += ["--folder", str(release), "--port", "0"]
    found_first = {"PYTHONPATH": os.pathsep.join([str(here), "."])}
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | found_first,
        )
    try:
        while not (found := re.search(r"Listening at: \S+:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        port = int(found[1])
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.request("POST", "/invocations", b'{"describe": true}', HEADERS)
        assert client.getresponse().status == 200, log.read_text()
        yield Server(process, port, time.perf_counter() - started, log)
    finally:
        process.terminate()
        process.wait()


def installed() -> float:
    """Megabytes of an environment with what the server needs, without Python itself."""
    with tempfile.TemporaryDirectory() as folder:
        uv = Path(sys.executable).with_name("uv")
        words = ["pip", "install", "--quiet", "--target", folder]
        requirements = ["--requirement", "serving/model/requirements.txt"]
        subprocess.run([uv, *words, *requirements], check=True)
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in files) / 1e6


if __name__ == "__main__":
    main()
