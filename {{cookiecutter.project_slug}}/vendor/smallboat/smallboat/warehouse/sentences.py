"""What DuckDB says of wrong files and of too little room, in one sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import UserError

CSV = re.compile(r"CSV Error on Line: (\d+)")
CSV_FILE = re.compile(r"^\s*file = (.*)$", re.MULTILINE)
VALUE = re.compile(r'Error when converting column "(.*?)". Could not convert string "(.*?)" to')
COUNTS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
JSON = re.compile(r'JSON(?: transform error)? in file "(.*?)"')
GZIP = re.compile(r"GZIP stream: (.*)|(?:gz|GZ).*?\"(.*?)\"")
PARQUET = re.compile(r"""(?:[Ff]ile ['"](.*?\.parquet)['"])""")


@contextmanager
def told(memory_mb: int) -> Iterator[None]:
    """Turn an error of DuckDB within the block into a UserError."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise UserError(
            f"{memory_mb} MB are too few to sort the events, or the disk has no room for the rest; "
            "raise memory_mb in the table [data] of the configuration, or make room."
        ) from error
    except duckdb.Error as error:
        raise UserError(sentence(str(error))) from error


def sentence(message: str) -> str:
    """A message of DuckDB as a sentence that names the file and what to do."""
    if found := CSV.search(message):
        file = CSV_FILE.search(message)
        return _csv(f"{file[1] if file else 'The CSV file'}, line {found[1]}", message)
    if found := JSON.search(message):
        return f"{found[1]} has a line that is torn or other JSON; copy or download it again."
    if found := GZIP.search(message):
        return f"{found[1] or found[2]} is not a whole gzip file; copy or download it again."
    if found := PARQUET.search(message):
        return f"{found[1]} is not a whole Parquet file; copy or download it again."
    return message.splitlines()[0]


def _csv(place: str, message: str) -> str:
    if found := VALUE.search(message):
        return f"{place}, column {found[1]}: {found[2]!r} is not a value of this column."
    if "unicode" in message:
        return f"{place} is not UTF-8; save the file as CSV in UTF-8."
    if found := COUNTS.search(message):
        return (
            f"{place} has {found[2]} values instead of {found[1]}: it is torn, or has another "
            "separator than commas; copy or download the file again."
        )
    if "quote" in message:
        return f"{place} has a quotation mark that is not closed; copy or download the file again."
    return f"{place} is not CSV ({message.splitlines()[1]})."
