"""What each format is turned into: the SQL of three tables."""

from dataclasses import dataclass

NO_SEARCH = """
SELECT NULL::VARCHAR AS session, NULL::BIGINT AS time, NULL::INTEGER AS clicks WHERE false
"""
NO_CATALOG = """
SELECT NULL::VARCHAR AS sku, NULL::VARCHAR AS category, NULL::SMALLINT AS price WHERE false
"""

VISIT_MS = 30 * 60 * 1000
"""A visit ends after so long without an event."""


@dataclass(frozen=True)
class Raw:
    """Queries of raw tables.

    Attributes:
        origin: what the events are read from, for messages.
        search_origin: the same of the searches.
        catalog_origin: and of the catalogue, if it is not `origin`.
        browsing: session, event_type, product_action, sku (texts), time (epoch ms).
        search: session, time, clicks.
        catalog: sku, category, price (1 to 10, or null).
        costly: whether to read the browsing again takes longer than to keep it.
    """

    origin: str
    browsing: str
    search: str = NO_SEARCH
    catalog: str = NO_CATALOG
    costly: bool = False
    search_origin: str = ""
    catalog_origin: str = ""


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
        'event_product' AS event_type, product_action, sku, time
    FROM timed
    """
