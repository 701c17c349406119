"""`make score`: the rows of a CSV file with the model's answers, in bounded memory."""

import csv
import os
import re
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
Cells = dict[str, str]
Group = tuple[tuple[str, ...], tuple[int, int], list[Cells]]
"""What rows of a file share, the lines of the first and the last of them, and the rows."""
Ask = Callable[[list[Any]], list[Any]]


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
        rows = _write(source, target, scored)
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
    for raw, answers in _predicted(features.pieces(source, PIECE), release.run):
        found = service.columns(answers, release.evaluation)
        raw = raw.drop(columns=[*found], errors="ignore").fillna("")  # of an earlier scoring
        if not header:
            header = [[*raw, *found]]
            yield header
        columns = [*(raw[name].tolist() for name in raw), *(v.tolist() for v in found.values())]
        yield zip(*columns, strict=True)


def _predicted(pieces: Iterable[Any], run: Callable[[Any], Any]) -> Iterator[Any]:
    """Each piece with its answers; those of the next one are computed beside what is done here."""
    with ThreadPoolExecutor(max_workers=1) as other:
        waiting: deque[Any] = deque()
        for raw, inputs in pieces:
            waiting.append((raw, other.submit(run, inputs)))
            if len(waiting) > 1:
                raw, answers = waiting.popleft()
                yield raw, answers.result()
        for raw, answers in waiting:
            yield raw, answers.result()


def _by_request(problem: Problem, release: Release, source: Path) -> Iterator[Rows]:
    """The header, then each prediction behind what the rows of its request share."""
    together: tuple[str, ...] = getattr(problem.service, "TOGETHER", ())
    matches = fastjsonschema.compile(problem.service.SCHEMA, use_default=False)

    def ask(requests: list[Any]) -> list[Any]:
        for request in requests:
            matches(request)
        answers: list[Any] = release.predict(requests, explain=False)["results"]
        return answers

    names: list[str] = []
    for batch in _batches(_groups(_read(source), together)):
        requests = [problem.service.from_csv(rows) for _, _, rows in batch]
        answers = iter(_answers(ask, batch, requests, source))
        rows: list[Row] = []
        for (key, _, _), made in zip(batch, requests, strict=True):
            found = chain(*(each["predictions"] for each in islice(answers, len(made))))
            rows += [[*key, prediction] for prediction in found]
        if not names:
            names = [name for name in rows[0][-1] if name not in together]
            yield [[*together, *names]]
        yield [[*row[:-1], *(row[-1].get(name) for name in names)] for row in rows]


def _answers(ask: Ask, batch: list[Group], requests: list[list[Any]], source: Path) -> list[Any]:
    """The answer to each request of a batch; UserError names the lines of the first wrong one."""
    try:
        return ask(list(chain(*requests)))
    except (RequestError, fastjsonschema.JsonSchemaValueException) as error:
        if len(batch) > 1:
            pairs = zip(batch, requests, strict=True)
            return list(chain(*(_answers(ask, [one], [made], source) for one, made in pairs)))
        ((_, (first, last), _),) = batch
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        wrong = re.sub(r"^(data|requests\[\d+\])\.", "", str(error))
        raise UserError(f"{source}, {where}: {wrong}; correct it, or leave it out") from None


def _groups(rows: Iterator[tuple[int, Cells]], together: tuple[str, ...]) -> Iterator[Group]:
    """The rows of each request, where they are, and what they share."""
    if not together:
        yield from (((), (line, line), [row]) for line, row in rows)
    for key, group in groupby(rows, lambda row: tuple(row[1].get(name, "") for name in together)):
        lines, found = zip(*group, strict=True)
        yield key, (lines[0], lines[-1]), list(found)


def _batches(groups: Iterable[Group]) -> Iterator[list[Group]]:
    """Groups in lists of about BATCH rows."""
    batch: list[Group] = []
    size = 0
    for group in groups:
        batch.append(group)
        size += len(group[-1])
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(source: Path) -> Iterator[tuple[int, Cells]]:
    """The rows of a CSV file as text, and the line in which each ends."""
    with source.open(newline="", encoding="utf-8-sig") as file:
        try:
            for row in (reader := csv.DictReader(file, restval="", strict=True)):
                if None in row:
                    line = reader.line_num
                    raise UserError(f"{source}, line {line} has more cells than the header")
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{source} is not CSV in UTF-8: {error}") from None


def _write(source: Path, target: Path, pieces: Iterator[Rows]) -> int:
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
        if count < 0:
            raise UserError(f"{source} has no rows to score")
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
    return count
