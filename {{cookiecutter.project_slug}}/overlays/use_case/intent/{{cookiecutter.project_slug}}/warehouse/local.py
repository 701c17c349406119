"""Builds a warehouse on this machine: dbt on DuckDB, on the files of the snapshot."""

import shutil
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallboat import integrity
from smallboat.warehouse import dbt
from smallboat.warehouse.connection import connected
from smallboat.warehouse.tables import names

from . import parts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILE = "warehouse.duckdb"
"""As profiles.yml names it."""


def connect(database: Path, read_only: bool = True) -> "AbstractContextManager[DuckDBPyConnection]":
    """A connection of limited size to a warehouse; building may use what profiles.yml says."""
    return connected(database, read_only=read_only)


def built(folder: Path) -> Path | None:
    """The warehouse that a snapshot has, as the models of today make it and as it was written."""
    for path in sorted((folder / "cache").glob(f"{dbt.project_hash()}-*.duckdb")):
        if path == named(folder, path):
            return path
    return None


def named(folder: Path, database: Path) -> Path:
    """Where a snapshot's warehouse belongs: its name tells whether it was changed since."""
    name = f"{dbt.project_hash()}-{integrity.sha256(database)[:16]}.duckdb"
    return folder / "cache" / name


def build(folder: Path, staged: Path) -> Path:
    """Make a snapshot's warehouse in a new file; returns it.

    Args:
        folder: the snapshot.
        staged: an empty folder.

    Raises:
        UserError: a model or a test failed.
    """
    contents = parts.contents(folder)
    database = staged / FILE
    kept = _begin(folder, database, contents)
    views = _views(folder, contents, kept)
    with connect(database, read_only=False) as connection:
        record(connection, "snapshot_days", contents, kept)
        for view, select in views.items():
            connection.execute(f"create view {view} as {select}")
    dbt.build("duckdb", staged)
    with connect(database, read_only=False) as connection:
        for view in views:
            connection.execute(f"drop view {view}")
    return database


def settle(database: Path) -> None:
    """Put all that was written into the database's own file.

    DuckDB does so when it is closed, and says nothing if it can't.
    """
    with connect(database, read_only=False) as connection:
        connection.execute("force checkpoint")


def record(connection: Any, table: str, contents: Mapping[str, str], kept: Collection[str]) -> None:
    """Write down of what the days are made, and which are to be computed."""
    rows = ", ".join(f"('{day}', '{of}', {day not in kept})" for day, of in contents.items())
    connection.execute(
        f"create or replace table {table} (day varchar, content varchar, fresh boolean)"
    )
    connection.execute(f"insert into {table} values {rows}")


def _begin(folder: Path, database: Path, contents: Mapping[str, str]) -> set[str]:
    """Begin with the newest warehouse that has days of this snapshot; returns these days."""
    for earlier in parts.earlier(folder):
        if made := built(earlier):
            with connect(made) as connection:
                days = connection.execute("select day, content from snapshot_days").fetchall()
            if kept := {day for day, content in days if contents.get(day) == content}:
                shutil.copyfile(made, database)
                return kept
    return set()


def _views(folder: Path, contents: Mapping[str, str], kept: Collection[str]) -> dict[str, str]:
    """The models' sources: the files of the days to be computed, and the catalogue."""
    days = [day for day in contents if day not in kept]
    views = {"snapshot_catalog": f"select * from read_parquet({names([parts.catalog(folder)[0]])})"}
    for kind in ("browsing", "search"):
        # There is no view of no file.
        files = names(parts.files(folder, kind, days or [min(contents)]))
        views[f"snapshot_{kind}"] = (
            "select null::varchar as page_type where false union all by name "
            "select *, substr(filename, length(filename) - 17, 10) as day "
            f"from read_parquet({files}, filename = true) {'' if days else 'where false'}"
        )
    return views
