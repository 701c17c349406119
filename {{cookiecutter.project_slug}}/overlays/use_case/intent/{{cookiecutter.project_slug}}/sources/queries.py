"""The SQL that turns raw tables into the rows of a snapshot.

The browsing is read once. What is kept of it and sorted are numbers: of a session and of a product
a hash (two of ten million sessions have the same with a chance of 1 to 400,000; they would count as
one). Only the events that fill a cart keep the session's name. The other texts come back when a day
is written.
"""

from smallboat.samples.shops.raw import BUCKETS
from smallboat.warehouse.times import USUAL

DAY_MS = 86_400_000

KNOWN_WORDS = {
    "event_types": "ENUM('event_product', 'pageview')",
    "actions": "ENUM('add', 'detail', 'purchase', 'remove')",
}
"""Types for the usual words, in the order of their texts."""

ANY_WORDS = dict.fromkeys(KNOWN_WORDS, "VARCHAR")

SEARCHES = """
CREATE TABLE searches AS
SELECT CASE WHEN session <> '' THEN hash(session) END AS key, time, clicks FROM ({search})
"""

EVENTS = """
CREATE TABLE events AS
SELECT
    CASE WHEN session <> '' THEN hash(session) END AS key,
    time,
    event_type::{event_types} AS event_type,
    product_action::{actions} AS product_action,
    CASE WHEN sku IS NOT NULL THEN hash(sku) END AS sku,
    page,
    CASE WHEN product_action = 'add' THEN session END AS filling
FROM ({browsing})
"""

WRONG = f"""
SELECT
    (SELECT count(*) FROM events) AS events,
    (SELECT count(*) FROM events WHERE key IS NULL OR coalesce(time NOT {USUAL}, true))
    + (SELECT count(*) FROM searches WHERE key IS NULL OR coalesce(time NOT {USUAL}, true))
    + (SELECT count(*) FROM catalog WHERE price NOT IN ({BUCKETS}))
"""

NULL_BYTE = "SELECT {column} FROM {table} WHERE contains({column}::VARCHAR, chr(0)) LIMIT 1"

VISITS = f"""
CREATE TABLE visits AS
SELECT
    key,
    min(filling) AS session,
    min(time) // {DAY_MS} AS day,
    count(*) AS events,
    count(product_action) AS product_events
FROM (
    SELECT key, time, product_action, filling FROM events
    UNION ALL
    SELECT key, time, NULL, NULL FROM searches
)
GROUP BY key
"""
"""All sessions; only those that fill a cart have their names."""

SESSIONS = """
CREATE TABLE sessions AS
SELECT session, key, day FROM visits WHERE session IS NOT NULL ORDER BY day, session
"""

READ = """
SELECT
    (SELECT count(*) FROM events), (SELECT count(*) FROM visits), (SELECT count(*) FROM sessions)
"""

BROWSING = """
CREATE TABLE browsing AS
SELECT sessions.rowid::UINTEGER AS session, time, event_type, product_action, sku, page
FROM events JOIN sessions USING (key)
ORDER BY ALL NULLS FIRST
"""

SEARCH = """
CREATE TABLE search AS
SELECT sessions.rowid::UINTEGER AS session, time, clicks FROM searches JOIN sessions USING (key)
ORDER BY ALL NULLS FIRST
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

PAGES = "SELECT count(page) > 0 FROM browsing"

DAYS = "SELECT day, min(rowid), max(rowid) FROM sessions GROUP BY day ORDER BY day"

BROWSING_OF_DAY = """
SELECT
    sessions.session AS session_id_hash,
    event_type,
    product_action,
    skus.sku AS product_sku_hash,
    time AS server_timestamp_epoch_ms{pages}
FROM browsing
JOIN sessions ON sessions.rowid = browsing.session
LEFT JOIN skus ON skus.key = browsing.sku
WHERE browsing.session BETWEEN {first} AND {last} AND sessions.day = {day}
"""

SEARCH_OF_DAY = """
SELECT sessions.session AS session_id_hash, time AS server_timestamp_epoch_ms, clicks
FROM search
JOIN sessions ON sessions.rowid = search.session
WHERE search.session BETWEEN {first} AND {last} AND sessions.day = {day}
"""

CATALOG = """
SELECT DISTINCT ON (sku)
    sku AS product_sku_hash, category AS category_hash, price::SMALLINT AS price_bucket
FROM catalog WHERE sku <> ''
ORDER BY ALL
"""

VISITS_OF_DAYS = f"""
SELECT
    epoch_ms(day * {DAY_MS})::DATE::VARCHAR AS day,
    count(*) AS sessions,
    sum(events)::BIGINT AS events,
    max(events)::BIGINT AS longest,
    sum(product_events)::BIGINT AS product_events
FROM visits
GROUP BY ALL
ORDER BY day
"""
