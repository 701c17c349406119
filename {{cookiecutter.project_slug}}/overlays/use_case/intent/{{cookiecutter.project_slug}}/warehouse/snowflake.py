"""Builds a warehouse on Snowflake: dbt on tables into which a snapshot's files are loaded.

A day's files are loaded once, together or not at all, and kept by their content: what was
interrupted goes on, and a later snapshot brings its new days only. What is counted comes back into
a file on this machine, so that it is asked for once.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import UserError
from . import dbt, local, parts

RAW = "INTENT_RAW"
"""The schema of the files' tables."""
NEEDED = ("ACCOUNT", "USER", "PASSWORD", "DATABASE", "WAREHOUSE", "ROLE")
PATIENCE_SECONDS = 30
TABLES = {
    "browsing": {
        "session_id_hash": "varchar", "product_action": "varchar", "product_sku_hash": "varchar",
        "server_timestamp_epoch_ms": "bigint",
    },
    "search": {
        "session_id_hash": "varchar", "server_timestamp_epoch_ms": "bigint", "clicks": "integer",
    },
    "catalog": {
        "product_sku_hash": "varchar", "category_hash": "varchar", "price_bucket": "smallint",
    },
}  # fmt: skip
"""Tables of files, with the columns that are read."""
KEPT = ("cart_sessions", "cart_events", "products", "features")
"""What an incremental build begins with."""
BROUGHT = ("cart_sessions", "products", "features", "examples")
WHOLE = "whole"
"""The table that a schema has once it is built and tested."""


def build(folder: Path, staged: Path) -> Path:
    """Make a snapshot's warehouse on Snowflake; returns a new file with what was counted.

    Raises:
        UserError: Snowflake refused or did not answer, or a model or a test failed.
    """
    contents = parts.contents(folder)
    schema = _schema(folder)
    with _connected() as connection:
        catalog = _load(connection, folder, contents)
        kept = _begin(connection, folder, contents)
        local.record(connection, f"{schema}.snapshot_days", contents, kept)
        fresh = [f"{day}-{content}" for day, content in contents.items() if day not in kept]
        for kind, named in {"browsing": fresh, "search": fresh, "catalog": [catalog]}.items():
            chosen = ", ".join(f"'{part}'" for part in named) or "null"
            connection.execute(
                f"create view {schema}.snapshot_{kind} as select left(part, 10) as day, * "
                f"from {RAW}.{kind} where part in ({chosen})"
            )
    dbt.build("snowflake", staged, {"schema": schema})
    database = staged / local.FILE
    with _connected() as connection:
        _bring(connection, schema, database)
        # Of a schema that has it a later snapshot may begin.
        connection.execute(f"create table {schema}.{WHOLE} clone {schema}.snapshot_days")
    return database


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
        says = " ".join(str(error.msg or error).split())
        raise UserError(
            f"Snowflake: {says}; nothing was loaded by half, and the next run goes on from here"
        ) from error


@contextmanager
def _connected() -> Iterator[Connection]:
    missing = [f"SNOWFLAKE_{name}" for name in NEEDED if not os.environ.get(f"SNOWFLAKE_{name}")]
    if missing:
        raise UserError(
            f"the warehouse is Snowflake, but {', '.join(missing)} is not set in the environment"
        )
    import snowflake.connector

    asked = {name.lower(): os.environ[f"SNOWFLAKE_{name}"] for name in NEEDED}
    for name in ("HOST", "PORT", "PROTOCOL"):
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


def _load(connection: Connection, folder: Path, contents: Mapping[str, str]) -> str:
    """Load the parts that are not there yet; returns the catalogue's."""
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(f"create stage if not exists {RAW}.files")
    connection.execute(f"create table if not exists {RAW}.loaded (part varchar)")
    for table, columns in TABLES.items():
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create table if not exists {RAW}.{table} (part varchar, {typed})")
    loaded = {part for (part,) in connection.execute(f"select part from {RAW}.loaded")}
    path, content = parts.catalog(folder)
    catalog = f"catalog-{content}"
    needed = {catalog: {"catalog": path}} | {
        f"{day}-{content}": {
            kind: parts.files(folder, kind, [day])[0] for kind in ("browsing", "search")
        }
        for day, content in contents.items()
    }
    for part, files in needed.items():
        if part not in loaded:
            _load_part(connection, part, files)
    return catalog


def _load_part(connection: Connection, part: str, files: Mapping[str, Path]) -> None:
    for path in files.values():
        connection.execute(
            f"put 'file://{path}' @{RAW}.files/{part} auto_compress = false overwrite = true"
        )
    with connection.transaction():
        for table, path in files.items():
            columns = ", ".join(f"$1:{name}::{kind}" for name, kind in TABLES[table].items())
            connection.execute(f"delete from {RAW}.{table} where part = '{part}'")
            connection.execute(
                f"copy into {RAW}.{table} (part, {', '.join(TABLES[table])}) "
                f"from (select '{part}', {columns} from @{RAW}.files/{part}/{path.name}) "
                "file_format = (type = parquet) force = true purge = true"
            )
        connection.execute(f"insert into {RAW}.loaded values ('{part}')")


def _begin(connection: Connection, folder: Path, contents: Mapping[str, str]) -> set[str]:
    """Make a schema of the newest one that has days of this snapshot; returns these days."""
    schema = _schema(folder)
    connection.execute(f"drop schema if exists {schema} cascade")
    connection.execute(f"create schema {schema}")
    for earlier in map(_schema, parts.earlier(folder)):
        built = connection.execute(
            "select count(*) from information_schema.tables "
            f"where table_schema = '{earlier}' and table_name = '{WHOLE.upper()}'"
        )
        if built != [(0,)]:
            days = connection.execute(f"select day, content from {earlier}.{WHOLE}")
            if kept := {day for day, content in days if contents.get(day) == content}:
                for table in KEPT:
                    connection.execute(
                        f"create transient table {schema}.{table} clone {earlier}.{table}"
                    )
                return kept
    return set()


def _schema(folder: Path) -> str:
    """The schema of a snapshot, as the models of today make it."""
    name = "".join(letter for letter in folder.resolve().name if letter.isalnum())
    return f"INTENT_{name}_{dbt.project_hash()[:8]}".upper()


def _bring(connection: Connection, schema: str, database: Path) -> None:
    with local.connect(database, read_only=False) as file:
        for table in BROUGHT:
            rows = connection.table(f"{schema}.{table}")
            rows = rows.rename_columns([name.lower() for name in rows.column_names])
            file.register("rows", rows)
            file.execute(f"create table {table} as select * from rows")
            file.unregister("rows")
