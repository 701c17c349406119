"""The SQL that turns raw tables into the rows of a snapshot.

The browsing is read twice: once to see on which day each session began, and once to sort it. It
takes less time than to keep so many texts in between. What is sorted are numbers: of a session its
place in the table of sessions (`rowid`, in the order of days and names), of a product a hash. Their
texts come back when a day is written.
"""

from .times import USUAL

DAY_MS = 86_400_000

KNOWN_WORDS = {
    "event_types": "ENUM('event_product', 'pageview')",
    "actions": "ENUM('add', 'detail', 'purchase', 'remove')",
}
"""Types for the usual words, in the order of their texts."""

ANY_WORDS = dict.fromkeys(KNOWN_WORDS, "VARCHAR")

SESSIONS = f"""
CREATE TABLE sessions AS
SELECT session, hash(session) AS key, min(time) // {DAY_MS} AS day
FROM (
    SELECT session, time FROM ({{browsing}})
    UNION ALL
    SELECT session, time FROM searches
)
GROUP BY session
ORDER BY day, session
"""

OF_SESSIONS = """
SELECT count(*), count(DISTINCT key), count(*) FILTER (session IS NULL OR session = '')
FROM sessions
"""

SAME = {True: "sessions.key = hash(events.session)", False: "sessions.session = events.session"}
"""Whether an event is of a session: by numbers if all sessions have another, which is faster."""

BROWSING = """
CREATE TABLE browsing AS
SELECT
    sessions.rowid::UINTEGER AS session,
    time,
    event_type::{event_types} AS event_type,
    product_action::{actions} AS product_action,
    CASE WHEN sku IS NOT NULL THEN hash(sku) END AS sku
FROM ({browsing}) AS events JOIN sessions ON {same}
ORDER BY ALL NULLS FIRST
"""

SEARCH = """
CREATE TABLE search AS
SELECT sessions.rowid::UINTEGER AS session, time, clicks, shown, events.session AS name
FROM searches AS events JOIN sessions ON {same}
ORDER BY ALL NULLS FIRST
"""

TIMES = f"""
SELECT count(*), count(time), count(*) FILTER ({USUAL}), min(time), max(time) FROM {{table}}
"""

SKUS = """
CREATE TABLE skus AS
SELECT hash(sku) AS key, any_value(sku) AS sku FROM catalog WHERE sku IS NOT NULL GROUP BY key
"""

NEW_KEYS = """
CREATE TABLE new_keys AS
SELECT DISTINCT sku AS key FROM browsing WHERE sku NOT IN (SELECT key FROM skus)
"""

NEW_SKUS = """
INSERT INTO skus
SELECT hash(sku) AS key, any_value(sku) FROM ({browsing}) AS events
WHERE sku IS NOT NULL AND hash(sku) IN (FROM new_keys)
GROUP BY key
"""
"""Products that the catalogue lacks."""

DAYS = "SELECT day, min(rowid), max(rowid) FROM sessions GROUP BY day ORDER BY day"

BROWSING_OF_DAY = """
SELECT
    sessions.session AS session_id_hash,
    event_type,
    product_action,
    skus.sku AS product_sku_hash,
    time AS server_timestamp_epoch_ms
FROM browsing
JOIN sessions ON sessions.rowid = browsing.session
LEFT JOIN skus ON skus.key = browsing.sku
WHERE browsing.session BETWEEN {first} AND {last} AND sessions.day = {day}
"""

SEARCH_OF_DAY = """
SELECT name AS session_id_hash, time AS server_timestamp_epoch_ms, clicks, shown
FROM search
WHERE session BETWEEN {first} AND {last}
"""

CATALOG = """
SELECT DISTINCT ON (sku)
    sku AS product_sku_hash, category AS category_hash, price AS price_bucket
FROM catalog WHERE sku <> ''
ORDER BY ALL
"""
