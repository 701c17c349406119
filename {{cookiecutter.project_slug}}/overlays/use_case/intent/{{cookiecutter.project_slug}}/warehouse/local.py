"""Builds a warehouse on this machine: dbt on DuckDB, on the files of the snapshot."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import dbt, parts

MEMORY_MB, THREADS = 2000, 2


def connect(database: Path, read_only: bool = True) -> Any:
    """A connection of limited size to a warehouse."""
    import duckdb

    limits: dict[str, Any] = {"memory_limit": f"{MEMORY_MB}MB", "threads": THREADS}
    return duckdb.connect(str(database), read_only=read_only, config=limits)


def build(folder: Path, name: str, database: Path) -> None:
    """Make a snapshot's warehouse in a new file.

    Args:
        folder: the snapshot.
        name: of the files in which this warehouse and earlier ones are kept.
        database: the new file.

    Raises:
        UserError: a model or a test failed.
    """
    contents = parts.contents(folder)
    kept = _begin(folder, name, database, contents)
    days = [day for day in contents if day not in kept]
    # A source needs a file even if no day is read.
    read = days or [next(iter(contents))]
    dbt.build(
        "duckdb",
        {
            "database": str(database),
            "spill": str(database.parent / "spill"),
            "memory_mb": MEMORY_MB,
            "threads": THREADS,
            "days": days,
            "kept": kept,
            "browsing": _list(parts.files(folder, "browsing", read)),
            "search": _list(parts.files(folder, "search", read)),
            "catalog": _list([parts.catalog(folder)[0]]),
        },
    )
    record(database, contents)


def record(database: Path, contents: Mapping[str, str]) -> None:
    """Write down what the days were made of; it marks the warehouse as whole."""
    with connect(database, read_only=False) as connection:
        connection.execute("create or replace table days (day varchar, content varchar)")
        connection.executemany("insert into days values (?, ?)", [*contents.items()])


def _begin(folder: Path, name: str, database: Path, contents: Mapping[str, str]) -> list[str]:
    """Begin with the newest warehouse that has days of this snapshot; returns these days."""
    for earlier in parts.earlier(folder):
        made = earlier / "derived" / name
        if made.exists():
            with connect(made) as connection:
                days = connection.execute("select day, content from days order by day").fetchall()
            if kept := [day for day, content in days if contents.get(day) == content]:
                shutil.copyfile(made, database)
                return kept
    return []


def _list(paths: Iterable[Path]) -> str:
    """SQL of a list of files."""
    return "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"
