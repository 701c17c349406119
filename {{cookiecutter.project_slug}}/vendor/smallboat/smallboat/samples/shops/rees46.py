"""REES46's format: events with their product's category and price, as CSV, a file a month."""

from pathlib import Path
from typing import TYPE_CHECKING

from ... import datafiles
from ...errors import UserError
from ...warehouse import files
from .raw import Raw

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "REES46's own data sets are free to use if the source is named"

WHERE = (
    "REES46's data sets are at https://www.kaggle.com/mkechinov/datasets, "
    "free to use if the source is named."
)

EVENTS = {
    "event_time": "TIMESTAMP",
    "event_type": "VARCHAR",
    "product_id": "VARCHAR",
    "category_id": "VARCHAR",
    "category_code": "VARCHAR",
    "price": "DOUBLE",
    "user_session": "VARCHAR",
}


def raw(connection: "DuckDBPyConnection", directory: Path) -> Raw:
    """The events of all `.csv`, `.csv.gz` or `.parquet` files, and the catalogue they tell of.

    A few events of the real files have no session: they are left out.

    Raises:
        UserError: There are no such files, or they are not what they should be.
    """
    found = [datafiles.find(directory, f"*{kind}") for kind in files.KINDS]
    kinds = [paths for paths in found if paths]
    if not kinds:
        raise UserError(f"{directory} has no .csv, .csv.gz or .parquet file; {WHERE}")
    if len(kinds) > 1:
        raise UserError(f"{directory} has files of several kinds; keep one.")
    table = files.table(connection, kinds[0], EVENTS, WHERE)
    return Raw(
        origin=kinds[0][0].name,
        browsing=f"""
            SELECT
                user_session AS session,
                'event_product' AS event_type,
                CASE event_type
                    WHEN 'view' THEN 'detail' WHEN 'cart' THEN 'add'
                    WHEN 'remove_from_cart' THEN 'remove' ELSE coalesce(event_type, 'unknown')
                END AS product_action,
                product_id::VARCHAR AS sku,
                epoch_ms(event_time::TIMESTAMP) AS time
            FROM {table.sql}
            WHERE user_session <> ''""",
        catalog=_catalog(table),
    )


def _catalog(table: files.Table) -> str:
    """SQL of the products, each with its highest price's tenth and the path of its category."""
    return f"""
        WITH products AS (
            SELECT
                product_id::VARCHAR AS sku,
                coalesce(max(replace(category_code, '.', '/')), max(category_id::VARCHAR))
                    AS category,
                nullif(max(price), 0) AS price
            FROM {table.sql}
            WHERE product_id IS NOT NULL
            GROUP BY 1
        ),
        ranked AS (
            SELECT sku, percent_rank() OVER (ORDER BY price) AS place FROM products
            WHERE price IS NOT NULL
        )
        SELECT sku, category,
            CASE WHEN place = 1 THEN 10 ELSE 1 + floor(10 * place) END::SMALLINT AS price
        FROM products LEFT JOIN ranked USING (sku)"""
