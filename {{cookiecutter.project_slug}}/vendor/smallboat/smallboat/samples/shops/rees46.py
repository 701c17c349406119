"""REES46's format: events with their product's category and price, as CSV, a file a month."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ... import datafiles
from ...errors import UserError
from ...warehouse import files, times
from ...warehouse.tables import Rule, Table
from .raw import Raw

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "REES46's own data sets are free to use if the source is named"

WHERE = (
    "REES46's data sets are at https://www.kaggle.com/mkechinov/datasets, "
    "free to use if the source is named."
)

EVENTS = (
    "event_time", "event_type", "product_id", "category_id", "category_code", "price",
    "user_session",
)  # fmt: skip

SESSION = "coalesce(user_session::VARCHAR, '') <> ''"

PRICE = "coalesce({text}, '') <> '' AND NOT coalesce(isfinite(TRY_CAST({text} AS DOUBLE)), false)"
"""SQL that is true for a price that is no number."""


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
    time, price = times.instants(table, "event_time"), PRICE.format(text=table.text("price"))
    timed = times.rule(table, "event_time", time, times.ZONED)
    return Raw(
        tables=[table],
        browsing=f"""
            SELECT
                user_session::VARCHAR AS session,
                'event_product' AS event_type,
                CASE event_type::VARCHAR
                    WHEN 'view' THEN 'detail' WHEN 'cart' THEN 'add'
                    WHEN 'remove_from_cart' THEN 'remove'
                    ELSE coalesce(event_type::VARCHAR, 'unknown')
                END AS product_action,
                product_id::VARCHAR AS sku,
                NULL::VARCHAR AS page,
                {time} AS time
            FROM {table.sql}
            WHERE {SESSION}""",
        catalog=_catalog(table, price),
        rules=[
            replace(timed, wrong=f"{SESSION} AND {timed.wrong}"),
            Rule(table, "price", price, ": {!r} is not a price; correct it.".format),
        ],
    )


def _catalog(table: Table, wrong: str) -> str:
    """SQL of the products, each with its highest price's tenth and the path of its category.

    A price of 0 or less is not known: the real files have some. One that is no number is NaN.
    """
    price = table.text("price")
    return f"""
        WITH products AS (
            SELECT
                product_id::VARCHAR AS sku,
                coalesce(
                    max(replace(nullif(category_code::VARCHAR, ''), '.', '/')),
                    max(category_id::VARCHAR)
                ) AS category,
                max(CASE WHEN {wrong} THEN 'nan' ELSE TRY_CAST({price} AS DOUBLE) END) AS price
            FROM {table.sql}
            WHERE product_id IS NOT NULL
            GROUP BY 1
        ),
        ranked AS (
            SELECT sku, percent_rank() OVER (ORDER BY price) AS place FROM products WHERE price > 0
        )
        SELECT sku, category, CASE
                WHEN isnan(price) THEN price
                WHEN place = 1 THEN 10
                ELSE 1 + floor(10 * place)
            END AS price
        FROM products LEFT JOIN ranked USING (sku)"""
