"""dbt, and the account on Snowflake: what any warehouse of a project needs."""
