"""The trained models in the store: which there are, how good they are, and their reports."""

import argparse
import json
import os
import sys
import webbrowser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..config import config
from ..errors import UserError, nearest
from ..release import targets
from ..reports import report
from . import store

NONE = "no runs yet: `make train` makes one"


def show(options: argparse.Namespace) -> int:
    """Print all runs, the newest first."""
    from ..metrics import PRIMARY

    settings = config.load(options.env)
    root = settings.store.root
    found, notes = kept(root), [told(names) for names in [left_out(root)] if names]
    try:
        released = targets.of(settings).current() or {}
    except UserError as error:
        released, notes = {}, [*notes, str(error)]
    shown = [each | {"release": _released(run, released)} for run, each in found.items()]
    print("\n".join([report.runs(shown, PRIMARY) if found else NONE, *notes]))
    return 0


def card(options: argparse.Namespace) -> int:
    """Open a run's report in the browser, or say where it lies."""
    root = config.load(options.env).store.root
    run = pick(options.run, kept(root), left_out(root))
    page = store.run_folder(root, run) / "report.html"
    if not page.is_file():
        raise UserError(f"run {run} has no report: `make train` makes a run that has one")
    os.environ.pop("TERM", None)  # a text browser, which would take over the terminal, asks for it
    shown = _display() and webbrowser.open(page.resolve().as_uri())
    print(page if shown else f"{page}\nno browser can show it from here: open it in yours")
    return 0


def kept(root: str) -> dict[str, dict[str, Any]]:
    """The evaluations in the store by run, the newest first, but for those that are left out."""
    ours = [evaluation for evaluation in _evaluations(root).values() if evaluation is not None]
    ours.sort(key=lambda each: (str(each.get("created") or ""), each["run"]), reverse=True)
    return {evaluation["run"]: evaluation for evaluation in ours}


def left_out(root: str) -> list[str]:
    """The folders whose evaluation can't be read, or is of another run."""
    return sorted(run for run, found in _evaluations(root).items() if found is None)


def told(left_out: list[str]) -> str:
    """A line about the folders that are left out."""
    return f"left out: {', '.join(left_out)}: evaluation.json can't be read, or is of another run"


def pick(run: str | None, newest_first: Iterable[str], left_out: Iterable[str] = ()) -> str:
    """The run that was asked for, or the newest; UserError if there is no such run."""
    known = list(newest_first)
    if run is not None and run in left_out:
        raise UserError(f"the evaluation.json of run {run} can't be read, or is of another run")
    if not known:
        raise UserError(NONE)
    if run is None:
        return known[0]
    if run not in known:
        raise UserError(f"there is no run {run!r}: {nearest(run, known)}")
    return run


def _released(run: str, release: dict[str, Any]) -> str:
    """What of a run is served: its model, its look-up features, both or nothing."""
    parts = {"run": "model", "features_run": "features"}
    return " and ".join(says for part, says in parts.items() if release.get(part) == run)


def _evaluations(root: str) -> dict[str, dict[str, Any] | None]:
    """What the evaluation.json in each folder of the store's runs says, None if that is no use."""
    return {path.parent.name: _evaluation(path) for path in store.evaluations(root)}


def _evaluation(path: Path) -> dict[str, Any] | None:
    try:
        evaluation = store.read_json(path)
    except (OSError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    ours = isinstance(evaluation, dict) and evaluation.get("run") == path.parent.name
    return evaluation if ours else None


def _display() -> bool:
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
