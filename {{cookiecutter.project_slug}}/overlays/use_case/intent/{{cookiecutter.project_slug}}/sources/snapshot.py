"""Writes raw tables as a snapshot: a file of each kind for each day, and the catalogue.

The texts of 36 million events do not fit into memory, and sorting them is slow. So sessions and
products are numbered in the order of their texts, the events are sorted as numbers, and the texts
come back when a day is written.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from . import sentences, times
from .files import text
from .raw import Raw

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DAY_MS = 86_400_000

EVENT_TYPES = "ENUM('event_product', 'pageview')"
ACTIONS = "ENUM('add', 'detail', 'purchase', 'remove')"
"""The usual words, in the order of their texts."""

EVENTS = """
CREATE TABLE events AS
SELECT session, event_type::{event_types} AS event_type, product_action::{actions} AS product_action,
    sku, time
FROM ({browsing})
"""

SESSIONS = f"""
CREATE TABLE sessions AS
SELECT session, min(time) // {DAY_MS} AS day
FROM (SELECT session, time FROM events UNION ALL SELECT session, time FROM searches)
GROUP BY session
ORDER BY day, session
"""

SKUS = "CREATE TABLE skus AS SELECT DISTINCT sku FROM events WHERE sku IS NOT NULL ORDER BY sku"

ORDERED = """
CREATE TABLE ordered AS
SELECT
    sessions.rowid::UINTEGER AS session,
    time,
    event_type,
    product_action,
    skus.rowid::UINTEGER AS sku
FROM events JOIN sessions USING (session) LEFT JOIN skus USING (sku)
ORDER BY ALL NULLS FIRST
"""

ORDERED_SEARCHES = """
CREATE TABLE ordered_searches AS
SELECT sessions.rowid::UINTEGER AS session, time, clicks, shown
FROM searches JOIN sessions USING (session)
ORDER BY ALL NULLS FIRST
"""

BROWSING_OF_DAY = """
SELECT
    sessions.session AS session_id_hash,
    event_type,
    product_action,
    skus.sku AS product_sku_hash,
    time AS server_timestamp_epoch_ms
FROM ordered
JOIN sessions ON sessions.rowid = ordered.session
LEFT JOIN skus ON skus.rowid = ordered.sku
WHERE ordered.session BETWEEN {first} AND {last} AND sessions.day = {day}
"""

SEARCH_OF_DAY = """
SELECT
    sessions.session AS session_id_hash,
    time AS server_timestamp_epoch_ms,
    clicks,
    shown
FROM ordered_searches
JOIN sessions ON sessions.rowid = ordered_searches.session
WHERE ordered_searches.session BETWEEN {first} AND {last} AND sessions.day = {day}
"""

CATALOG = """
SELECT DISTINCT ON (sku)
    sku AS product_sku_hash, category AS category_hash, price AS price_bucket
FROM catalog WHERE sku <> ''
ORDER BY ALL
"""


@contextmanager
def database(parent: Path, memory_mb: int, threads: int | None = None) -> "Iterator[DuckDBPyConnection]":
    """A DuckDB of limited memory; what needs more goes to a folder in `parent` that is removed.

    Raises:
        UserError: For what DuckDB refuses within the block.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix=".sorting-", dir=parent) as spill:
        limits = {"memory_limit": f"{memory_mb}MB", "temp_directory": spill}
        with (
            sentences.told(memory_mb),
            duckdb.connect(config=limits | ({"threads": threads} if threads else {})) as connection,
        ):
            # A join that is turned round does not keep the order of its rows.
            connection.execute(
                "SET disabled_optimizers = 'join_order,build_side_probe_side'"
            )
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
        `newest` (ISO date) and `rows` (by table).

    Raises:
        UserError: The tables are not what they should be.
    """
    _load(connection, raw, say)
    try:
        about = _write(connection, folder)
    except BaseException:
        for path in folder.iterdir():
            path.unlink()
        raise
    say(f"Wrote {about['days']:,} days of sessions.")
    return {key: about[key] for key in ("newest", "rows")}


def _load(connection: "DuckDBPyConnection", raw: Raw, say: Callable[[str], object]) -> None:
    """Read everything, check it, number sessions and products, and sort."""
    connection.execute("SET preserve_insertion_order = false")
    _events(connection, raw)
    connection.execute(f"CREATE TABLE searches AS {raw.search}")
    connection.execute(f"CREATE TABLE catalog AS {raw.catalog}")
    rows = times.check(connection, "events", raw.origin)
    if not rows:
        raise UserError(f"{raw.origin} has no events.")
    times.check(connection, "searches", "the search table")
    say(f"Read {rows:,} events.")
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(SESSIONS)
    connection.execute(SKUS)
    connection.execute(ORDERED)
    connection.execute("DROP TABLE events")
    connection.execute(ORDERED_SEARCHES)
    (sessions,) = connection.execute("SELECT count(*) FROM sessions").fetchall()[0]
    say(f"Sorted them into {sessions:,} sessions.")


def _events(connection: "DuckDBPyConnection", raw: Raw) -> None:
    import duckdb

    types = {"event_types": EVENT_TYPES, "actions": ACTIONS}
    try:
        connection.execute(EVENTS.format(browsing=raw.browsing, **types))
    except duckdb.ConversionException:
        # A rare word (or a wrong number, which is refused again): texts take longer.
        types = dict.fromkeys(types, "VARCHAR")
        connection.execute(EVENTS.format(browsing=raw.browsing, **types))


def _write(connection: "DuckDBPyConnection", folder: Path) -> dict[str, Any]:
    days = connection.execute(
        "SELECT day, min(rowid), max(rowid) FROM sessions GROUP BY day ORDER BY day"
    ).fetchall()
    rows = {"browsing": 0, "search": 0}
    for number, first, last in days:
        day = datetime.fromtimestamp(number * DAY_MS // 1000, UTC).date().isoformat()
        bounds = {"first": first, "last": last, "day": number}
        for kind, query in (("browsing", BROWSING_OF_DAY), ("search", SEARCH_OF_DAY)):
            path = folder / f"{kind}-{day}.parquet"
            rows[kind] += _copy(connection, query.format(**bounds), path)
    rows["catalog"] = _copy(connection, CATALOG, folder / "catalog.parquet")
    return {"newest": day, "rows": rows, "days": len(days)}


def _copy(connection: "DuckDBPyConnection", query: str, path: Path) -> int:
    """Write the rows of a query; returns their number."""
    copy = f"COPY ({query}) TO {text(str(path))} (FORMAT parquet, COMPRESSION snappy)"
    (rows,) = connection.execute(copy).fetchall()[0]
    return int(rows)
