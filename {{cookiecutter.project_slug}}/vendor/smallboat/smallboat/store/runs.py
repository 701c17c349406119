"""The trained models in the store: which there are, and how good they are."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import integrity
from ..errors import IntegrityError, UserError, nearest
from . import store

NONE = "no runs yet: `make train` makes one"


def kept(root: str) -> dict[str, dict[str, Any]]:
    """The evaluations in the store by run, the newest first, but for those that are left out."""
    ours = [found for found in _evaluations(root).values() if not isinstance(found, str)]
    ours.sort(key=lambda each: (str(each.get("created") or ""), each["run"]), reverse=True)
    return {evaluation["run"]: evaluation for evaluation in ours}


def skipped(root: str) -> dict[str, str]:
    """Why a run is left out, by the name of its folder."""
    found = sorted(_evaluations(root).items())
    return {run: why for run, why in found if isinstance(why, str)}


def skipped_lines(skipped: Mapping[str, str]) -> list[str]:
    """A line about each run that is left out."""
    return [f"left out: {why}" for why in skipped.values()]


def pick(
    run: str | None, newest_first: Iterable[str], skipped: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The run that was asked for, or the newest; UserError if there is no such run."""
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


def _evaluations(root: str) -> dict[str, dict[str, Any] | str]:
    """The evaluation of each run in the store, or why it is of no use."""
    return {path.parent.name: _evaluation(path) for path in store.evaluations(root)}


def _evaluation(path: Path) -> dict[str, Any] | str:
    try:
        evaluation, _ = integrity.read(path.parent, path.name)
    except IntegrityError as error:
        return str(error)
    ours = evaluation.get("run") == path.parent.name
    return evaluation if ours else f"{path} is of another run"
