"""The files in Coveo's format: DuckDB keeps the numbers of all rows, makes the ids and writes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from .behaviour import Array
from .shop import Shop

Written = Literal["csv", "parquet"]

MEMORY = "1GB"
LONG = 3_000_000
"""Writing so many rows takes long enough to say so."""

VECTORS = 1_000
"""Products share so many vectors: nothing is learned from them."""

RESULTS = 10
NO_RESULTS = 0.15
"""A search finds up to so many products, and this share of the phrases finds none."""

ROWS = """
CREATE TABLE browsing (session INTEGER, action TINYINT, sku INTEGER, page INTEGER, time BIGINT);
CREATE TABLE search (session INTEGER, query INTEGER, clicks INTEGER, time BIGINT);
"""

QUERIES = """
CREATE TABLE queries AS
SELECT
    query,
    any_value(vector) AS vector,
    list(sha256('$seed/sku/' || sku) ORDER BY place) FILTER (sku >= 0) AS shown
FROM results
GROUP BY query
"""

# An id is hashed for each row, as a join of several threads does not keep the order of the rows.
BROWSING = """
SELECT
    sha256('$seed/session/' || session) AS session_id_hash,
    CASE WHEN action = 1 THEN 'pageview' ELSE 'event_product' END AS event_type,
    CASE action WHEN 2 THEN 'detail' WHEN 3 THEN 'add' WHEN 4 THEN 'remove' WHEN 5 THEN 'purchase'
    END AS product_action,
    CASE WHEN sku >= 0 THEN sha256('$seed/sku/' || sku) END AS product_sku_hash,
    time AS server_timestamp_epoch_ms,
    sha256('$seed/page/' || page) AS hashed_url
FROM browsing
"""

SEARCH = """
SELECT
    sha256('$seed/session/' || session) AS session_id_hash,
    vector AS query_vector,
    CASE WHEN clicks > 0 THEN '[''' || array_to_string(shown[:clicks], ''', ''') || ''']'
    END AS clicked_skus_hash,
    '[''' || array_to_string(shown, ''', ''') || ''']' AS product_skus_hash,
    time AS server_timestamp_epoch_ms
FROM search LEFT JOIN queries USING (query)
"""

CATALOG = """
SELECT
    sha256('$seed/sku/' || sku) AS product_sku_hash,
    CASE WHEN content THEN description END AS description_vector,
    CASE WHEN content THEN
        sha256('$seed/top/' || (category % 12)) || '/' ||
        sha256('$seed/middle/' || (category % 144)) || '/' ||
        sha256('$seed/category/' || category)
    END AS category_hash,
    CASE WHEN content THEN image END AS image_vector,
    CASE WHEN content THEN price END AS price_bucket
FROM catalog
ORDER BY product_sku_hash
"""


class Store:
    """The numbers of all rows, in a database in a folder, until it is closed."""

    def __init__(self, folder: Path, seed: int, shop: Shop) -> None:
        import duckdb

        self._seed = seed
        self._db = duckdb.connect(str(folder / "numbers.duckdb"))
        self._db.execute(f"SET memory_limit = '{MEMORY}'")
        # A join that is turned round does not keep the order of rows.
        self._db.execute("SET disabled_optimizers = 'build_side_probe_side'")
        self._db.execute(ROWS)
        rng = np.random.default_rng([seed, 0, 1])
        self._insert("CREATE TABLE results AS", _results(rng, shop))
        self._db.execute(self._seeded(QUERIES))
        self._insert("CREATE TABLE catalog AS", _catalog(rng, shop))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def add(self, browsing: Mapping[str, Array], search: Mapping[str, Array]) -> None:
        """Keep the rows of a chunk, as `log.rows` makes them."""
        self._insert("INSERT INTO browsing BY NAME", browsing)
        self._insert("INSERT INTO search BY NAME", search)

    def copy(self, folder: Path, written: Written, say: Callable[[str], object]) -> list[str]:
        """Write the three files into a folder; return their names."""
        (rows,) = self._db.execute("SELECT count(*) FROM browsing").fetchall()[0]
        if rows >= LONG:
            say(f"Writing {rows:,} rows of browsing.")
        tables = {"browsing_train": BROWSING, "search_train": SEARCH, "sku_to_content": CATALOG}
        options = "FORMAT parquet" if written == "parquet" else "FORMAT csv, HEADER"
        for table, query in tables.items():
            if table == "search_train":
                self._db.execute("SET threads = 1")  # for the order of the rows behind its join
            file = str(folder / f"{table}.{written}").replace("'", "''")
            self._db.execute(f"COPY ({self._seeded(query)}) TO '{file}' ({options})")
        return [f"{table}.{written}" for table in tables]

    def _seeded(self, query: str) -> str:
        return query.replace("$seed", str(self._seed))

    def _insert(self, into: str, columns: Mapping[str, Array]) -> None:
        import pandas as pd

        self._db.register("given", pd.DataFrame(columns))
        self._db.execute(f"{into} SELECT * FROM given")
        self._db.unregister("given")


def _results(rng: np.random.Generator, shop: Shop) -> dict[str, Array]:
    """The products that each phrase finds, one a row; a phrase without results has the sku -1."""
    vectors = _vectors(rng, shop.queries)
    query = np.repeat(np.arange(shop.queries, dtype=np.int32), RESULTS)
    main = np.repeat(shop.products(rng, shop.queries), RESULTS)
    empty = np.repeat(rng.random(shop.queries) < NO_RESULTS, RESULTS)
    sku = np.where(empty, -1, shop.related(rng, main))
    once = np.sort(np.unique(query * np.int64(shop.skus) + sku, return_index=True)[1])
    return {"query": query[once], "vector": vectors[query[once]], "sku": sku[once], "place": once}


def _catalog(rng: np.random.Generator, shop: Shop) -> dict[str, Array]:
    """A row for each product of the catalogue."""
    rows = len(shop.category)
    vectors = _vectors(rng, VECTORS)
    return {
        "sku": np.arange(rows),
        "category": shop.category,
        "price": shop.price,
        "content": shop.content,
        "description": vectors[rng.integers(0, VECTORS, rows)],
        "image": vectors[rng.integers(0, VECTORS, rows)],
    }


def _vectors(rng: np.random.Generator, size: int) -> Array:
    """So many vectors of 50 numbers, as texts."""
    numbers = rng.normal(0, 0.2, (size, 50)).round(6)
    return np.array([str(row) for row in numbers.tolist()], dtype=object)
