"""Latency of a served API.

python api_load.py http://127.0.0.1:8000

50 requests a second for 20 s, each timed from when it was due; then 10,000 over 32 connections.
"""

import http.client
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit
from urllib.request import urlopen

RATE, SECONDS = 50, 20
REQUESTS, CONNECTIONS = 10_000, 32
HEADERS = {"Content-Type": "application/json"}


class Load:
    """Sends one request again and again, over several kept-alive connections."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).netloc
        with urlopen(f"{url}/page.json") as answer:
            self.body = json.dumps(json.load(answer)["example"])
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def run(self, connections: int, count: int, due: Callable[[int], float]) -> None:
        """Send `count` requests; `due` says when, on the monotonic clock, and waits for it."""
        numbers, lock = iter(range(count)), threading.Lock()
        work = [
            threading.Thread(target=self._work, args=(numbers, lock, due))
            for _ in range(connections)
        ]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()

    def _work(
        self, numbers: Iterator[int], lock: threading.Lock, due: Callable[[int], float]
    ) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            began = due(number)
            try:
                connection.request("POST", "/predict", self.body, HEADERS)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    self.errors.append(f"{answer.status} {text[:200]!r}")
            except OSError as error:
                self.errors.append(repr(error))
                connection.close()
            self.seconds.append(time.monotonic() - began)

    def report(self, name: str) -> None:
        """Print quantiles and errors."""
        ordered = sorted(self.seconds)
        p50, p99 = (1000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
        print(f"{name}: median {p50:.1f} ms, p99 {p99:.1f} ms, {len(self.errors)} errors")
        for error in itertools.islice(self.errors, 3):
            print(f"  {error}")


def main(url: str) -> None:
    """Measure both loads."""
    steady = Load(url)
    start = time.monotonic() + 0.2

    def paced(number: int) -> float:
        moment = start + number / RATE
        time.sleep(max(0.0, moment - time.monotonic()))
        return moment

    steady.run(8, RATE * SECONDS, paced)
    steady.report(f"{RATE} requests a second")
    full = Load(url)
    full.run(CONNECTIONS, REQUESTS, lambda number: time.monotonic())
    full.report(f"{REQUESTS:,} requests over {CONNECTIONS} connections")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
