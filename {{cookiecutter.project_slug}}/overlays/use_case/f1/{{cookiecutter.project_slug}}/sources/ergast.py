"""The tables of the Ergast schema: what we need of them, and their text as typed columns."""

import gzip
import io
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
from smallboat.errors import UserError

SCHEMA: dict[str, dict[str, str]] = {
    "races": {
        "raceId": "text",
        "year": "whole",
        "round": "whole",
        "circuitId": "text",
        "name": "text",
        "date": "date",
    },
    "results": {
        "raceId": "text",
        "driverId": "text",
        "constructorId": "text",
        "grid": "whole",
        "position": "whole?",
        "positionText": "text",
        "positionOrder": "whole",
        "points": "number",
        "laps": "whole",
        "statusId": "text",
    },
    "qualifying": {
        "raceId": "text",
        "driverId": "text",
        "constructorId": "text",
        "position": "whole",
        "q1": "seconds?",
        "q2": "seconds?",
        "q3": "seconds?",
    },
    "sprint_results": {
        "raceId": "text",
        "driverId": "text",
        "constructorId": "text",
        "grid": "whole",
        "position": "whole?",
        "positionOrder": "whole",
        "points": "number",
    },
    "driver_standings": {
        "raceId": "text",
        "driverId": "text",
        "points": "number",
        "position": "whole?",
        "wins": "whole",
    },
    "constructor_standings": {
        "raceId": "text",
        "constructorId": "text",
        "points": "number",
        "position": "whole?",
        "wins": "whole",
    },
    "drivers": {
        "driverId": "text",
        "driverRef": "text",
        "code": "text?",
        "forename": "text",
        "surname": "text",
        "dob": "date?",
        "nationality": "text?",
    },
    "constructors": {
        "constructorId": "text",
        "constructorRef": "text",
        "name": "text",
        "nationality": "text?",
    },
    "circuits": {
        "circuitId": "text",
        "circuitRef": "text",
        "name": "text",
        "location": "text?",
        "country": "text?",
    },
    "status": {"statusId": "text", "status": "text"},
}
"""Table, column, kind; a kind with a question mark allows null."""

OPTIONAL = {"sprint_results"}
"""Tables that a folder may lack: there was no sprint before 2021."""

NULL = r"\N"

EXAMPLES = {
    "text": "text",
    "whole": "a whole number such as 12",
    "number": "a number such as 12.5",
    "seconds": "a time such as 1:23.456",
    "date": "a date such as 2024-03-02",
}


def load(folder: Path) -> dict[str, pd.DataFrame]:
    """All tables of a folder of `.csv` or `.csv.gz` files, typed, with the columns of `SCHEMA`.

    Raises:
        UserError: The folder or a file of it is not what it should be.
    """
    if not folder.is_dir():
        raise UserError(
            f"There is no folder {folder}; name a folder that holds the Ergast tables as CSV files."
        )
    paths = {table: _path(folder, table) for table in SCHEMA}
    missing = [table for table, path in paths.items() if path is None and table not in OPTIONAL]
    if missing:
        raise UserError(
            f"The folder {folder} lacks {', '.join(f'{table}.csv' for table in missing)}; "
            f"it must hold {', '.join(t for t in SCHEMA if t not in OPTIONAL)}, "
            "each as .csv or .csv.gz."
        )
    return {
        table: empty(table) if path is None else typed(table, _text(path), path.name)
        for table, path in paths.items()
    }


def empty(table: str) -> pd.DataFrame:
    """A typed table without rows."""
    return typed(table, pd.DataFrame(columns=list(SCHEMA[table]), dtype=str), table)


def typed(table: str, raw: pd.DataFrame, origin: str) -> pd.DataFrame:
    """The columns of `SCHEMA[table]` out of a table of text, each in its type.

    Args:
        table: A key of `SCHEMA`.
        raw: Text, null where there is no value; columns that we do not need are left out.
        origin: Where the table is from, for messages.

    Raises:
        UserError: A column is missing, or a value is not of its column's kind.
    """
    missing = [column for column in SCHEMA[table] if column not in raw]
    if missing:
        raise UserError(
            f"{origin} lacks the column {', '.join(missing)}; "
            f"the table {table} needs {', '.join(SCHEMA[table])}."
        )
    return pd.DataFrame(
        {c: _column(raw[c], kind, f"{origin}, column {c}") for c, kind in SCHEMA[table].items()}
    )


def _path(folder: Path, table: str) -> Path | None:
    candidates = (folder / f"{table}.csv", folder / f"{table}.csv.gz")
    return next((path for path in candidates if path.is_file()), None)


def _text(path: Path) -> pd.DataFrame:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); make it readable.") from error
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        text = content.decode("utf-8-sig")
        table = pd.read_csv(
            io.StringIO(text), dtype=str, keep_default_na=False, na_values=[NULL, ""]
        )
        if not isinstance(table.index, pd.RangeIndex):
            raise pd.errors.ParserError("The rows have more fields than the header line")
        return table
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path} is not a whole gzip file ({error}); copy or download it again."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 (byte {error.start}); save it as CSV in UTF-8."
        ) from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise UserError(
            f"{path} is not a CSV table ({str(error).strip()}); "
            "it needs a header line and rows with as many fields, separated by commas."
        ) from error


def _column(raw: "pd.Series[str]", kind: str, where: str) -> "pd.Series[Any]":
    kind, nullable = kind.rstrip("?"), kind.endswith("?")
    if not nullable:
        _refuse(raw.isna(), raw, f"{where}, row {{row}} has no value; it needs {EXAMPLES[kind]}.")
    values = _convert(raw, kind)
    _refuse(
        values.isna() & raw.notna(),
        raw,
        f"{where}, row {{row}}: {{value!r}} is not {EXAMPLES[kind]}.",
    )
    if kind == "whole":
        return values.astype("Int64" if nullable else "int64")
    return values


def _refuse(bad: "pd.Series[bool]", raw: "pd.Series[str]", says: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise UserError(says.format(row=row + 1, value=raw.iloc[row]))


def _convert(raw: "pd.Series[str]", kind: str) -> "pd.Series[Any]":
    """Values of a kind, null where the text is of another."""
    if kind == "date":
        return pd.to_datetime(raw, format="%Y-%m-%d", errors="coerce")
    if kind == "seconds":
        parts = raw.str.extract(r"^(?:(\d+):)?(\d+(?:\.\d+)?)$")
        minutes = pd.to_numeric(parts[0]).fillna(0)
        return (60 * minutes + pd.to_numeric(parts[1])).round(3)
    if kind in ("whole", "number"):
        values = pd.to_numeric(raw, errors="coerce").astype("float64")
        fits = values.abs() < 2**31
        return values.where(fits & (values % 1 == 0) if kind == "whole" else fits)
    return raw.astype("str")
