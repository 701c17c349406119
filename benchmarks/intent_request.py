"""One prediction for a session of 30 events through the model server: median and 95th percentile.

Run in a generated intent project after `make train` and `make deploy`: python intent_request.py.
It asks over one kept-alive connection, once with the reasons that `POST /predict` gives and once
without.
"""

import http.client
import json
import random
import statistics
import time
from pathlib import Path

from serving import server

ASKS, EVENTS = 2000, 30
BEGAN = 1_552_000_000_000


def main() -> None:
    """Print both."""
    release = next(Path("endpoint", "releases").glob("*/release.json"))
    chance = random.Random(1)
    skus = list(json.loads((release.parent / "lookup.json").read_text())["catalog"])
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
    with server(release.parent, "onnx") as ours:
        for explain in (True, False):
            body = json.dumps({"requests": [{"events": events}], "explain": explain}).encode()
            client = http.client.HTTPConnection("127.0.0.1", ours.port)
            taken = []
            for _ in range(ASKS):
                started = time.perf_counter()
                ours.ask(client, body)
                taken.append(1000 * (time.perf_counter() - started))
            client.close()
            cuts = statistics.quantiles(taken, n=20)
            print(f"explained: {explain}: median {statistics.median(taken):.2f} ms, ", end="")
            print(f"95 of 100 within {cuts[-1]:.2f} ms, fastest {min(taken):.2f} ms")


if __name__ == "__main__":
    main()
