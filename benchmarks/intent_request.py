"""One prediction for a session of 30 events through the model server: median and 95th percentile.

Run in a generated intent project after `make train` and `make deploy`: python intent_request.py.
It asks over one connection, without the reasons that `POST /predict` gives and with them.
"""

import http.client
import json
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from serving import Server, server

ASKS, EVENTS = 2000, 30
BEGAN = 1_552_000_000_000


def main() -> None:
    """Print both."""
    (served,) = Path("endpoint", "releases").glob("*/release.json")
    asked = session(
        list(json.loads(served.with_name("online_features.json").read_text())["catalog"])
    )
    plain, explained = (
        json.dumps({"requests": [asked], "explain": explain}).encode() for explain in (False, True)
    )
    with tempfile.TemporaryDirectory() as folder:
        release = Path(shutil.copytree(served.parent, Path(folder, "release")))
        with server(release, "onnx") as ours:
            report("a prediction", ours, plain)
            report("with reasons", ours, explained)


def session(skus: list[str]) -> dict[str, Any]:
    """A request of 30 events, on some of these products."""
    chance = random.Random(1)
    events = [
        {
            "action": "add" if at == 9 else chance.choice(["view", "detail", "detail", "search"]),
            "time": BEGAN + 20_000 * at,
        }
        for at in range(EVENTS)
    ]
    for event in events:
        if event["action"] in ("detail", "add"):
            event["sku"] = chance.choice(skus)
    return {"events": events}


def report(what: str, asked: Server, body: bytes) -> None:
    """Print how long answers take."""
    client = http.client.HTTPConnection("127.0.0.1", asked.port)
    taken = []
    for _ in range(ASKS):
        started = time.perf_counter()
        asked.ask(client, body)
        taken.append(1000 * (time.perf_counter() - started))
    client.close()
    cuts = statistics.quantiles(taken, n=20)
    print(f"{what}: median {statistics.median(taken):.2f} ms, ", end="")
    print(f"95 of 100 within {cuts[-1]:.2f} ms, fastest {min(taken):.2f} ms")


if __name__ == "__main__":
    main()
