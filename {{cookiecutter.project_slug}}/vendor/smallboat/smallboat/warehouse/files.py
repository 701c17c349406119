"""Tables in files: which there are, whether they have the columns, and SQL that reads them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import datafiles
from ..errors import UserError
from .tables import Table, names, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KINDS = (".csv", ".csv.gz", ".parquet")

UNPACKED = """
SELECT file_name, sum(greatest(total_uncompressed_size, num_values)), sum(total_compressed_size)
FROM parquet_metadata({names}) GROUP BY ALL
"""
"""A value takes a byte at least, though a run of equal ones is kept as one."""

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

CSV = "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"'"


def find(directory: Path, name: str, where: str) -> list[Path]:
    """The files of a table: `<name>.csv`, `.csv.gz` or `.parquet`, or parts `<name>-*` of it.

    Raises:
        UserError: there are none, or of several kinds; `where` says where to get them.
    """
    found = {
        kind: [
            *datafiles.find(directory, f"{name}{kind}"),
            *datafiles.find(directory, f"{name}-*{kind}"),
        ]
        for kind in KINDS
    }
    kinds = [kind for kind in KINDS if found[kind]]
    if not kinds:
        raise UserError(f"{directory} lacks {name}.csv (or .csv.gz or .parquet); {where}")
    if len(kinds) > 1:
        raise UserError(f"{directory} has {name} as {' and as '.join(kinds)}; keep one of them.")
    return found[kinds[0]]


def table(
    connection: "DuckDBPyConnection", paths: list[Path], needed: Sequence[str], where: str
) -> Table:
    """The table that lies in files of one kind.

    Args:
        connection: For a look at Parquet files.
        paths: The files.
        needed: The columns that it must have.
        where: Says where to get such files.

    Raises:
        UserError: A file is not what its name says, or lacks a column.
    """
    if paths[0].name.endswith(".parquet"):
        return _parquet(connection, paths, needed, where)
    headers = [_header(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        _need(needed, header, path, where)
        if header != headers[0]:
            raise UserError(f"{path} has other columns than {paths[0].name}, or in another order.")
        if path.suffix != ".gz":
            _ended(path)
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in headers[0])
    types = dict.fromkeys(headers[0], "VARCHAR")
    return Table(paths, "read_csv", f"{CSV}, columns = {{{columns}}}", types)


def _parquet(
    connection: "DuckDBPyConnection", paths: list[Path], needed: Sequence[str], where: str
) -> Table:
    found = {path: _types(connection, path) for path in paths}
    first = found[paths[0]]
    for path, types in found.items():
        _need(needed, list(types), path, where)
        for name in needed:
            if _family(types[name]) != _family(first[name]):
                raise UserError(
                    f"{path}, column {name} has the type {types[name]}, but {first[name]} in "
                    f"{paths[0].name}; save both with one type."
                )
    together = Table(paths, "read_parquet", "union_by_name = true", {})
    rows = connection.execute(f"DESCRIBE FROM {together.sql}").fetchall()
    return replace(together, types={row[0]: row[1] for row in rows})


def _types(connection: "DuckDBPyConnection", path: Path) -> dict[str, str]:
    """The columns of a Parquet file; UserError if it is none, or unpacks to too much."""
    import duckdb

    one = names([path])
    try:
        sizes = connection.execute(UNPACKED.format(names=one)).fetchall()
        rows = connection.execute(f"DESCRIBE FROM read_parquet({one})").fetchall()
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not a whole Parquet file; copy or download it again."
        ) from error
    for _, unpacked, packed in sizes:
        datafiles.check_unpacked_size(path, unpacked, packed)
    return {row[0]: row[1] for row in rows}


def _family(kind: str) -> str:
    """Types of one family become one type when files are read together."""
    for family in ("INT", "TIMESTAMP"):
        if family in kind and "[" not in kind:
            return family
    return "INT" if kind in ("DOUBLE", "FLOAT") else kind.partition("(")[0]


def _header(path: Path) -> list[str]:
    """The names of a CSV file's columns; one without a name gets its number.

    pandas writes its index without a name; a comma at the end makes another such column.
    """
    found = [name or f"column {at}" for at, name in enumerate(datafiles.header(path), start=1)]
    for name, times in Counter(name.lower() for name in found).items():
        if times > 1:
            raise UserError(f"{path} has two columns of the name {name}; rename one.")
    return found


def _need(needed: Sequence[str], header: list[str], path: Path, where: str) -> None:
    missing = [name for name in needed if name not in header]
    if not missing:
        return
    for separator, name in SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            raise UserError(f"{path} is separated by {name}; save it as CSV with commas.")
    if spaced := [name for name in header if name != name.strip() and name.strip() in missing]:
        raise UserError(
            f"{path}, line 1 has spaces around {spaced[0].strip()}; save it without spaces "
            "beside the commas."
        )
    raise UserError(
        f"{path} lacks the column {', '.join(missing)}; it needs {', '.join(needed)}; {where}"
    )


def _ended(path: Path) -> None:
    """Refuse a file whose last line has no end: it may be torn within its last value."""
    with path.open("rb") as file:
        file.seek(-1, 2)
        if file.read(1) not in b"\r\n":
            raise UserError(
                f"{path} ends within a line, so its last row may be torn; copy or download it "
                "again, or end the line if it is whole."
            )
