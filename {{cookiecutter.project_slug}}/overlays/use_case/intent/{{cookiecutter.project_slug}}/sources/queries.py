"""The SQL that turns raw tables into the rows of a snapshot.

Sessions and products are numbered in the order of their texts, by the `rowid` of their tables. The
events are sorted as numbers, for to sort texts takes ten times as long, and the texts come back
when a day is written.
"""

DAY_MS = 86_400_000

USUAL = {
    "event_types": "ENUM('event_product', 'pageview')",
    "actions": "ENUM('add', 'detail', 'purchase', 'remove')",
}
"""The usual words, in the order of their texts."""

ANY = dict.fromkeys(USUAL, "VARCHAR")

EVENTS = """
CREATE TABLE events AS
SELECT
    session,
    event_type::{event_types} AS event_type,
    product_action::{actions} AS product_action,
    sku,
    time
FROM ({browsing})
"""

SESSIONS = f"""
CREATE TABLE sessions AS
SELECT session, hash(session) AS key, min(time) // {DAY_MS} AS day
FROM (SELECT session, time FROM events UNION ALL SELECT session, time FROM searches)
GROUP BY session
ORDER BY day, session
"""

SKUS = "CREATE TABLE skus AS SELECT DISTINCT sku FROM events WHERE sku IS NOT NULL ORDER BY sku"

SAME = {True: "sessions.key = hash({table}.session)", False: "sessions.session = {table}.session"}
"""Whether a row is of a session: by numbers if all sessions have another, which is faster."""

ORDERED = """
CREATE TABLE ordered AS
SELECT
    sessions.rowid::UINTEGER AS session,
    time,
    event_type,
    product_action,
    skus.rowid::UINTEGER AS sku
FROM events JOIN sessions ON {same} LEFT JOIN skus USING (sku)
ORDER BY ALL NULLS FIRST
"""

ORDERED_SEARCHES = """
CREATE TABLE ordered_searches AS
SELECT sessions.rowid::UINTEGER AS session, time, clicks, shown
FROM searches JOIN sessions ON {same}
ORDER BY ALL NULLS FIRST
"""

DAYS = "SELECT day, min(rowid), max(rowid) FROM sessions GROUP BY day ORDER BY day"

BROWSING_OF_DAY = """
SELECT
    sessions.session AS session_id_hash,
    event_type,
    product_action,
    skus.sku AS product_sku_hash,
    time AS server_timestamp_epoch_ms
FROM ordered
JOIN sessions ON sessions.rowid = ordered.session
LEFT JOIN skus ON skus.rowid = ordered.sku
WHERE ordered.session BETWEEN {first} AND {last} AND sessions.day = {day}
"""

SEARCH_OF_DAY = """
SELECT
    sessions.session AS session_id_hash,
    time AS server_timestamp_epoch_ms,
    clicks,
    shown
FROM ordered_searches
JOIN sessions ON sessions.rowid = ordered_searches.session
WHERE ordered_searches.session BETWEEN {first} AND {last} AND sessions.day = {day}
"""

CATALOG = """
SELECT DISTINCT ON (sku)
    sku AS product_sku_hash, category AS category_hash, price AS price_bucket
FROM catalog WHERE sku <> ''
ORDER BY ALL
"""
