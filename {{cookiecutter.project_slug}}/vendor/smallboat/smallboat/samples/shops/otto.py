"""OTTO's format: JSON lines, one a visitor, cut into sessions."""

from pathlib import Path
from typing import TYPE_CHECKING

from ... import datafiles
from ...errors import UserError
from ...warehouse import times
from ...warehouse.tables import Rule, Table
from .raw import Raw, present, visits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TERMS = "OTTO's own data set is licensed CC BY 4.0"

WHERE = "OTTO's data set is at https://github.com/otto-de/recsys-dataset, licensed CC BY 4.0."

OPTIONS = """format = 'newline_delimited', columns = {
    session: 'VARCHAR', events: 'STRUCT(aid VARCHAR, ts VARCHAR, type VARCHAR)[]'
}"""

EVENTS = "CASE WHEN len(events) > 0 THEN events ELSE [NULL] END"


def raw(connection: "DuckDBPyConnection", directory: Path) -> Raw:
    """The events of `train.jsonl`, or of all `.jsonl` files if there is none of that name.

    Raises:
        UserError: There is no such file.
    """
    paths = datafiles.find(directory, "train.jsonl") or datafiles.find(directory, "*.jsonl")
    if not paths:
        raise UserError(f"{directory} lacks train.jsonl; {WHERE}")
    table = Table(paths, "read_json", OPTIONS, {"session": "VARCHAR", "events": "STRUCT[]"})
    # A line without events becomes an event without a time, which is refused later.
    events = f"SELECT session, unnest({EVENTS}) AS event FROM {table.sql}"
    time = times.exact("event.ts")
    wrong = f"list_filter({EVENTS}, lambda event: coalesce(({time}) NOT {times.USUAL}, true))"
    return Raw(
        tables=[table],
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
                {time} AS time
            FROM ({events})"""),
        rules=[
            present(table, "session"),
            Rule(table, "events.ts", f"len({wrong}) > 0", times.why, f"{wrong}[1].ts"),
        ],
    )
