"""`make replay FROM= TO=`: past seasons or days as operation, under four retraining policies."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..config import config
from ..errors import UserError
from ..problem import Problem
from ..reports import replay as report
from ..store import s3_cache, store
from ..training import training
from ..validation import preparation, validation
from ..words import counted
from . import calendar, operation, policies, processes, results
from .cache import Cache
from .monitor import Monitor
from .protocol import Release, Trainer, Winner

Json = dict[str, Any]


def replay(problem: Problem, environment: str, first: str, last: str) -> int:
    """Replay the dates from FROM to TO on the newest snapshot; print and save what it found."""
    calendar.span(first, last)
    started = time.monotonic()
    settings = config.load(problem, environment)
    root = settings.store.root
    snapshot = store.newest_snapshot(root)
    if snapshot is None:
        raise UserError(f"the store {root} has no snapshot: `make data` makes one")
    frame = _features(problem, root, snapshot)
    live, moments = calendar.of(frame, first, last)
    options = settings.training.model_dump(exclude={"workers", "fork_server"})
    calendar.check_past(frame, first, moments, options)
    trainer = Trainer(
        problem,
        frame,
        options,
        settings.gates.model_dump(),
        settings.release.margin,
        Cache(problem, frame),
    )
    facts = {"schema": 1, "from": first, "to": last, "snapshot": snapshot, "created": store.now()}
    found = facts | run(trainer, settings, live, moments)
    print(f"\n{results.table(found)}\n")
    file = _save(Path(s3_cache.local_folder(root), "replay", f"{first}-{last}"), found, settings)
    print(f"report  {file}  ({time.monotonic() - started:.0f} s)")
    return 0


def run(
    trainer: Trainer,
    settings: config.Settings,
    live: pd.DataFrame,
    moments: list[calendar.Moment],
) -> Json:
    """What `results.results` returns, and the `winner` of the competition before the first day."""
    day, workers = moments[0].day, settings.training.workers
    names = training.candidate_names(trainer.problem)
    _tell(f"{len(moments):,} moments, {len(live):,} rows; the candidates compete on what was known")
    processes.run(trainer, [("search", (day, name)) for name in names], workers, "candidates")
    winner = trainer.winner(day)
    rules = policies.of(trainer.frame["date"].max() - trainer.frame["date"].min())
    days = [moment.day for moment in moments]
    planned = sorted({day, *(d for due in rules.values() for d in policies.planned(due, days))})
    _tell(f"{winner[0]} {winner[1]} wins; it is trained before {len(planned):,} moments")
    jobs: list[processes.Job] = [("challenger", (each, winner)) for each in planned]
    fitted = processes.run(trainer, jobs, workers, "retrainings")
    _tell(f"{fitted:,} retrainings done, {len(planned) - fitted:,} from the cache")
    release = _first(trainer, day, winner)
    records = {}
    for name, due in rules.items():
        records[name] = operation.operate(
            live,
            moments,
            release,
            due,
            lambda day, champion: trainer.released(day, winner, champion),
            Monitor(trainer.problem, settings.monitor, trainer.margin),
        )
        _tell(f"policy {name}: {counted(len(records[name].retrainings), 'retraining')}")
    told = {"candidate": winner[0], "settings": winner[1], "before": f"{day:%Y-%m-%d}"}
    return {"winner": told} | results.results(trainer.problem, live, moments, records)


def _first(trainer: Trainer, day: pd.Timestamp, winner: Winner) -> Release:
    """The release that all policies begin with; a warning if it would not have passed its gates."""
    facts = trainer.challenger(day, winner)
    if "served" not in facts:
        raise UserError(f"the model before {day:%Y-%m-%d} can't be trained: {facts['failures']}")
    if facts["failures"]:
        _tell(f"warning: the first release would not have passed its gates: {facts['failures']}")
    return Release(day, facts, trainer.problem)


def _features(problem: Problem, root: str, snapshot: str) -> pd.DataFrame:
    """The feature table of a snapshot, the oldest rows first; UserError if it fails its checks.

    No feature of a row knows anything later than its date, so the rows of a date are those that the
    snapshot of that morning gives.
    """
    frame, _, report = preparation.engineer(problem, root, snapshot)
    validation.accept(report)
    if "date" not in frame:
        return frame
    return frame.sort_values("date", kind="stable", ignore_index=True)


def _save(folder: Path, found: Json, settings: config.Settings) -> Path:
    """Write replay.json and report.html, each at once; returns the report."""
    title = f"{settings.project.name}: replay of {found['from']} to {found['to']}"
    page = report.html(title, found, policies.OWN)
    contents = {"replay.json": store.to_json(_plain(found)), "report.html": page.encode()}
    with store.staged(folder) as stage:
        for name, content in contents.items():
            (stage / name).write_bytes(content)
            os.replace(stage / name, folder / name)
    return folder / "report.html"


def _plain(value: Any) -> Any:
    """The value without numbers that JSON does not know: NaN and infinity become null."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _tell(line: str) -> None:
    print(line, flush=True)
