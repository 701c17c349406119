"""Windows of captured requests: what one model was asked, in the order of arrival."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import disk
from ..errors import UserError
from ..store import request_index as index

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
MOST_ROWS = 20_000
"""Rows that are kept of a window: of more, those of every 2nd, 4th, 8th … request."""
OVERLAP = timedelta(hours=1)
"""How long two models may answer side by side: a canary takes half an hour at most."""
CHUNK_BYTES = 2**22
"""Of the inputs that are read at a time, about."""
MOST_VECTORS = 5
"""Of DuckDB, 2,048 requests each, that are read at a time."""
SEPARATOR = "\x1f"
ANSWERS = """
SELECT
    time, model, run, release, features_run, rows, inputs, outputs,
    array_to_string(keys, chr(31)) AS keys,
    array_to_string(redacted, chr(31)) AS redacted,
    list_filter(keys, lambda key: key <> '') AS known,
    regexp_extract(known[1], '^(.*)/', 1, 's') AS beginning,
    CASE
        WHEN beginning <> '' THEN hash(beginning)
        WHEN len(known) > 0 THEN hash(known)
        ELSE hash(inputs)
    END AS cluster,
FROM read_parquet(?)
WHERE status < 400 AND model IS NOT NULL AND inputs IS NOT NULL AND time >= ?
"""
ANSWERS = f"SELECT * EXCLUDE (known, beginning) FROM ({ANSWERS})"


@contextmanager
def damage(root: str) -> Iterator[None]:
    """Turns DuckDB's error about a part that it can't read into a UserError."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if disk.message(error, Path()):
            raise
        raise UserError(
            f"a file in {root}/{index.FOLDER} can't be read: {str(error).splitlines()[0]}; restore "
            f"it, or remove its entry in {root}/{index.INDEX}, then its requests are not monitored"
        ) from error


@dataclass(frozen=True)
class Window:
    """What one model was asked in a while.

    Attributes:
        model: its hash.
        run: its run.
        features_runs: the runs whose online features completed the requests.
        releases: the releases that answered, in order.
        first: the earliest time, UTC.
        last: the latest one.
        rows: how many were predicted, n of which are kept: all up to MOST_ROWS.
        complete: whether it has enough rows and days.
        facts: a row for each kept one: `time`, `request` (a number; rows of equal requests, and
            those whose keys are equal up to the last `/`, depend on each other and have the same
            one), `key` ("" if not known), `release`, `features_run`.
        inputs: of the model, float32, shape [n, inputs]; NaN if redacted or missing.
        outputs: of the model, float64, shape [n] or [n, classes]; NaN if redacted.
        redacted: the names of inputs, and of fields of the answers, that are not captured.
    """

    model: str
    run: str
    features_runs: set[str]
    releases: list[str]
    first: "pd.Timestamp"
    last: "pd.Timestamp"
    rows: int
    complete: bool
    facts: "pd.DataFrame"
    inputs: Array
    outputs: Array
    redacted: tuple[str, ...]


def windows(root: str, since: date | None, least_rows: int, least_days: int) -> Iterator[Window]:
    """The windows of an archive, in the order in which they end; memory holds about one of them.

    A window ends when it has enough rows and spans enough days: it is complete then. It ends
    earlier when another model has answered for OVERLAP, and at the end of the archive.

    Args:
        root: the store.
        since: the first day, UTC; None for all.
        least_rows: of a complete window.
        least_days: of 24 hours, between the first and the last request of a complete window.
    """
    span = timedelta(days=least_days)
    open_: dict[str, _Open] = {}
    for chunk in _chunks(root, since):
        model = str(chunk["model"].iloc[0])
        until = chunk["time"].max()
        for other in [m for m, window in open_.items() if until - window.last > OVERLAP]:
            if other != model:
                yield open_.pop(other).close(False)
        while len(chunk):
            window = open_.setdefault(model, _Open(model, *[chunk["time"].iloc[0]] * 2))
            chunk = window.add(chunk, least_rows, span)
            if window.is_complete(least_rows, span):
                yield open_.pop(model).close(True)
    for window in open_.values():
        yield window.close(False)


def _chunks(root: str, since: date | None) -> Iterator["pd.DataFrame"]:
    """Answers in the order of arrival; those of a chunk are of one model.

    Where two models answer in turn for a while, as in a canary, those of each are together.
    """
    import duckdb

    with damage(root), duckdb.connect(config={"memory_limit": "400MB"}) as database:
        for part in index.load(root).since(since):
            file, vectors = index.files(root, [part]), 1
            found = database.execute(ANSWERS, [file, since or date.min])
            while len(answers := found.fetch_df_chunk(vectors)):
                vector = duckdb.__standard_vector_size__ * len(answers["inputs"].iloc[0])
                vectors = min(MOST_VECTORS, 1 + CHUNK_BYTES // vector)
                times, runs = answers["time"], answers["model"]
                if times.max() - times.min() > OVERLAP:
                    runs = (runs != runs.shift()).cumsum()
                yield from (chunk for _, chunk in answers.groupby(runs, sort=False))


@dataclass
class _Open:
    """A window that still gets requests."""

    model: str
    first: "pd.Timestamp"
    last: "pd.Timestamp"
    rows: int = 0
    kept: "list[pd.DataFrame]" = field(default_factory=list)
    kept_rows: int = 0
    every: int = 1
    requests: int = 0

    def add(self, chunk: "pd.DataFrame", least_rows: int, span: timedelta) -> "pd.DataFrame":
        """Take requests until the window is complete; returns the others."""
        import pandas as pd

        times, rows = chunk["time"].to_numpy(), self.rows + chunk["rows"].to_numpy().cumsum()
        latest = np.maximum(np.maximum.accumulate(times), self.last.to_datetime64())
        earliest = np.minimum(np.minimum.accumulate(times), self.first.to_datetime64())
        enough = (rows >= least_rows) & (latest - earliest >= span)
        size = int(enough.argmax()) + 1 if enough.any() else len(chunk)
        self.rows = int(rows[size - 1])
        self.first, self.last = pd.Timestamp(earliest[size - 1]), pd.Timestamp(latest[size - 1])
        self._keep(chunk.iloc[:size])
        return chunk.iloc[size:]

    def is_complete(self, least_rows: int, span: timedelta) -> bool:
        """Whether it has enough rows and days."""
        return self.rows >= least_rows and self.last - self.first >= span

    def _keep(self, taken: "pd.DataFrame") -> None:
        """Keep every m-th request; m doubles when too many rows are kept."""
        places = np.arange(self.requests, self.requests + len(taken))
        self.requests += len(taken)
        self.kept.append(taken.assign(place=places)[places % self.every == 0])
        self.kept_rows += int(self.kept[-1]["rows"].sum())
        while self.kept_rows > MOST_ROWS and sum(map(len, self.kept)) > 1:
            self.every *= 2
            self.kept = [each[each["place"] % self.every == 0] for each in self.kept]
            self.kept_rows = sum(int(each["rows"].sum()) for each in self.kept)

    def close(self, complete: bool) -> Window:
        """The window."""
        import pandas as pd

        kept = _of_one_shape(pd.concat(self.kept, ignore_index=True))
        rows = kept["rows"].to_numpy(dtype=np.int64)
        of_row = np.repeat(np.arange(len(kept)), rows)
        facts = kept[["time", "release", "features_run"]].take(of_row).reset_index(drop=True)
        facts = facts.assign(request=kept["cluster"].factorize()[0][of_row], key=_keys(kept))
        outputs = _matrix(kept["outputs"], len(facts)).astype(np.float64)
        redacted = {name for each in kept["redacted"].unique() for name in each.split(SEPARATOR)}
        return Window(
            model=self.model,
            run=str(kept["run"].iloc[-1]),
            features_runs=set(kept["features_run"].dropna()),
            releases=list(kept["release"].unique()),
            first=self.first,
            last=self.last,
            rows=self.rows,
            complete=complete,
            facts=facts,
            inputs=_matrix(kept["inputs"], len(facts)),
            outputs=outputs[:, 0] if outputs.shape[1] == 1 else outputs,
            redacted=tuple(sorted(redacted - {""})),
        )


def _of_one_shape(kept: "pd.DataFrame") -> "pd.DataFrame":
    """Without the requests whose numbers have another shape than most: their line is damaged."""
    for name in ("inputs", "outputs"):
        width = kept[name].str.len() // kept["rows"]
        kept = kept[width == width.mode()[0]].reset_index(drop=True)
    return kept


def _matrix(blobs: "pd.Series[Any]", rows: int) -> Array:
    """Float32 of shape [rows, columns] from the bytes of each request."""
    values = np.frombuffer(b"".join(blobs), dtype="<f4")
    return values.reshape(rows, -1).astype(np.float32)


def _keys(kept: "pd.DataFrame") -> list[str]:
    """The key of each row, "" if a request has none."""
    found: list[str] = []
    for keys, rows in zip(kept["keys"].tolist(), kept["rows"].tolist(), strict=True):
        named = keys.split(SEPARATOR)
        found += named if len(named) == rows else [""] * rows
    return found
