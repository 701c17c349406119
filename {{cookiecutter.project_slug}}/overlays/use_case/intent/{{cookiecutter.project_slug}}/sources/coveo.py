"""Coveo's format: browsing, searches and the catalogue, as CSV or Parquet."""

from pathlib import Path
from typing import TYPE_CHECKING

from smallboat.samples.shops.raw import Raw
from smallboat.warehouse import files

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "Coveo's own data set is for research only and may not be passed on"

WHERE = (
    "Coveo's data set is at https://github.com/coveooss/SIGIR-ecom-data-challenge, "
    "for research only, not to be passed on."
)

BROWSING = {
    "session_id_hash": "VARCHAR",
    "event_type": "VARCHAR",
    "product_action": "VARCHAR",
    "product_sku_hash": "VARCHAR",
    "server_timestamp_epoch_ms": "BIGINT",
}
SEARCH = {
    "session_id_hash": "VARCHAR",
    "clicked_skus_hash": "VARCHAR",
    "server_timestamp_epoch_ms": "BIGINT",
}
CATALOG = {"product_sku_hash": "VARCHAR", "category_hash": "VARCHAR", "price_bucket": "DOUBLE"}


def raw(connection: "DuckDBPyConnection", directory: Path) -> Raw:
    """The tables of `browsing_train`, `search_train` and `sku_to_content`.

    Raises:
        UserError: A file is missing or not what it should be.
    """
    names = {"browsing_train": BROWSING, "search_train": SEARCH, "sku_to_content": CATALOG}
    paths = {name: files.find(directory, name, WHERE) for name in names}
    browsing, search, catalog = (
        files.table(connection, paths[name], types, WHERE) for name, types in names.items()
    )
    return Raw(
        origin=paths["browsing_train"][0].name,
        search_origin=paths["search_train"][0].name,
        catalog_origin=paths["sku_to_content"][0].name,
        browsing=f"""
            SELECT session_id_hash AS session, event_type,
                nullif(product_action, '') AS product_action,
                nullif(product_sku_hash, '') AS sku,
                server_timestamp_epoch_ms::BIGINT AS time
            FROM {browsing.sql}""",
        search=f"""
            SELECT session_id_hash AS session, server_timestamp_epoch_ms::BIGINT AS time,
                {_size(search, "clicked_skus_hash")} AS clicks
            FROM {search.sql}""",
        catalog=f"""
            SELECT product_sku_hash AS sku, nullif(category_hash, '') AS category,
                price_bucket::DOUBLE AS price
            FROM {catalog.sql}""",
    )


def _size(table: files.Table, column: str) -> str:
    """SQL of the number of items in a list, or in the text of one."""
    if table.types[column].endswith("[]"):
        return f"coalesce(len({column}), 0)::INTEGER"
    commas = f"strlen({column}) - strlen(replace({column}, ',', ''))"
    return f"""
        CASE WHEN trim({column}, '[] ') <> '' THEN {commas} + 1 ELSE 0 END::INTEGER"""
