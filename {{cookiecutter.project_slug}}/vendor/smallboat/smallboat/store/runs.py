"""The runs in the store and their evaluations."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import integrity
from ..errors import IntegrityError, UserError, nearest
from . import s3_cache

Evaluation = dict[str, Any]
NONE = "no runs yet: `make train` makes one"


def read(root: str) -> tuple[dict[str, Evaluation], dict[str, str]]:
    """The evaluations in the store by run, the newest first, and why other runs can't be used."""
    valid, skipped = [], {}
    for path in s3_cache.fetch(root, "runs", f"/{integrity.EVALUATION}"):
        run = path.parent.name
        try:
            valid.append(_evaluation(path))
        except IntegrityError as error:
            skipped[run] = str(error)
    valid.sort(key=lambda each: (str(each.get("created") or ""), each["run"]), reverse=True)
    return {evaluation["run"]: evaluation for evaluation in valid}, skipped


def evaluations(root: str) -> dict[str, Evaluation]:
    """The evaluations that `read` returns."""
    return read(root)[0]


def created(root: str, run: str) -> str:
    """When a run was made; "" if the store has no such run, or one that was changed."""
    try:
        found = [
            _evaluation(path) for path in s3_cache.fetch(root, f"runs/{run}", integrity.EVALUATION)
        ]
    except IntegrityError:
        return ""
    return str(found[0].get("created") or "") if found else ""


def summary(evaluation: Evaluation) -> dict[str, Any] | None:
    """The deciding metric on test: `metric`, `value`, `interval`, `baseline`; None if unknown."""
    metric = str(evaluation.get("primary"))
    try:
        value, interval, baseline = (
            evaluation[part]["test"][metric] for part in ("metrics", "intervals", "baseline")
        )
    except KeyError:  # of an older library, or of a run without a winner
        return None
    return {"metric": metric, "value": value, "interval": interval, "baseline": baseline}


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


def _evaluation(path: Path) -> Evaluation:
    evaluation, _ = integrity.read_manifest(path.parent, path.name)
    if evaluation.get("run") != path.parent.name:
        raise IntegrityError(f"{path} belongs to another run")
    return evaluation
