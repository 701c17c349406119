"""From raw CSV to the feature table of purchase intent: microseconds an event, peak memory.

Run in a generated intent project: python intent_warehouse.py [FOLDER [EVENTS ...]]
The folder keeps the made-up files for the next time; 36 million events need 12 GB there. The files
are read once before, so that no disk is measured.
"""

import json
import resource
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import duckdb
from purchase_intent import data, features
from purchase_intent.warehouse import local
from smallboat import integrity
from smallboat.samples import made_up

EVENTS_A_SESSION = 7.31
SIZES = (1_000_000, 9_000_000, 36_000_000)
EXAMPLE_US = 27
"""Of the example's way: 2.7 us to read, fill and sort, 24 us to build the sequences."""


def main(folder: Path, sizes: list[int]) -> None:
    """Print a line a size, then how the costs grow and what a day more costs."""
    found = []
    for events in sizes:
        files = folder / str(events)
        if not (files / "sku_to_content.csv").exists():
            files.mkdir(parents=True, exist_ok=True)
            made_up.write(files, round(events / EVENTS_A_SESSION), 2019, "csv")
        # Peak memory is that of a process, and dbt starts anew in each.
        result = measured("--whole", files) | measured("--day", files)
        found.append(result)
        print(
            f"{result['events']:,} events: {result['snapshot']:.1f} s to the snapshot, "
            f"{result['verify']:.2f} s to verify it, "
            f"{result['build']:.1f} s to the warehouse, {result['frame']:.1f} s to the frame of "
            f"{result['rows']:,} rows: {result['us']:.2f} us an event, "
            f"{EXAMPLE_US / result['us']:.1f} times as fast as the example's {EXAMPLE_US} us; "
            f"peak {result['peak_gb']:.2f} GB; {result['cpu']:.0f} s of CPU time; a day more "
            f"{result['day']:.1f} s, {result['day'] / result['seconds']:.2f} of the whole"
        )
    for smaller, larger in pairwise(found):
        print(
            f"an event of {larger['events']:,} costs {larger['us'] / smaller['us']:.2f} times "
            f"one of {smaller['events']:,}"
        )


def measured(what: str, files: Path) -> dict[str, float]:
    """What a process of its own found."""
    words = [sys.executable, __file__, what, str(files)]
    ran = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def whole(files: Path) -> dict[str, float]:
    """The way from the files to the feature table."""
    folder = files / "snapshots" / "whole"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    config = {
        "source": "files", "directory": str(files), "format": "coveo", "warehouse": "duckdb",
        "memory_mb": 3000,
    }  # fmt: skip
    for file in files.glob("*.csv"):
        with file.open("rb") as opened:
            while opened.read(2**24):
                pass
    started = time.perf_counter()
    data.collect(config, folder)
    snapshot = time.perf_counter()
    integrity.seal(folder, integrity.SNAPSHOT, {"previous": None})  # hashes all, as each read does
    sealed = time.perf_counter()
    tables = data.read(folder)
    tables.build()
    built = time.perf_counter()
    frame = features.build(tables)
    ended = time.perf_counter()
    query = f"select sum(events)::bigint from '{folder}/days.parquet'"
    (events,) = duckdb.connect().execute(query).fetchall()[0]
    return {
        "events": events,
        "rows": len(frame),
        "snapshot": snapshot - started,
        "verify": sealed - snapshot,
        "build": built - sealed,
        "frame": ended - built,
        "seconds": ended - started,
        "cpu": time.process_time(),
        "us": (ended - started) / events * 1e6,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def day(files: Path) -> dict[str, float]:
    """A warehouse of which all but the newest day is there, built again."""
    snapshot = files / "snapshots" / "whole"
    before = snapshot.with_name("before")
    shutil.copytree(snapshot, before)
    newest = max(path.stem[-10:] for path in snapshot.glob("browsing-*"))
    for path in before.glob(f"*-{newest}.parquet"):
        path.unlink()
    built = data.read(before).build()
    with duckdb.connect(str(built)) as connection:
        for table in ("snapshot_days", "cart_sessions", "cart_events", "features"):
            connection.execute(f"delete from {table} where day = '{newest}'")
    built.rename(local.named(before, built))
    shutil.rmtree(snapshot / "cache")
    integrity.seal(snapshot, integrity.SNAPSHOT, {"previous": "before"})
    started = time.perf_counter()
    data.read(snapshot).build()
    seconds = time.perf_counter() - started
    shutil.rmtree(files / "snapshots")
    return {"day": seconds}


if __name__ == "__main__":
    if sys.argv[1:2] in (["--whole"], ["--day"]):
        print(json.dumps((whole if sys.argv[1] == "--whole" else day)(Path(sys.argv[2]))))
    else:
        main(
            Path(sys.argv[1] if sys.argv[1:] else ".cache/benchmark"),
            [int(size) for size in sys.argv[2:]] or list(SIZES),
        )
