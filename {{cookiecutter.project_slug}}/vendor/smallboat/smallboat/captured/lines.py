"""The lines that the API captured, as a table of DuckDB; many may be torn or wrong."""

from pathlib import Path
from typing import Any

MAX_LINE = 2**25
"""Bytes; no body that the API accepts makes a longer line."""
FIELDS = (
    "$.time", "$.id", "$.ms", "$.status", "$.error.code", "$.model.release", "$.model.model_hash",
    "$.model.run", "$.features_run", "$.rows", "$.keys", "$.inputs", "$.outputs", "$.redacted",
)  # fmt: skip
IDENTIFYING = 192
"""Characters at a line's beginning that, with its length, tell it from all others: they have its
time, id, duration and status. To hash the whole line would take as long as to read it."""
STAGE = f"""
CREATE OR REPLACE TEMP TABLE stage AS
WITH text AS (
    SELECT line, try(json_extract_string(line, {list(FIELDS)})) AS v
    FROM read_csv(
        ?, columns = {{'line': 'VARCHAR'}}, header = false, auto_detect = false, new_line = '\\n',
        delim = chr(1), quote = '', escape = '', strict_mode = false, null_padding = false,
        max_line_size = {MAX_LINE}, buffer_size = {2 * MAX_LINE}, store_rejects = true
    )
    WHERE line <> ''
),
typed AS (
    SELECT
        md5_number_lower(left(line, {IDENTIFYING}) || strlen(line)) AS line,
        try_cast(v[1] AS TIMESTAMP) AS said,
        CASE WHEN said BETWEEN '1970-01-01' AND '9999-01-01' THEN said END AS time,
        v[2] AS id,
        try_cast(v[3] AS FLOAT) AS ms,
        coalesce(try_cast(v[4] AS SMALLINT), 200) AS status,
        v[5] AS error,
        v[6] AS release,
        v[7] AS model,
        v[8] AS run,
        v[9] AS features_run,
        CASE
            WHEN v[10] IS NOT NULL THEN try_cast(v[10] AS UINTEGER)
            WHEN v IS NOT NULL THEN json_array_length(line, '$.predictions')
        END AS rows,
        try(from_json(v[11], '["VARCHAR"]')) AS named,
        CASE WHEN len(named) = rows THEN named ELSE [] END AS keys,
        try(from_base64(v[12])) AS inputs,
        try(from_base64(v[13])) AS outputs,
        coalesce(try(from_json(v[14], '["VARCHAR"]')), []) AS redacted,
    FROM text
)
SELECT
    * EXCLUDE (said, named, inputs, outputs, column_bytes, whole),
    CASE WHEN whole THEN inputs END AS inputs,
    CASE WHEN whole THEN outputs END AS outputs,
FROM (
    SELECT *,
        greatest(4 * rows, 1) AS column_bytes,
        rows > 0 AND octet_length(inputs) > 0 AND octet_length(outputs) > 0
            AND octet_length(inputs) % column_bytes = 0 AND octet_length(outputs) % column_bytes = 0
            AS whole
    FROM typed
)
"""


def stage(connection: Any, file: Path) -> int:
    """Read a file into the table `stage`, in the order of its lines; returns how many are wrong.

    A line that is no JSON, or has no time, is not in the table. An answer whose inputs or outputs
    are not of as many rows as it says has none.
    """
    for table in ("reject_errors", "reject_scans"):  # DuckDB adds to those of an earlier file
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(STAGE, [[str(file)]])
    (rejected,) = connection.execute("SELECT count(*) FROM reject_errors").fetchone()
    (wrong,) = connection.execute("SELECT count(*) FROM stage WHERE time IS NULL").fetchone()
    connection.execute("DELETE FROM stage WHERE time IS NULL")
    return int(rejected + wrong)
