"""The SQL that turns raw tables into the rows of a snapshot.

The browsing is read twice: once to see on which day each session began, and once to sort it. It
takes less time than to keep so many texts in between. What is sorted are numbers: of a session the
place (`rowid`) in the table of sessions, of a product the code in a type made of all of them; both
have the order of the texts, which come back when a day is written.
"""

from .times import USUAL

DAY_MS = 86_400_000

KNOWN_WORDS = {
    "event_types": "ENUM('event_product', 'pageview')",
    "actions": "ENUM('add', 'detail', 'purchase', 'remove')",
}
"""Types for the usual words, in the order of their texts."""

ANY_WORDS = dict.fromkeys(KNOWN_WORDS, "VARCHAR")

GROUPS = f"""
CREATE TABLE groups AS
SELECT
    session,
    sku,
    grouping(session) = 0 AS of_session,
    count(*) AS rows,
    count(time) AS timed,
    count(*) FILTER ({USUAL}) AS usual,
    min(time) AS first,
    max(time) AS last
FROM (
    SELECT session, sku, time FROM ({{browsing}})
    UNION ALL
    SELECT session, NULL, time FROM searches
)
GROUP BY GROUPING SETS ((session), (sku))
"""
"""The sessions, and the products, each once."""

SESSIONS = f"""
CREATE TABLE sessions AS
SELECT session, hash(session) AS key, first // {DAY_MS} AS day
FROM groups
WHERE of_session
ORDER BY day, session
"""

SKUS = """
CREATE TYPE skus AS ENUM (
    SELECT sku FROM groups WHERE NOT of_session AND sku IS NOT NULL ORDER BY sku
)
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
    sku::skus AS sku
FROM ({browsing}) AS events JOIN sessions ON {same}
ORDER BY ALL NULLS FIRST
"""

SEARCH = """
CREATE TABLE search AS
SELECT sessions.rowid::UINTEGER AS session, time, clicks, shown, events.session AS name
FROM searches AS events JOIN sessions ON {same}
ORDER BY ALL NULLS FIRST
"""

DAYS = "SELECT day, min(rowid), max(rowid) FROM sessions GROUP BY day ORDER BY day"

BROWSING_OF_DAY = """
SELECT
    sessions.session AS session_id_hash,
    event_type,
    product_action,
    sku::VARCHAR AS product_sku_hash,
    time AS server_timestamp_epoch_ms
FROM browsing JOIN sessions ON sessions.rowid = browsing.session
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
