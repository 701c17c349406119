"""A user's table, in a file or the answer to a query, as SQL that DuckDB reads row by row."""

import csv
import io
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import datafiles
from ..errors import UserError
from ..text_tables import SEPARATORS
from . import connection, sentences
from .tables import names, text

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

MAX_HEADER = 2**20
"""Characters; enough for the names of some 10,000 columns."""

VECTOR = 2048
"""Rows that DuckDB hands over at once."""

PLAIN = re.compile(
    r"VARCHAR|BOOLEAN|DATE|TIMESTAMP[\w ]*|DOUBLE|FLOAT|DECIMAL\(.*\)"
    r"|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER"
)
"""The types that are kept; values of others become text."""


@dataclass(frozen=True)
class Source:
    """A table that is open.

    Attributes:
        connection: answers queries about it.
        sql: reads it, for `FROM`.
        types: DuckDB's types by column; in CSV files all are VARCHAR.
        origin: where the table is from, for messages.
    """

    connection: "DuckDBPyConnection"
    sql: str
    types: Mapping[str, str]
    origin: str

    def totals(self, *sql: str) -> tuple[Any, ...]:
        """What aggregates over all its rows are, such as `count(*)`."""
        (found,) = self.connection.execute(f"SELECT {', '.join(sql)} FROM {self.sql}").fetchall()
        return tuple(found)

    def chunks(
        self, selected: Mapping[Any, str], rows: int
    ) -> "Iterator[dict[Any, pd.Series[Any]]]":
        """Its rows in their order, about so many at a time; SQL by the name of its column."""
        asked = list(dict.fromkeys(selected.values()))  # text that is asked for twice is read once
        result = self.connection.execute(f"SELECT {', '.join(asked)} FROM {self.sql}")
        while len(chunk := result.fetch_df_chunk(max(1, rows // VECTOR))):
            found = {sql: chunk.iloc[:, at] for at, sql in enumerate(asked)}
            yield {name: found[sql] for name, sql in selected.items()}


@contextmanager
def opened(file: Path | None, sql: str = "", root: Path = Path()) -> Iterator[Source]:
    """A table for the block, which raises UserError for all that makes it no table.

    Args:
        file: CSV in UTF-8 or UTF-16 with commas, semicolons, tabs or bars, which may be packed if
            its name ends in `.gz`; or Parquet if its name ends so.
        sql: A query, if there is no file. Its answer is sorted, so that it is always the same.
        root: The folder that paths in the query begin in.
    """
    with tempfile.TemporaryDirectory() as spill:
        threads = 2 if file else 1  # with more, sums of floats differ from time to time
        with connection.connected(threads=threads, spill=Path(spill)) as database:
            # In a notebook it is off, and DuckDB refuses to switch it off again without ipywidgets.
            if database.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
                database.execute("SET enable_progress_bar = false")
            database.execute(f"SET autoload_known_extensions = {not file}")
            database.execute(f"SET autoinstall_known_extensions = {not file}")
            origin = str(file or "problem.sql")
            with _sentences(file):
                reads = _file(file, Path(spill)) if file else _query(database, sql, root)
                described = database.execute(f"DESCRIBE FROM {reads}").fetchall()
                found = {row[0]: row[1] for row in described}
                _check_names(origin, list(found))
                yield _plain(Source(database, reads, found, origin))


def identifier(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _plain(source: Source) -> Source:
    """With text for what is neither a number nor text nor a time."""
    kept = {
        name: kind if PLAIN.fullmatch(kind) else "VARCHAR" for name, kind in source.types.items()
    }
    items = (f"{identifier(name)}::{kind} AS {identifier(name)}" for name, kind in kept.items())
    return replace(source, sql=f"(SELECT {', '.join(items)} FROM {source.sql})", types=kept)


def _file(path: Path, folder: Path) -> str:
    """SQL that reads a file; UserError if it is none, or is no text."""
    if not path.exists():
        raise UserError(f"{path} does not exist; correct the path.")
    real = Path(os.path.realpath(path))
    if not real.is_file() or real.suffix == ".parquet":
        datafiles.check(real)
        return f"read_parquet({names([real])})"
    with real.open("rb") as file:
        wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    return _csv(path, _transcoded(path, folder) if wide else real)


def _transcoded(path: Path, folder: Path) -> Path:
    """A file in UTF-16 as one in UTF-8, with line ends as they are."""
    with (
        path.open(encoding="utf-16", newline="") as wide,
        (folder / "table.csv").open("w", encoding="utf-8", newline="") as narrow,
    ):
        try:
            while piece := wide.read(2**20):
                narrow.write(piece)
        except UnicodeError as error:
            raise UserError(f"{path} is torn text in UTF-16; save it in UTF-8.") from error
    return folder / "table.csv"


def _csv(path: Path, read: Path) -> str:
    datafiles.check(read)
    with datafiles.opened(read) as file:
        start = io.TextIOWrapper(file, "utf-8-sig", "replace", newline="")  # type: ignore[type-var]
        content = start.read(MAX_HEADER)
    if not content.strip():
        raise UserError(f"{path} is empty; it needs a header line and rows.")
    headers = [found for each in SEPARATORS if (found := _header(content, each))]
    found = max(headers, key=_Header.width, default=_Header(0, "", "", []))
    odd = found.width() < 2 and len(headers) < len(SEPARATORS)
    if odd or any("\ufffd" in name for name in found.names):
        raise UserError(
            f"{path}, line {found.skip + 1} is no line of names; save the table as CSV in UTF-8."
        )
    _check_names(f"{path}, line {found.skip + 1}", found.names)
    numbered = found.names == [str(number) for number in range(found.width())]  # by pandas
    if not numbered and all(re.fullmatch(r"-?\d*\.?\d+", name) for name in found.names):
        raise UserError(f"{path}, line {found.skip + 1} has numbers instead of names; add names.")
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in found.names)
    packed = ", compression = 'gzip'" if read.suffix == ".gz" else ""
    return (
        f"read_csv({names([read])}, auto_detect = false, header = true, skip = {found.skip}, "
        f"delim = '{found.separator}', new_line = {found.line_end!r}, quote = '\"', escape = '\"', "
        f"columns = {{{columns}}}{packed})"
    )


@dataclass(frozen=True)
class _Header:
    """The empty lines before the names of the columns, what separates them, and what ends them."""

    skip: int
    separator: str
    line_end: str
    names: list[str]

    def width(self) -> int:
        return len(self.names)


def _header(content: str, separator: str) -> _Header | None:
    """The first line that is not empty; None if it is no CSV with that separator."""
    lines = io.StringIO(content, newline="")
    # As DuckDB reads: of a header that it can't, it would lose all rows without a word.
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    skip = 0
    with suppress(csv.Error):
        for row in reader:
            if any(value.strip() for value in row):
                named = [value.strip() or f"column {n}" for n, value in enumerate(row, 1)]
                # DuckDB would take the first line end, though it may be within a name.
                read = content[: lines.tell()]
                end = next((each for each in ("\r\n", "\r") if read.endswith(each)), "\n")
                return _Header(skip, separator, end, named)
            skip = reader.line_num
    return None


def _check_names(where: str, header: list[str]) -> None:
    for name, times in Counter(name.lower() for name in header).items():
        if times > 1:
            raise UserError(
                f"{where} has {times} columns of the name {name!r}, whatever its case; rename one."
            )


def _query(database: "DuckDBPyConnection", sql: str, root: Path) -> str:
    import duckdb

    statements = database.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UserError("problem.sql must be one SELECT; it may read, and change nothing.")
    database.execute(f"SET file_search_path = {text(str(root.resolve()))}")
    database.execute(f"CREATE TEMP TABLE answer AS {sql}")
    return "(FROM answer ORDER BY ALL)"


@contextmanager
def _sentences(file: Path | None) -> Iterator[None]:
    """What DuckDB says of a table, as a sentence about its file or its query."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise UserError(_told(file, str(error))) from error


def _told(file: Path | None, message: str) -> str:
    reason = sentences.reason(message)
    if not file and "extension" in message:
        return (
            f"problem.sql needs an extension of DuckDB, which could not be loaded ({reason}); "
            "install it where there is a network, with DuckDB's INSTALL."
        )
    if not file:
        return f"problem.sql can't be answered: {reason}; correct the query."
    if "state machine" in message:
        return f"{file} has line ends of several kinds, or is not CSV; save it again as CSV."
    if file.suffix == ".parquet" and "Binder" not in message:
        return f"{file} is not a whole Parquet file ({reason}); copy or download it again."
    return sentences.csv(file, message) or f"{file} can't be read: {reason}; save it again."
