"""The runs in the store and their evaluations."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import integrity
from ..errors import IntegrityError, UserError, nearest
from . import store

NONE = "no runs yet: `make train` makes one"


def evaluations(root: str) -> dict[str, dict[str, Any]]:
    """The evaluations in the store by run, the newest first, without those that are `skipped`."""
    valid = [each for each in _read(root).values() if not isinstance(each, str)]
    valid.sort(key=lambda each: (str(each.get("created") or ""), each["run"]), reverse=True)
    return {evaluation["run"]: evaluation for evaluation in valid}


def skipped(root: str) -> dict[str, str]:
    """Why a run can't be used, by the name of its folder."""
    return {run: reason for run, reason in sorted(_read(root).items()) if isinstance(reason, str)}


def skipped_lines(skipped: Mapping[str, str]) -> list[str]:
    """A line about each run that is skipped."""
    return [f"skipped: {reason}" for reason in skipped.values()]


def pick(
    run: str | None, newest_first: Iterable[str], skipped: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The given run, or the newest if none is given; UserError if there is no such run."""
    known = list(newest_first)
    if run is not None and run in skipped:
        raise UserError(skipped[run])
    if not known:
        raise UserError(next(iter(skipped.values()), NONE))
    if run is None:
        return known[0]
    if run not in known:
        raise UserError(f"there is no run {run!r}: {nearest(run, known)}")
    return run


def _read(root: str) -> dict[str, dict[str, Any] | str]:
    """The evaluation of each run, or why it can't be used."""
    return {path.parent.name: _evaluation(path) for path in store.evaluation_files(root)}


def _evaluation(path: Path) -> dict[str, Any] | str:
    try:
        evaluation, _ = integrity.read_manifest(path.parent, path.name)
    except IntegrityError as error:
        return str(error)
    matches = evaluation.get("run") == path.parent.name
    return evaluation if matches else f"{path} belongs to another run"
