"""Builds a warehouse on Snowflake: dbt on tables into which a snapshot's files are loaded.

A day's files are loaded once, together or not at all, and kept by their content: what was
interrupted goes on, and a later snapshot brings its new days only. What is counted comes back into
a file on this machine, so that it is asked for once.
"""

from collections.abc import Mapping
from pathlib import Path

from smallboat.warehouse import dbt
from smallboat.warehouse.account import Connection, connected

from . import local, parts

RAW = "INTENT_RAW"
"""The schema of the files' tables."""
TABLES = {
    "browsing": {
        "session_id_hash": "varchar", "product_action": "varchar", "product_sku_hash": "varchar",
        "server_timestamp_epoch_ms": "bigint", "page_type": "varchar",
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
    with connected() as connection:
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
    with connected() as connection:
        _bring(connection, schema, database)
        # Of a schema that has it a later snapshot may begin.
        connection.execute(f"create table {schema}.{WHOLE} clone {schema}.snapshot_days")
    return database


def _load(connection: Connection, folder: Path, contents: Mapping[str, str]) -> str:
    """Load the parts that are not there yet; returns the catalogue's."""
    connection.execute(f"create schema if not exists {RAW}")
    connection.execute(f"create stage if not exists {RAW}.files")
    connection.execute(f"create table if not exists {RAW}.loaded (part varchar)")
    for table, columns in TABLES.items():
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create table if not exists {RAW}.{table} (part varchar, {typed})")
    connection.execute(f"alter table {RAW}.browsing add column if not exists page_type varchar")
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
