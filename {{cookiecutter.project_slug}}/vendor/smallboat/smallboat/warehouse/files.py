"""Tables in files: which there are, whether they have the columns, and SQL that reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import datafiles
from ..errors import UserError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KINDS = (".csv", ".csv.gz", ".parquet")

UNPACKED = """
SELECT file_name, sum(greatest(total_uncompressed_size, num_values)), sum(total_compressed_size)
FROM parquet_metadata({names}) GROUP BY ALL
"""
"""A value takes a byte at least, though a run of equal ones is kept as one."""

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Table:
    """SQL that reads a table, for `FROM`, and the types of its columns."""

    sql: str
    types: Mapping[str, str]


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
    connection: "DuckDBPyConnection", paths: list[Path], types: Mapping[str, str], where: str
) -> Table:
    """The table that lies in files of one kind.

    Args:
        connection: For a look at Parquet files.
        paths: The files.
        types: The columns that are needed, and the types that their values in CSV have.
        where: Says where to get such files.

    Raises:
        UserError: A file is not what its name says, or lacks a column.
    """
    names = "[" + ", ".join(text(str(path)) for path in paths) + "]"
    if paths[0].name.endswith(".parquet"):
        for name, unpacked, packed in connection.execute(UNPACKED.format(names=names)).fetchall():
            datafiles.check_unpacked_size(Path(name), unpacked, packed)
        sql = f"read_parquet({names}, union_by_name = true)"
        rows = connection.execute(f"DESCRIBE FROM {sql}").fetchall()
        found = {row[0]: row[1] for row in rows}
        _need(types, list(found), paths[0], where)
        return Table(sql, found)
    headers = [datafiles.header(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        _need(types, header, path, where)
        if header != headers[0]:
            raise UserError(f"{path} has other columns than {paths[0].name}, or in another order.")
        if path.suffix != ".gz":
            _ended(path)
    columns = ", ".join(f"{text(name)}: {text(types.get(name, 'VARCHAR'))}" for name in headers[0])
    options = "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"'"
    return Table(f"read_csv({names}, {options}, columns = {{{columns}}})", types)


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def _need(types: Mapping[str, str], header: list[str], path: Path, where: str) -> None:
    missing = [name for name in types if name not in header]
    if not missing:
        return
    for separator, name in SEPARATORS.items():
        if len(header) == 1 and separator in header[0]:
            raise UserError(f"{path} is separated by {name}; save it as CSV with commas.")
    raise UserError(
        f"{path} lacks the column {', '.join(missing)}; it needs {', '.join(types)}; {where}"
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
