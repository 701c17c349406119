"""The archive of captured requests: Parquet in the store, each captured line once.

`<root>/monitoring/requests/date=<day of arrival>/*.parquet` has a row for each prediction or
refusal of the API. `store.request_index` says which of these files exist, in the order of arrival,
and so are their rows.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import disk
from ..config import config
from ..problem import Problem
from ..store import request_index as index
from ..store import s3_cache
from ..store.request_index import FOLDER, Part
from ..warehouse.tables import text
from . import lines, sources
from .windows import Window, damage, windows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Collected", "Window", "collect", "keys", "traffic", "windows"]

MEMORY = "800MB"
"""What DuckDB may take; what is more goes to the disk."""
TEMPORARY = "collecting-"
AHEAD = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""
FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT line, min(rowid) AS place, any_value(time) AS time FROM stage
WHERE line NOT IN (FROM seen) GROUP BY line ORDER BY place
"""
COLUMNS = ["requests", "refused", "failed", "ms_p50", "ms_p95", "rows"]
TRAFFIC = """
SELECT
    time::DATE AS day,
    count(*) AS requests,
    count(*) FILTER (status BETWEEN 400 AND 499) AS refused,
    count(*) FILTER (status >= 500) AS failed,
    quantile_cont(ms, .5) AS ms_p50,
    quantile_cont(ms, .95) AS ms_p95,
    coalesce(sum(rows) FILTER (status < 400), 0)::BIGINT AS rows,
FROM read_parquet(?) WHERE time >= ? GROUP BY day ORDER BY day
"""
KEYS = """
SELECT DISTINCT key FROM (SELECT unnest(keys) AS key FROM read_parquet(?) WHERE time >= ?)
WHERE key <> ''
"""


@dataclass(frozen=True)
class Collected:
    """What `collect` found.

    Attributes:
        new: requests that were not in the archive.
        unreadable: captured lines that are torn or no JSON.
        source: where they were captured, for people.
        notes: sentences for people.
    """

    new: int
    unreadable: int
    source: str
    notes: list[str]


def collect(problem: Problem, settings: config.Settings) -> Collected:
    """Add to the archive what was captured since the last time; all of it or nothing.

    Args:
        problem: not needed: requests of all problems are captured alike.
        settings: say where requests are captured, and the store.

    Raises:
        UserError: nothing is captured, another command collects, or the disk is full.
        CloudError: AWS refuses or does not answer.
    """
    root = settings.store.root
    source = sources.of(settings)
    folder = s3_cache.local_folder(root) / "monitoring"
    with ExitStack() as held:
        held.enter_context(disk.full_disk_errors(folder))
        folder.mkdir(parents=True, exist_ok=True)
        held.enter_context(disk.locked(folder, index.BUSY))
        known = index.load(root)
        _remove_orphans(folder, known)
        with (
            tempfile.TemporaryDirectory(dir=folder, prefix=TEMPORARY) as temporary,
            _database(temporary) as database,
        ):
            batch = _Batch(root, known, database)
            cursor = known.cursors.get(source.name, "")
            for file in source.files(cursor, Path(temporary), not known.parts):
                batch.add(file)
        if batch.new or source.cursor != cursor:
            known.cursors[source.name] = source.cursor
            index.save(root, known)
    return Collected(batch.new, batch.unreadable, source.name, batch.notes())


def traffic(root: str, since: date | None) -> "pd.DataFrame":
    """Requests by day (UTC), also refused ones (4xx) and failed ones (5xx).

    Returns:
        A row for each day that has requests, with columns requests, refused, failed, ms_p50 and
        ms_p95 (milliseconds, quantiles), rows (that were predicted).
    """
    import duckdb
    import pandas as pd

    files = index.files(root, index.load(root).since(since))
    if not files:
        return pd.DataFrame(columns=COLUMNS, index=pd.DatetimeIndex([], name="day"))
    with damage(root), duckdb.connect(config={"memory_limit": MEMORY}) as database:
        found: pd.DataFrame = database.execute(TRAFFIC, [files, since or date.min]).df()
        return found.set_index("day")


def keys(root: str, since: date | None) -> list[str]:
    """What the archive's predictions are of: each key once, in any order."""
    import duckdb

    files = index.files(root, index.load(root).since(since))
    if not files:
        return []
    with damage(root), duckdb.connect(config={"memory_limit": MEMORY}) as database:
        found = database.execute(KEYS, [files, since or date(1, 1, 1)]).fetchnumpy()
    return [str(key) for key in found["key"]]


def _remove_orphans(folder: Path, known: index.Index) -> None:
    """Remove what an interrupted command left on this machine: parts and temporary files."""
    for path in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(path)
    parts = {part.path for part in known.parts}
    for file in folder.glob("requests/date=*/*.parquet"):
        if f"{file.parent.name}/{file.name}" not in parts:
            file.unlink()


@contextmanager
def _database(folder: str) -> Iterator[Any]:
    import duckdb

    options = {"memory_limit": MEMORY, "temp_directory": folder}
    with duckdb.connect(config=options) as database:
        database.execute("CREATE TEMP TABLE seen (line UBIGINT)")
        yield database


class _Batch:
    """What one command adds to the archive.

    Attributes:
        new: requests added.
        unreadable: lines that can't be read.
    """

    def __init__(self, root: str, known: index.Index, database: Any) -> None:
        self._root, self._known, self._database = root, known, database
        self._unseen = list(known.parts)
        self._now = datetime.now(UTC).replace(tzinfo=None)
        self._day, self._previous = "", datetime.min
        self.new = self.unreadable = self._ahead = self._back = self._bare = 0

    def add(self, file: Path) -> None:
        """Add the new lines of a file."""
        self.unreadable += lines.stage(self._database, file)
        self._see_parts()
        self._database.execute(FRESH)
        self._database.execute("INSERT INTO seen SELECT line FROM fresh")
        self._database.execute("DELETE FROM stage WHERE rowid NOT IN (SELECT place FROM fresh)")
        rows = self._database.execute("SELECT place, time FROM fresh ORDER BY place").fetchall()
        for day, first, last in self._days(rows):
            self._write(day, first, last)

    def _see_parts(self) -> None:
        """Note the lines of parts that may have lines of this file: a line has its time in it."""
        times = "SELECT min(time)::VARCHAR, max(time)::VARCHAR FROM stage"
        first, last = self._database.execute(times).fetchone()
        if first is None:
            return
        near = [part for part in self._unseen if part.first <= last and part.last >= first]
        self._unseen = [part for part in self._unseen if part not in near]
        if near:
            files = index.files(self._root, near)
            with damage(self._root):
                self._database.execute("INSERT INTO seen SELECT line FROM read_parquet(?)", [files])

    def _days(self, rows: list[tuple[int, datetime]]) -> Iterator[tuple[str, int, int]]:
        """The days on which lines arrived, with the place of each one's first and last line.

        A line that seems to come from the future, or from a day before, arrived with its
        neighbours.
        """
        found: dict[str, list[int]] = {}
        for place, time in rows:
            ahead = time > self._now + AHEAD
            self._ahead += ahead
            self._back += self._previous - time > timedelta(days=1)
            self._previous = self._previous if ahead else time
            if not ahead or not self._day:
                self._day = max(self._day, min(time, self._now).date().isoformat())
            found.setdefault(self._day, []).append(place)
        return ((day, places[0], places[-1]) for day, places in found.items())

    def _write(self, day: str, first: int, last: int) -> None:
        path = f"date={day}/{uuid.uuid4().hex}.parquet"
        file = s3_cache.local_folder(self._root) / FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = f"SELECT * FROM stage WHERE rowid BETWEEN {first} AND {last}"
        self._database.execute(f"COPY ({rows}) TO {text(str(file))} (FORMAT parquet)")
        facts = """
            SELECT count(*), min(time)::VARCHAR, max(time)::VARCHAR,
                count(*) FILTER (status < 400 AND inputs IS NULL)
            FROM read_parquet(?)
        """
        requests, *times, bare = self._database.execute(facts, [str(file)]).fetchone()
        s3_cache.upload_pointer(self._root, file, f"{FOLDER}/{path}")
        self._known.parts.append(Part(path, requests, *times))
        self.new += requests
        self._bare += bare

    def notes(self) -> list[str]:
        """What is unusual about the lines, in sentences."""
        found = {
            "{} captured line(s) are torn or no JSON: they are left out": self.unreadable,
            "{} request(s) are dated after now: the clock of the API's machine moved": self._ahead,
            "{} request(s) are dated more than a day before the one that arrived before: the clock "
            "of the API's machine moved": self._back,
            "{} answer(s) were captured without inputs, by a model server of an older version or "
            "because they were too large: they count as traffic only": self._bare,
        }
        return [text.format(f"{count:,}") for text, count in found.items() if count]
