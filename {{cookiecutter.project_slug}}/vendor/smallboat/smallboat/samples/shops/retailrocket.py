"""Retailrocket's format: events of visitors as CSV, cut into sessions."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...warehouse import files
from .raw import Raw, visits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "Retailrocket's own data set is licensed CC BY-NC-SA 4.0"

WHERE = (
    "Retailrocket's data set is at https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset, "
    "licensed CC BY-NC-SA 4.0."
)

EVENTS = {"timestamp": "BIGINT", "visitorid": "VARCHAR", "event": "VARCHAR", "itemid": "VARCHAR"}


def raw(connection: "DuckDBPyConnection", directory: Path) -> Raw:
    """The events of `events.csv`.

    Raises:
        UserError: The file is missing or not what it should be.
    """
    paths = files.find(directory, "events", WHERE)
    table = files.table(connection, paths, EVENTS, WHERE)
    return Raw(
        origin=paths[0].name,
        costly=True,
        browsing=visits(f"""
            SELECT
                visitorid::VARCHAR AS visitor,
                CASE event
                    WHEN 'view' THEN 'detail' WHEN 'addtocart' THEN 'add'
                    WHEN 'transaction' THEN 'purchase' ELSE coalesce(event, 'unknown')
                END AS product_action,
                itemid::VARCHAR AS sku,
                timestamp::BIGINT AS time
            FROM {table.sql}"""),
    )
