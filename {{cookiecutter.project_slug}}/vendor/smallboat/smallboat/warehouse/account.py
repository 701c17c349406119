"""The account on Snowflake that the environment names, and what it says in sentences."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import UserError

NEEDED = ("ACCOUNT", "USER", "PASSWORD", "DATABASE", "WAREHOUSE", "ROLE")
OPTIONAL = ("HOST", "PORT", "PROTOCOL")
"""Variables of the environment, each with SNOWFLAKE_ before it."""
PATIENCE_SECONDS = 30


class Connection:
    """Runs SQL; what Snowflake says against it becomes a UserError."""

    def __init__(self, connection: Any) -> None:
        self._cursor = connection.cursor()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement; returns its rows."""
        with _sentences():
            rows: list[tuple[Any, ...]] = self._cursor.execute(sql).fetchall()
        return rows

    def table(self, name: str) -> Any:
        """A whole table, as Arrow."""
        with _sentences():
            return self._cursor.execute(f"select * from {name}").fetch_arrow_all(True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's statements, or none."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            self.execute("rollback")
            raise
        self.execute("commit")


@contextmanager
def _sentences() -> Iterator[None]:
    from snowflake.connector import errors

    try:
        yield
    except errors.Error as error:
        message = " ".join(str(error.msg or error).split())
        raise UserError(
            f"Snowflake: {message.rstrip('.')}; solve this and run the command again: it continues "
            "where this run stopped, and no day is loaded in part"
        ) from error


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection for the block; UserError if a variable is missing or Snowflake refuses."""
    missing = [f"SNOWFLAKE_{name}" for name in NEEDED if not os.environ.get(f"SNOWFLAKE_{name}")]
    if missing:
        raise UserError(
            f"the warehouse is Snowflake, but {', '.join(missing)} is not set in the environment"
        )
    import snowflake.connector

    asked = {name.lower(): os.environ[f"SNOWFLAKE_{name}"] for name in NEEDED}
    for name in OPTIONAL:
        if value := os.environ.get(f"SNOWFLAKE_{name}"):
            asked[name.lower()] = value
    with _sentences():
        connection = snowflake.connector.connect(
            **asked, login_timeout=PATIENCE_SECONDS, network_timeout=PATIENCE_SECONDS
        )
    try:
        yield Connection(connection)
    finally:
        connection.close()
