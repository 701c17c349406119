"""A table in files, as SQL that reads it, and where in the files a rule is broken."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from .. import datafiles
from ..errors import UserError
from . import sentences

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST = """
SELECT number, value FROM (
    SELECT row_number() OVER () AS number, {value} AS value, {wrong} AS wrong FROM {rows}
) WHERE wrong ORDER BY number LIMIT 1
"""


@dataclass(frozen=True)
class Table:
    """A table in files of one kind.

    Attributes:
        paths: The files.
        function: Of DuckDB, which reads them.
        options: Of the function.
        types: Of the columns by name; in CSV all are VARCHAR.
    """

    paths: Sequence[Path]
    function: str
    options: str
    types: Mapping[str, str]

    @property
    def sql(self) -> str:
        """SQL that reads the table, for `FROM`."""
        return self.of(self.paths)

    def of(self, paths: Iterable[Path]) -> str:
        """SQL that reads some of its files, for `FROM`."""
        return f"{self.function}({names(paths)}, {self.options})"

    def text(self, column: str) -> str:
        """SQL of a column as text; null if the table has no such column."""
        return f"{column}::VARCHAR" if column in self.types else "NULL::VARCHAR"

    def check(self) -> None:
        """Read each file alone; UserError names the first that can't be read."""
        import duckdb

        for path in self.paths:
            # Of their own: after some errors a connection answers nothing any more.
            with duckdb.connect() as connection:
                try:
                    connection.execute(
                        f"SELECT count(hash(COLUMNS(*)::VARCHAR)) FROM {self.of([path])}"
                    )
                except duckdb.OutOfMemoryException:
                    raise
                except (duckdb.Error, UnicodeDecodeError) as error:
                    raise UserError(self._about(path, str(error))) from error

    def _about(self, path: Path, message: str) -> str:
        if self.function == "read_parquet":
            return f"{path} is not a whole Parquet file; copy or download it again."
        if "gzip" in message.lower():
            return f"{path} is not a whole gzip file; copy or download it again."
        if self.function == "read_json":
            line = _malformed(path) or sentences.line(message)
            return f"{path}, line {line} is torn or other JSON; copy or download it again."
        return sentences.csv(path, message) or (
            f"{path}, line {_odd_line(path)} is not CSV; copy or download it again."
        )


@dataclass(frozen=True)
class Rule:
    """What must hold of each row of a table.

    Attributes:
        table: The table.
        column: Its name in the files.
        wrong: SQL that is true for a row that breaks the rule.
        why: Takes the value as text; returns the message after the place.
        value: SQL of the value, unless it is the column's.
    """

    table: Table
    column: str
    wrong: str
    why: Callable[[str | None], str]
    value: str = ""

    def check(self, connection: "DuckDBPyConnection") -> None:
        """UserError about the first row that breaks the rule: file, line, column and value."""
        value = self.value or self.table.text(self.column)
        for path in self.table.paths:
            query = FIRST.format(value=value, wrong=self.wrong, rows=self.table.of([path]))
            for number, found in connection.execute(query).fetchall():
                place = f"{path}, {_place(path, number)}, column {self.column}"
                raise UserError(f"{place}{self.why(found)}")


def names(paths: Iterable[Path]) -> str:
    """SQL of a list of files."""
    return "[" + ", ".join(text(literal(path)) for path in paths) + "]"


def literal(path: Path) -> str:
    """A path for DuckDB, which takes `[`, `*` and `?` for wildcards."""
    return re.sub(r"([\[*?])", r"[\1]", str(path))


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def _place(path: Path, row: int) -> str:
    """Where a row of a file begins, counted from 1."""
    if path.suffix == ".parquet":
        return f"row {row}"
    with datafiles.opened(path) as file:
        lines = TextIOWrapper(file, "utf-8-sig", "replace", newline="")  # type: ignore[type-var]
        begins = _json_lines(lines) if path.suffix == ".jsonl" else _csv_lines(lines)
        line = next(islice(begins, row - 1, None), None)
    return f"line {line}" if line else f"row {row}"


def _json_lines(lines: Iterable[str]) -> Iterator[int]:
    """The line of each row of JSON lines."""
    yield from (at for at, line in enumerate(lines, start=1) if line.strip())


def _csv_lines(lines: Iterable[str]) -> Iterator[int]:
    """The line in which each row of a CSV file begins, without its header."""
    reader = csv.reader(lines)
    with suppress(csv.Error):
        for number, values in enumerate(filter(None, reader)):
            if number:
                yield reader.line_num - sum(value.count("\n") for value in values)


def _malformed(path: Path) -> int | None:
    """The first line that is no JSON; DuckDB miscounts it."""
    with datafiles.opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                json.loads(line.strip() or b"0")
            except ValueError:
                return number
    return None


def _odd_line(path: Path) -> int:
    """The first line of a CSV file that is no CSV, or has other values than the header."""
    with datafiles.opened(path) as file:
        lines = TextIOWrapper(file, "utf-8-sig", "replace", newline="")  # type: ignore[type-var]
        reader = csv.reader(lines, strict=True)
        try:
            columns = len(next(reader, []))
            odd = next((values for values in reader if values and len(values) != columns), None)
        except csv.Error:
            return reader.line_num
        return reader.line_num if odd else 1
