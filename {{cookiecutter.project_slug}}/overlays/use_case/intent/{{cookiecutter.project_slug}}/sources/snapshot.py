"""Writes raw tables as a snapshot: the sessions that fill a cart, day by day, and the catalogue.

Most sessions don't, and nothing is learned from them: they are counted. Memory is bounded: DuckDB
puts on the disk what does not fit.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallboat import disk
from smallboat.errors import UserError
from smallboat.samples.shops.raw import Raw
from smallboat.warehouse.connection import connected
from smallboat.warehouse.tables import text
from smallboat.words import counted

from . import queries

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OPTIONS = (
    "FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 40960, WRITE_BLOOM_FILTER false, "
    "USE_TMP_FILE false"
)
"""What takes least time: a codec that is fast, and few ids in a row group. Nobody asks for single
ids, so filters are of no use."""

Day = tuple[int, int, int]
"""Days since 1970, and the numbers of its first and last session."""


@contextmanager
def database(
    parent: Path, memory_mb: int, threads: int | None = None
) -> "Iterator[DuckDBPyConnection]":
    """A DuckDB of limited memory; what needs more goes to a folder in `parent` that is removed.

    Raises:
        UserError: For what DuckDB refuses within the block.
    """
    with (
        tempfile.TemporaryDirectory(prefix=".sorting-", dir=parent) as spill,
        connected(memory_mb=memory_mb, threads=threads, spill=Path(spill)) as connection,
        disk.full_disk_errors(Path(spill), "the snapshot"),
    ):
        # A join that is turned round does not keep the order of its rows.
        connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        yield connection


def write(
    connection: "DuckDBPyConnection",
    raw: Raw,
    folder: Path,
    say: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Write raw tables into an empty folder; if that fails, nothing is left in it.

    Args:
        connection: Of `database`; its tables are made here.
        raw: What is to be written.
        folder: The empty folder.
        say: Takes a sentence for each stage.

    Returns:
        `data_until` (ISO date) and `rows` (by table).

    Raises:
        UserError: The tables are not what they should be.
    """
    import duckdb

    try:
        browsing = _read(connection, raw)
        _check(connection, raw)
        _sort(connection, raw, browsing, say)
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, UnicodeDecodeError):
        for table in raw.tables:
            table.check()
        raise
    _check_texts(connection, raw)
    days = connection.execute(queries.DAYS).fetchall()
    try:
        with disk.full_disk_errors(folder, "the snapshot"):
            rows = _write_days(connection, days, folder)
            rows["catalog"] = _copy(connection, queries.CATALOG, folder / "catalog.parquet")
            _copy(connection, queries.VISITS_OF_DAYS, folder / "days.parquet")
    except BaseException:
        for path in folder.iterdir():
            path.unlink()
        raise
    say(f"Wrote {counted(len(days), 'day')}.")
    return {"data_until": _date(days[-1]), "rows": rows}


def _read(connection: "DuckDBPyConnection", raw: Raw) -> str:
    """Read all tables; returns SQL of the browsing that is as fast the second time."""
    import duckdb

    browsing = raw.browsing
    if raw.costly:
        connection.execute(f"CREATE TABLE made AS {browsing}")
        browsing = "FROM made"
    connection.execute(f"CREATE TABLE catalog AS {raw.catalog}")
    connection.execute(queries.SEARCHES.format(search=raw.search))
    # In any order it takes a third less time.
    connection.execute("SET preserve_insertion_order = false")
    try:
        connection.execute(queries.EVENTS.format(browsing=browsing, **queries.KNOWN_WORDS))
    except duckdb.ConversionException:
        # There is an unusual word: texts take longer.
        connection.execute(queries.EVENTS.format(browsing=browsing, **queries.ANY_WORDS))
    connection.execute("SET preserve_insertion_order = true")
    return browsing


def _check(connection: "DuckDBPyConnection", raw: Raw) -> None:
    """UserError if there are no events, or a row that breaks a rule of its format."""
    events, wrong = connection.execute(queries.WRONG).fetchall()[0]
    if not events:
        raise UserError(f"{raw.origin} has no events.")
    if wrong:
        for rule in raw.rules:
            rule.check(connection)
        raise UserError(
            f"{raw.origin}: {counted(wrong, 'row')} without a session, without a time of the years "
            "2000 to 2099, or with a price bucket other than 1 to 10."
        )


def _check_texts(connection: "DuckDBPyConnection", raw: Raw) -> None:
    """UserError if a text that is kept has a null byte."""
    for table, column, origin in (
        ("sessions", "session", raw.origin),
        ("browsing", "event_type", raw.origin),
        ("browsing", "product_action", raw.origin),
        ("browsing", "page", raw.origin),
        ("skus", "sku", raw.origin),
        ("catalog", "sku", raw.tables[-1].paths[0]),
        ("catalog", "category", raw.tables[-1].paths[0]),
    ):
        query = queries.NULL_BYTE.format(table=table, column=column)
        for (value,) in connection.execute(query).fetchall():
            raise UserError(f"{origin}: the {column} {value[:80]!r} has a null byte; remove it.")


def _sort(
    connection: "DuckDBPyConnection", raw: Raw, browsing: str, say: Callable[[str], object]
) -> None:
    """Sort the events of the sessions that fill a cart; find the names of their products."""
    connection.execute(queries.VISITS)
    connection.execute(queries.SESSIONS)
    events, visits, filling = connection.execute(queries.READ).fetchall()[0]
    if not filling:
        raise UserError(
            f"{raw.origin}: of {counted(visits, 'session')} none adds something to the cart "
            "(product_action add); training needs sessions that do."
        )
    say(
        f"Read {counted(events, 'event')} of {counted(visits, 'session')}; sessions that fill a "
        f"cart: {filling:,}."
    )
    for query in (queries.SEARCH, queries.BROWSING, queries.SKUS):
        connection.execute(query)
    (new,) = connection.execute(queries.NEW_KEYS).fetchall()[0]
    if new:
        connection.execute(queries.NEW_SKUS.format(browsing=browsing))


def _write_days(connection: "DuckDBPyConnection", days: list[Day], folder: Path) -> dict[str, int]:
    """Write both files of each day, as many days at once as DuckDB has threads.

    A join keeps the order of rows only if one thread does it.
    """
    (threads,) = connection.execute("SELECT current_setting('threads')").fetchall()[0]
    (known,) = connection.execute(queries.PAGES).fetchall()[0]
    # Without page types the files are what they were before there were any.
    pages = ", page AS page_type" if known else ""
    connection.execute("SET threads = 1")
    with ThreadPoolExecutor(threads) as pool:
        written = list(pool.map(lambda day: _write_day(connection, day, folder, pages), days))
    return {
        "browsing": sum(browsing for browsing, _ in written),
        "search": sum(search for _, search in written),
    }


def _write_day(
    connection: "DuckDBPyConnection", day: Day, folder: Path, pages: str
) -> tuple[int, int]:
    number, first, last = day
    bounds = {"day": number, "first": first, "last": last, "pages": pages}
    with connection.cursor() as cursor:
        browsing, search = (
            _copy(cursor, query.format(**bounds), folder / f"{kind}-{_date(day)}.parquet")
            for kind, query in (
                ("browsing", queries.BROWSING_OF_DAY),
                ("search", queries.SEARCH_OF_DAY),
            )
        )
    return browsing, search


def _date(day: Day) -> str:
    return datetime.fromtimestamp(day[0] * queries.DAY_MS // 1000, UTC).date().isoformat()


def _copy(connection: "DuckDBPyConnection", query: str, path: Path) -> int:
    """Write the rows of a query; returns their number."""
    copy = f"COPY ({query}) TO {text(str(path))} ({OPTIONS})"
    (rows,) = connection.execute(copy).fetchall()[0]
    return int(rows)
