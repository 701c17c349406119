"""Coveo's format: browsing, searches and the catalogue, as CSV or Parquet."""

from pathlib import Path
from typing import TYPE_CHECKING

from smallboat.samples.shops.raw import BUCKETS, Raw, present
from smallboat.warehouse import files, times
from smallboat.warehouse.tables import Rule, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "Coveo's own data set is for research only and may not be passed on"

WHERE = (
    "Coveo's data set is at https://github.com/coveooss/SIGIR-ecom-data-challenge, "
    "for research only, not to be passed on."
)

BROWSING = (
    "session_id_hash", "event_type", "product_action", "product_sku_hash",
    "server_timestamp_epoch_ms",
)  # fmt: skip
PAGE = "page_type"
"""A column that browsing may have: what kind of page was seen."""
SEARCH = ("session_id_hash", "clicked_skus_hash", "server_timestamp_epoch_ms")
CATALOG = ("product_sku_hash", "category_hash", "price_bucket")
SESSION, TIME = BROWSING[0], BROWSING[-1]


def raw(connection: "DuckDBPyConnection", directory: Path) -> Raw:
    """The tables of `browsing_train`, `search_train` and `sku_to_content`.

    Raises:
        UserError: A file is missing or not what it should be.
    """
    names = {"browsing_train": BROWSING, "search_train": SEARCH, "sku_to_content": CATALOG}
    browsing, search, catalog = (
        files.table(connection, files.find(directory, name, WHERE), needed, WHERE)
        for name, needed in names.items()
    )
    price = catalog.text("price_bucket")
    return Raw(
        tables=[browsing, search, catalog],
        browsing=f"""
            SELECT {SESSION}::VARCHAR AS session, event_type::VARCHAR AS event_type,
                nullif(product_action::VARCHAR, '') AS product_action,
                nullif(product_sku_hash::VARCHAR, '') AS sku,
                nullif(lower(trim({browsing.text(PAGE)})), '') AS page,
                {times.milliseconds(browsing, TIME)} AS time
            FROM {browsing.sql}""",
        search=f"""
            SELECT {SESSION}::VARCHAR AS session, {times.milliseconds(search, TIME)} AS time,
                {_size(search, "clicked_skus_hash")} AS clicks
            FROM {search.sql}""",
        catalog=f"""
            SELECT product_sku_hash::VARCHAR AS sku,
                nullif(category_hash::VARCHAR, '') AS category,
                CASE WHEN {price} <> '' THEN coalesce(TRY_CAST({price} AS DOUBLE), 'nan') END
                    AS price
            FROM {catalog.sql}""",
        rules=[
            *(present(table, SESSION) for table in (browsing, search)),
            *(
                times.rule(table, TIME, times.milliseconds(table, TIME))
                for table in (browsing, search)
            ),
            Rule(
                catalog, "price_bucket",
                f"{price} <> '' AND coalesce(TRY_CAST({price} AS DOUBLE) NOT IN ({BUCKETS}), true)",
                ": {!r} is not a price bucket; use a whole number from 1 to 10.".format,
            ),
        ],
    )  # fmt: skip


def _size(table: Table, column: str) -> str:
    """SQL of the number of items in a list, or in the text of one."""
    if table.types[column].endswith("[]"):
        return f"coalesce(len({column}), 0)::INTEGER"
    listed = table.text(column)
    commas = f"strlen({listed}) - strlen(replace({listed}, ',', ''))"
    return f"""
        CASE WHEN trim({listed}, '[] ') <> '' THEN {commas} + 1 ELSE 0 END::INTEGER"""
