"""Small raw tables in Coveo's format, for tests, and ways to store them."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

MS = 1_547_596_800_000
"""Midnight at the beginning of 2019-01-16."""

HEADERS = {
    "browsing_train": "session_id_hash,event_type,product_action,product_sku_hash,"
    "server_timestamp_epoch_ms,hashed_url",
    "search_train": "session_id_hash,query_vector,clicked_skus_hash,product_skus_hash,"
    "server_timestamp_epoch_ms",
    "sku_to_content": "product_sku_hash,description_vector,category_hash,image_vector,price_bucket",
}

SEARCH = [
    ("midnight", "[0.1, 0.2]", "['p1', 'p2']", "['p1','p2']", MS + 1000),
    ("searcher", "[]", "['p1']", "['p1']", MS + 2 * 86_400_000),
    ("midnight", "", "", "['p1', 'p2', 'p3']", MS - 500),
]

CATALOG = [("p2", "", "", "", ""), ("p1", "[0.1, 0.2]", "c1/c2", "[0.3]", "7.0")]


BROWSING = [
    ("midnight", "event_product", "add", "p1", MS + 5000, "u1"),
    ("late", "pageview", "", "", MS + 40_000_000, "u1"),
    ("early", "event_product", "purchase", "p2", MS + 1, "u2"),
    ("midnight", "pageview", "", "", MS - 1000, "u3"),
    ("midnight", "pageview", "", "", MS, "u4"),
    ("early", "event_product", "add", "p2", MS, "u2"),
    ("midnight", "event_product", "detail", "p1", MS, "u4"),
    ("late", "pageview", "", "", MS + 40_000_000, "u1"),
]
"""Three sessions, of which two fill a cart and one of them crosses midnight; not in order."""


def write(
    folder: Path,
    browsing: list[tuple[Any, ...]] | None = BROWSING,
    search: list[tuple[Any, ...]] | None = SEARCH,
    catalog: list[tuple[Any, ...]] = CATALOG,
    kind: str = "csv",
    parts: int = 1,
    reverse: bool = False,
    ending: str = "\n",
    pages: Callable[[str], str] | None = None,
) -> Path:
    """Write the tables into a folder, as one file each or in parts; returns the folder.

    A table that is None is not written. With `pages` browsing has a page_type, made of the session.
    """
    folder.mkdir(exist_ok=True)
    tables = {"browsing_train": browsing, "search_train": search, "sku_to_content": catalog}
    for table, rows in tables.items():
        if rows is None:
            continue
        rows = rows[::-1] if reverse else rows
        header = HEADERS[table]
        if pages and table == "browsing_train":
            header, rows = f"{header},page_type", [(*row, pages(row[0])) for row in rows]
        for part in range(parts):
            name = table if parts == 1 else f"{table}-{part}"
            lines = [header, *(",".join(map(_field, row)) for row in rows[part::parts])]
            _store(folder / f"{name}.{kind}", "".join(line + ending for line in lines))
    return folder


def config(directory: Path | None, **changes: Any) -> dict[str, Any]:
    """The table `[data]` of a configuration that reads files."""
    return {
        "source": "files",
        "directory": None if directory is None else str(directory),
        "format": "coveo",
        "sessions": 100,
        "seed": 1,
        "written": "csv",
        "warehouse": "duckdb",
        "memory_mb": 500,
    } | changes


def _field(value: Any) -> str:
    return f'"{value}"' if "," in str(value) else str(value)


def _store(path: Path, text: str) -> None:
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif path.suffix == ".csv":
        path.write_bytes(text.encode())
    else:
        csv = path.with_suffix(".as-csv")
        csv.write_text(text)
        duckdb.execute(f"COPY (FROM read_csv('{csv}', header = true)) TO '{path}' (FORMAT parquet)")
        csv.unlink()
