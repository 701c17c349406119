"""What `make runs` and `make card` do."""

import os
import sys
import webbrowser
from typing import Any

from ..config import config
from ..errors import UserError
from ..problem import Problem
from ..reports import report
from ..store import runs, store
from . import targets


def show(problem: Problem, environment: str) -> int:
    """Print all runs, the newest first."""
    settings = config.load(problem, environment)
    root = settings.store.root
    found, notes = runs.evaluations(root), runs.skipped_lines(runs.skipped(root))
    try:
        released = targets.of(problem, settings).current() or {}
    except UserError as error:
        released, notes = {}, [*notes, str(error)]
    shown = [each | {"release": _released(run, released)} for run, each in found.items()]
    print("\n".join([report.runs(shown, problem.metrics.PRIMARY) if found else runs.NONE, *notes]))
    return 0


def card(problem: Problem, environment: str, run: str | None) -> int:
    """Open a run's report in the browser, or say where it lies."""
    root = config.load(problem, environment).store.root
    run = runs.pick(run, runs.evaluations(root), runs.skipped(root))
    page = store.run_folder(root, run) / "report.html"
    os.environ.pop("TERM", None)  # a text browser, which would take over the terminal, asks for it
    shown = _display() and webbrowser.open(page.resolve().as_uri())
    print(page if shown else f"{page}\nno browser can show it from here: open it in yours")
    return 0


def _released(run: str, release: dict[str, Any]) -> str:
    """What of a run is served: its model, its online features, both or nothing."""
    parts = {"run": "model", "features_run": "features"}
    return " and ".join(message for part, message in parts.items() if release.get(part) == run)


def _display() -> bool:
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
