"""Prints the table; make runs it with any Python, and without changing the caller's variables."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rows import Row

LIBRARY = Path(__file__).resolve().parents[2]
STEPS = ("newest run", "release")
"""Rows whose `to_do` is the step that comes next."""


def main() -> int:
    """Print what was found; 0 if everything that local work needs is there, else 2."""
    if not __package__:  # make runs this folder, and -I hides what lies around it
        sys.path[0] = str(LIBRARY)
    from smallboat.doctor import machine, rows, surroundings

    parser = argparse.ArgumentParser(prog="make doctor", description=__doc__)
    parser.add_argument("--env", default="local")
    environment = parser.parse_args().env
    found = machine.rows()
    found += surroundings.rows(environment)
    if machine.usable(found):
        found += _of_the_project(environment)
    elif environment != "local":
        to_do = f"make setup, then make doctor ENV={environment}"
        found.append(rows.Row(f"ENV={environment}", rows.NOTE, "not looked at yet", "", to_do))
    terminal = sys.stdout.isatty()
    print(rows.table(found, rows.columns(terminal), terminal))
    missing = rows.failed(found)
    if missing:
        print("\nnot ready for local work: {}".format(", ".join(missing)))
        return 2
    others = [row.name for row in found if row.state in (rows.MISSING, rows.WRONG)]
    if others:
        print("\nmissing or wrong, for other than local work: {}".format(", ".join(others)))
    print("\neverything that local work needs is there" + _next(found))
    return 0


def _next(found: "list[Row]") -> str:
    """The step that comes next: the first that a row names; none if the model is served."""
    steps = [row.to_do for row in found if row.name in STEPS] or ["make train"]
    return next(("; next: " + step for step in steps if step.startswith("make ")), "")


def _of_the_project(environment: str) -> "list[Row]":
    """What the Python of `.venv` finds."""
    from smallboat import process_environment
    from smallboat.doctor import machine, rows

    python = str(machine.VENV / "bin" / "python")
    command = [python, "-I", process_environment.__file__]
    again = [python, "-m", "smallboat.doctor.project", "--env", environment]
    done = subprocess.Popen(command + again, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = done.communicate()[0].decode(errors="replace")
    found = re.search(r"(?m)\[\[.*\]\]$", output)  # its code may print, or end the process
    if done.returncode or not found:
        to_do = "see why: " + " ".join(again)
        return [rows.Row("project", rows.WRONG, "its code can't be loaded", "", to_do, True)]
    return [rows.Row(*values) for values in json.loads(found.group(0))]


if __name__ == "__main__":
    sys.exit(main())
