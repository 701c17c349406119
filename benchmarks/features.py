"""Feature engineering: microseconds a row, best of five.

Run in a generated f1 project: python features.py FOLDER
"""

import sys
import tempfile
import time
from pathlib import Path

from f1_predictor import data, features

EXAMPLE_US_A_ROW = 1500


def main(folder: str) -> None:
    """Print rows, seconds and microseconds a row, beside the example's published 1.5 ms."""
    with tempfile.TemporaryDirectory() as snapshot:
        data.collect({"source": "files", "directory": folder}, Path(snapshot))
        tables = data.read(Path(snapshot))
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        frame = features.build(tables)
        seconds.append(time.perf_counter() - started)
    a_row = min(seconds) / len(frame) * 1e6
    print(f"{len(frame)} rows in {min(seconds):.2f} s: {a_row:.1f} us a row, ", end="")
    print(f"{EXAMPLE_US_A_ROW / a_row:.0f} times the example's {EXAMPLE_US_A_ROW} us")


if __name__ == "__main__":
    main(sys.argv[1])
