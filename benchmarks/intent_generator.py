"""The generator of made-up sessions: events a second and peak memory.

Run in a generated intent project: python intent_generator.py SESSIONS csv|parquet [FOLDER]

The files go into a folder of their own inside FOLDER (else the system's for temporary files) and
are removed. At 4,934,699 sessions they need 3 GB as Parquet and 8 GB as CSV.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from smallboat.samples import made_up
from smallboat.samples.made_up.files import Written

SEED = 2019


def main(sessions: int, written: Written, inside: str | None = None) -> None:
    """Print events, seconds, events a second, peak memory and the files' size."""
    with tempfile.TemporaryDirectory(dir=inside) as name:
        folder = Path(name)
        started, worked = time.perf_counter(), time.process_time()
        made_up.write(folder, sessions, SEED, written)
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        with duckdb.connect() as db:
            db.execute(f"SELECT count(*) FROM '{folder}/browsing_train.{written}'")
            (count,) = db.fetchall()[0]
    print(f"{sessions:,} sessions as {written}: {count:,} events in {seconds:.1f} s, ", end="")
    print(f"{count / seconds:,.0f} a second ({cpu:.1f} s of CPU time), ", end="")
    print(f"peak memory {peak:.0f} MiB, files {size:,.0f} MB")


if __name__ == "__main__":
    written: Written = "csv" if sys.argv[2] == "csv" else "parquet"
    main(int(sys.argv[1]), written, *sys.argv[3:])
