"""What each format is turned into: the SQL of three tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...warehouse.tables import Rule, Table

NO_SEARCH = """
SELECT NULL::VARCHAR AS session, NULL::BIGINT AS time, NULL::INTEGER AS clicks WHERE false
"""
NO_CATALOG = """
SELECT NULL::VARCHAR AS sku, NULL::VARCHAR AS category, NULL::SMALLINT AS price WHERE false
"""

BUCKETS = ", ".join(map(str, range(1, 11)))
"""The tenths of the products by price, in SQL."""

VISIT_MS = 30 * 60 * 1000
"""A visit ends after so long without an event."""


@dataclass(frozen=True)
class Raw:
    """Queries of raw tables.

    Attributes:
        tables: what is read, that of the events first.
        browsing: session, event_type, product_action, sku, page (texts), time (epoch ms, or null
            if it is none).
        search: session, time, clicks.
        catalog: sku, category, price (1 to 10, null if it is not known, NaN if it is no number).
        rules: what each row must keep; they name the first that does not.
        costly: whether to read the browsing again takes longer than to keep it.
    """

    tables: Sequence[Table]
    browsing: str
    search: str = NO_SEARCH
    catalog: str = NO_CATALOG
    rules: Sequence[Rule] = ()
    costly: bool = False

    @property
    def origin(self) -> str:
        """The files of the events, for messages."""
        paths = self.tables[0].paths
        return str(paths[0]) if len(paths) == 1 else f"{paths[0].parent} ({len(paths)} files)"


def present(table: Table, column: str) -> Rule:
    """That each row has the name of its session."""
    return Rule(
        table,
        column,
        f"coalesce({table.text(column)}, '') = ''",
        lambda _: " is empty; each row needs a session.",
    )


def visits(events: str) -> str:
    """SQL that cuts the events of visitors into sessions, where half an hour has no event.

    Args:
        events: SQL of visitor, product_action, sku and time; all events are of products.
    """
    return f"""
    WITH timed AS (
        SELECT *, time::DOUBLE - lag(time) OVER (PARTITION BY visitor ORDER BY time) > {VISIT_MS}
            AS begins
        FROM ({events})
    )
    SELECT
        visitor || '-' || count(*) FILTER (begins) OVER (
            PARTITION BY visitor ORDER BY time RANGE UNBOUNDED PRECEDING
        ) AS session,
        'event_product' AS event_type, product_action, sku, NULL::VARCHAR AS page, time
    FROM timed
    """
