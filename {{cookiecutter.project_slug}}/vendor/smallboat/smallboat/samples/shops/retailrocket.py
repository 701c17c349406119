"""Retailrocket's format: events of visitors as CSV, cut into sessions."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...warehouse import files, times
from .raw import Raw, present, visits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "Retailrocket's own data set is licensed CC BY-NC-SA 4.0"

WHERE = (
    "Retailrocket's data set is at https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset, "
    "licensed CC BY-NC-SA 4.0."
)

EVENTS = ("timestamp", "visitorid", "event", "itemid")


def raw(connection: "DuckDBPyConnection", directory: Path) -> Raw:
    """The events of `events.csv`.

    Raises:
        UserError: The file is missing or not what it should be.
    """
    paths = files.find(directory, "events", WHERE)
    table = files.table(connection, paths, EVENTS, WHERE)
    time = times.milliseconds(table, "timestamp")
    return Raw(
        tables=[table],
        costly=True,
        browsing=visits(f"""
            SELECT
                visitorid::VARCHAR AS visitor,
                CASE event::VARCHAR
                    WHEN 'view' THEN 'detail' WHEN 'addtocart' THEN 'add'
                    WHEN 'transaction' THEN 'purchase' ELSE coalesce(event::VARCHAR, 'unknown')
                END AS product_action,
                itemid::VARCHAR AS sku,
                {time} AS time
            FROM {table.sql}"""),
        rules=[present(table, "visitorid"), times.rule(table, "timestamp", time)],
    )
