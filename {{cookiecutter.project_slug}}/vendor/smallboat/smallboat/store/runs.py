"""The trained models in the store: which there are, and how good they are."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import UserError, nearest
from . import store

NONE = "no runs yet: `make train` makes one"


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
