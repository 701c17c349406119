"""`make score`: the rows of a CSV file with the model's answers, in bounded memory."""

import csv
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

import fastjsonschema

from ..config import config
from ..errors import RequestError, UserError
from ..problem import Problem
from ..serving.model.model import Release
from ..store import release_bundle, runs, store
from . import targets
from .commands import NOTHING

PIECE = 50_000
"""Rows of a table that are in memory at a time."""
BATCH = 2_000
"""Rows of requests that are predicted at a time."""
EVERY = 2.0
"""Seconds between two lines of progress."""

Row = Any
Rows = Iterable[Row]
Group = tuple[tuple[str, ...], list[dict[str, str]]]
"""Rows of a file, and what they share."""


def score(problem: Problem, environment: str, file: str, out: str, run: str | None) -> int:
    """Write the rows of a file with the answers of what is served, or of a run, beside them.

    The environment says whose release or store it is; the model runs on this machine.
    """
    source, target = Path(file), Path(out)
    if not source.is_file():
        raise UserError(f"{source} is no file: name a CSV file with FILE=")
    if target.exists() and target.samefile(source):
        raise UserError(f"OUT={out} is the file that is scored: choose another one")
    settings = config.load(problem, environment)
    with _release(problem, settings, run) as release:
        by_table = hasattr(problem.features, "pieces")
        scored = (_by_table if by_table else _by_request)(problem, release, source)
        rows = _write(target, scored)
    facts = release.facts
    print(f"{rows:,} rows scored by model {facts['model_hash']} of run {facts['run']}: {target}")
    return 0


@contextmanager
def _release(problem: Problem, settings: config.Settings, run: str | None) -> Iterator[Release]:
    """The release that the environment serves, or one made of a run."""
    if run is None:
        target = targets.of(problem, settings)
        if target.current() is None:
            raise UserError(f"{NOTHING}; or name a run with RUN=")
        yield Release(problem, target.folder())
        return
    root = settings.store.root
    folder = store.run_folder(root, runs.pick(run, *runs.read(root)))
    with tempfile.TemporaryDirectory(prefix="score-") as made:
        found = release_bundle.read(folder)
        release_bundle.write(Path(made), found, found)
        yield Release(problem, Path(made))


def _by_table(problem: Problem, release: Release, source: Path) -> Iterator[Rows]:
    """The header, then a table's rows with the answers in pieces; see `docs/contract.md`."""
    features, service = (getattr(problem, part) for part in ("features", "service"))
    header: list[Row] = []
    for raw, inputs in features.pieces(source, PIECE):
        found = service.columns(release.run(inputs), release.evaluation)
        if not header:
            header = [[*raw, *found]]
            yield header
        raw = raw.fillna("")
        columns = [*(raw[name].tolist() for name in raw), *(v.tolist() for v in found.values())]
        yield zip(*columns, strict=True)


def _by_request(problem: Problem, release: Release, source: Path) -> Iterator[Rows]:
    """The header, then each prediction behind what the rows of its request share."""
    together: tuple[str, ...] = getattr(problem.service, "TOGETHER", ())
    matches = fastjsonschema.compile(problem.service.SCHEMA, use_default=False)
    names: list[str] = []
    for batch in _batches(_groups(_read(source), together)):
        requests = [problem.service.from_csv(rows) for _, rows in batch]
        for request in chain(*requests):
            matches(request)
        answers = iter(release.predict(list(chain(*requests)), explain=False)["results"])
        rows: list[Row] = []
        for (key, _), made in zip(batch, requests, strict=True):
            found = chain(*(each["predictions"] for each in islice(answers, len(made))))
            rows += [[*key, prediction] for prediction in found]
        if not names:
            names = [name for name in rows[0][-1] if name not in together]
            yield [[*together, *names]]
        yield [[*row[:-1], *(row[-1].get(name) for name in names)] for row in rows]


def _groups(rows: Iterator[dict[str, str]], together: tuple[str, ...]) -> Iterator[Group]:
    """The rows of each request, and what they share."""
    if not together:
        yield from (((), [row]) for row in rows)
    for key, group in groupby(rows, lambda row: tuple(row.get(name, "") for name in together)):
        yield key, list(group)


def _batches(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """Groups in lists of about BATCH rows."""
    batch: list[Group] = []
    size = 0
    for group in groups:
        batch.append(group)
        size += len(group[1])
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(source: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file as text."""
    with source.open(newline="", encoding="utf-8-sig") as file:
        try:
            for row in csv.DictReader(file, restval="", strict=True):
                if None in row:
                    raise UserError(f"{source} has a row with more cells than the header")
                yield row
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{source} is not CSV in UTF-8: {error}") from None


def _write(target: Path, pieces: Iterator[Rows]) -> int:
    """Write rows as CSV, whole or not at all, with progress; returns how many follow the header."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name}.{os.getpid()}")
    count, told = -1, time.monotonic()
    try:
        with made.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            for piece in pieces:
                rows = list(piece)
                writer.writerows(rows)
                count += len(rows)
                if time.monotonic() - told >= EVERY:
                    told = time.monotonic()
                    print(f"  {count:,} rows", file=sys.stderr, flush=True)
        made.replace(target)
    except (RequestError, fastjsonschema.JsonSchemaValueException) as error:
        raise UserError(f"a row after row {max(count, 0):,} can't be scored: {error}") from None
    finally:
        made.unlink(missing_ok=True)
    return max(count, 0)
