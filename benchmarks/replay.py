"""Replay seasons as operation: how long it takes, and how often retraining would have paid off.

Run in a generated f1 project: python replay.py FOLDER FIRST LAST
It makes a snapshot of the tables in the folder and removes what earlier replays left in the cache.
"""

import shutil
import subprocess
import sys
import time


def main(folder: str, first: str, last: str) -> None:
    """Print the table of policies, and the seconds of a first and of a second replay."""
    made("data", "--source", "files", "--dir", folder)
    shutil.rmtree(".cache/replay", ignore_errors=True)
    for what in ("first", "again"):
        started = time.perf_counter()
        text = made("replay", "--from", first, "--to", last)
        print(f"make replay FROM={first} TO={last}, {what}: {time.perf_counter() - started:.0f} s")
    print(text.partition("\n\n")[2])


def made(*command: str) -> str:
    """What a command of the project prints."""
    done = subprocess.run([".venv/bin/smallboat", *command], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.stdout)
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
