"""Tables that are too large for pandas: files read by DuckDB, models built by dbt, Snowflake."""
