"""The one place where DuckDB is opened: with a memory limit, in UTC, its errors as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from . import sentences

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@contextmanager
def connected(
    database: Path | None = None,
    memory_mb: int = 2000,
    threads: int | None = 2,
    read_only: bool = False,
    spill: Path | None = None,
) -> "Iterator[DuckDBPyConnection]":
    """A connection for the block.

    Times are UTC whatever the machine's time zone is: DuckDB would convert times with a zone to
    the machine's.

    Args:
        database: The file; without it the database is in memory.
        memory_mb: The limit; what needs more goes to the disk.
        threads: The limit; None leaves it to DuckDB.
        read_only: Whether the database can't be changed.
        spill: The folder on the disk for what needs more memory.

    Raises:
        UserError: For what DuckDB refuses within the block.
    """
    import duckdb

    limits: dict[str, Any] = {"memory_limit": f"{memory_mb}MB"}
    if threads:
        limits["threads"] = threads
    if spill:
        limits["temp_directory"] = str(spill)
    name = str(database) if database else ":memory:"
    try:
        with duckdb.connect(name, read_only=read_only, config=limits) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
    except duckdb.OutOfMemoryException as error:
        more = "raise memory_mb in the table [data] of the configuration, or " if spill else ""
        raise UserError(
            f"{memory_mb} MB are too few to sort the rows, or the disk has no room for the rest; "
            f"{more}make room on the disk."
        ) from error
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise UserError(sentences.sentence(str(error))) from error
