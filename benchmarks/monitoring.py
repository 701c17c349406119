"""What capture costs the API, and what the archive of captured requests takes, in a project.

python monitoring.py 1000000

In a deployed project: throughput of two APIs before one model server, with and without capture, in
turn; then so many lines like the captured ones, each with another time, id and key, are collected
and read in windows.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from api_load import Load
from smallboat import problem as problems
from smallboat.captured import archive
from smallboat.config import config
from smallboat.serving import servers, serving

ROUNDS, REQUESTS, CONNECTIONS = 40, 300, 16
FILES = 16
"""Captured files: the API keeps the current one and 15 rotated ones."""
DAYS = 14
TICKS = os.sysconf("SC_CLK_TCK")


def main(count: int) -> None:
    """Measure both."""
    package = next(path.parent.name for path in Path.cwd().glob("*/problem.py"))
    problem = problems.of(package)
    settings = config.load(problem, "local")
    with tempfile.TemporaryDirectory(dir=".") as temporary:
        folder = Path(temporary)
        captured = folder / "seen.jsonl"
        with ExitStack() as running:
            model = running.enter_context(
                servers.model_server(problem, Path("endpoint"), (folder / "log").open("wb"))
            )
            apis = {}
            for capture in ("off", str(captured)):
                api = settings.api.model_copy(update={"capture": capture})
                chosen = settings.model_copy(update={"api": api})
                port = servers.free_port()
                apis[capture] = running.enter_context(serving._api(chosen, model.url, port))
            throughput(model, apis["off"], apis[str(captured)])
        multiply(captured, folder / "captured.jsonl", count)
        collected(problem, settings, folder)


def throughput(model: Any, *apis: Any) -> None:
    """Requests a second, and processor time of each server, in turn so that both see the same.

    The first API does not capture, the second does.
    """
    rates: list[list[float]] = [[], []]
    cost = [[0.0, 0.0], [0.0, 0.0]]
    for _ in range(ROUNDS):
        for rate, used, api in zip(rates, cost, apis, strict=True):
            load, started = Load(api.url), time.monotonic()
            before = [processor(server.process.pid) for server in (api, model)]
            load.run(CONNECTIONS, REQUESTS, lambda number: time.monotonic())
            assert not load.errors, load.errors[:3]
            rate.append(REQUESTS / (time.monotonic() - started))
            for place, server in enumerate((api, model)):
                used[place] += processor(server.process.pid) - before[place]
    ratios = sorted(on / off for off, on in zip(*rates, strict=True))
    off, on = (median(rate) for rate in rates)
    quarters = ratios[ROUNDS // 4], ratios[-ROUNDS // 4]
    print(f"requests a second: {off:.0f} without capture, {on:.0f} with it, ratio "
          f"{median(ratios):.3f} ({quarters[0]:.3f} to {quarters[1]:.3f})")  # fmt: skip
    for place, name in enumerate(("API", "model server")):
        without, with_ = (1000 * used[place] / ROUNDS / REQUESTS for used in cost)
        print(f"processor time of the {name}: {without:.3f} and {with_:.3f} ms a request, "
              f"ratio {with_ / without:.3f}")  # fmt: skip


def processor(pid: int) -> float:
    """Seconds of processor time that a process and its children have taken."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / TICKS
    return own + sum(processor(int(child)) for child in children)


def multiply(seen: Path, path: Path, count: int) -> None:
    """Write so many lines like those seen, the oldest into the file that was rotated first."""
    records = [json.loads(line) for line in seen.read_text().splitlines()[:2000]]
    ends = [json.dumps({k: v for k, v in each.items() if k not in ("time", "id", "keys")},
                       separators=(",", ":"))[1:] for each in records]  # fmt: skip
    began = datetime.fromisoformat(records[0]["time"]) - timedelta(days=DAYS)
    each = timedelta(days=DAYS) / count
    size = count // FILES
    for rotated in range(FILES - 1, -1, -1):
        name = f"{path}.{rotated}" if rotated else str(path)
        first = (FILES - 1 - rotated) * size
        with open(name, "w") as file:
            for number in range(first, first + size):
                head = {
                    "time": (began + number * each).isoformat(timespec="milliseconds"),
                    "id": f"{number:032x}",
                    "keys": [f"session {number // 3}/{number % 3}"],
                }
                file.write(json.dumps(head)[:-1] + "," + ends[number % len(ends)] + "\n")
    print(
        f"{FILES * size:,} lines, {sum(p.stat().st_size for p in path.parent.glob('cap*')):,} bytes"
    )


def collected(problem: Any, settings: config.Settings, folder: Path) -> None:
    """Seconds and memory of collecting the lines, and of reading them in windows of a day."""
    root = str(folder / "store")
    api = settings.api.model_copy(update={"capture": str(folder / "captured.jsonl")})
    store = settings.store.model_copy(update={"root": root})
    chosen = settings.model_copy(update={"api": api, "store": store})
    works: list[tuple[str, Callable[[], int]]] = [
        ("collect", lambda: archive.collect(problem, chosen).new),
        ("collect again", lambda: archive.collect(problem, chosen).new),
        ("windows", lambda: sum(each.rows for each in archive.windows(root, None, 500, 1))),
        ("traffic", lambda: int(archive.traffic(root, None)["requests"].sum())),
    ]
    for name, work in works:
        started, before = time.monotonic(), time.process_time()
        found = work()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{name}: {time.monotonic() - started:.1f} s ({time.process_time() - before:.1f} s "
              f"of processors), {found:,}, peak {peak:.2f} GiB")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]))
