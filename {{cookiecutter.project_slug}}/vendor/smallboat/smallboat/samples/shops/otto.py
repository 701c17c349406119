"""OTTO's format: JSON lines, one a visitor, cut into sessions."""

from pathlib import Path
from typing import TYPE_CHECKING

from ... import datafiles
from ...errors import UserError
from ...warehouse import files
from .raw import Raw, visits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "OTTO's own data set is licensed CC BY 4.0"

WHERE = "OTTO's data set is at https://github.com/otto-de/recsys-dataset, licensed CC BY 4.0."


def raw(connection: "DuckDBPyConnection", directory: Path) -> Raw:
    """The events of `train.jsonl`, or of all `.jsonl` files if there is none of that name.

    Raises:
        UserError: There is no such file.
    """
    paths = datafiles.find(directory, "train.jsonl") or datafiles.find(directory, "*.jsonl")
    if not paths:
        raise UserError(f"{directory} lacks train.jsonl; {WHERE}")
    names = ", ".join(files.text(str(path)) for path in paths)
    # A line without events becomes an event without a time, which is refused later.
    events = f"""
        SELECT session, unnest(coalesce(events, [NULL])) AS event
        FROM read_json([{names}], format = 'newline_delimited', columns = {{
            session: 'VARCHAR', events: 'STRUCT(aid VARCHAR, ts BIGINT, type VARCHAR)[]'
        }})"""
    return Raw(
        origin=paths[0].name,
        costly=True,
        browsing=visits(f"""
            SELECT
                session AS visitor,
                CASE event.type
                    WHEN 'clicks' THEN 'detail' WHEN 'carts' THEN 'add'
                    WHEN 'orders' THEN 'purchase'
                    ELSE coalesce(event.type, 'unknown')
                END AS product_action,
                event.aid AS sku,
                event.ts AS time
            FROM ({events})"""),
    )
