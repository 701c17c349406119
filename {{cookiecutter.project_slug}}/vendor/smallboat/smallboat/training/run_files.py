"""The files that Metaflow keeps of the runs on this machine, in `.metaflow`.

Metaflow has no command that removes a run. An artifact is a file in `data`, named by its hash, and
runs with equal artifacts share it; `N.data.json` of a task's attempt N lists those of the attempt.
"""

import json
from collections.abc import Collection
from pathlib import Path

from ..errors import UserError

ROOT = Path(".metaflow")


def folders(flow: str, run: str) -> list[Path]:
    """The folders of a run: its cards, and its tasks, by which Metaflow knows it."""
    found = [ROOT / "mf.cards" / flow / "runs" / run, ROOT / flow / run]
    return [folder for folder in found if folder.is_dir()]


def unused_artifacts(flow: str, removed: Collection[str]) -> list[Path]:
    """The files of artifacts that no run has but those that are removed.

    Raises:
        UserError: it can't be read which ones another run has.
    """
    data = ROOT / flow / "data"
    others = [run for run in (ROOT / flow).glob("*") if run.name not in removed and run != data]
    used = {digest for run in others for digest in _artifacts(run)}
    return [file for file in data.glob("*/*") if file.name.removesuffix("_meta") not in used]


def _artifacts(run: Path) -> set[str]:
    """The hashes of a run's artifacts; an attempt that was killed may have listed none."""
    found: set[str] = set()
    for file in run.glob("*/*/*.data.json"):
        try:
            found.update(json.loads(file.read_bytes())["objects"].values())
        except (ValueError, KeyError, AttributeError, TypeError):
            if file.with_name(f"{file.name.partition('.')[0]}.DONE.lock").exists():
                raise UserError(
                    f"{file} can't be read, so the artifacts of run {run.name} are unknown: "
                    f"restore it, or remove {run}"
                ) from None
    return found
