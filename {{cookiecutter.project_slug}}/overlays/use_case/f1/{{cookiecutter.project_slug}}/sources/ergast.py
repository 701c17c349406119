"""The tables of the Ergast schema: what we need of them, and their text as typed columns."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
from smallboat import datafiles
from smallboat.errors import UserError

SCHEMA: dict[str, dict[str, str]] = {
    "races": {
        "raceId": "text", "year": "year", "round": "whole", "circuitId": "text", "name": "text",
        "date": "date",
    },
    "results": {
        "raceId": "text", "driverId": "text", "constructorId": "text", "grid": "whole",
        "position": "whole?", "positionText": "text", "positionOrder": "whole", "points": "number",
        "laps": "whole", "statusId": "text",
    },
    "qualifying": {
        "raceId": "text", "driverId": "text", "constructorId": "text", "position": "whole",
        "q1": "seconds?", "q2": "seconds?", "q3": "seconds?",
    },
    "sprint_results": {
        "raceId": "text", "driverId": "text", "constructorId": "text", "grid": "whole",
        "position": "whole?", "positionOrder": "whole", "points": "number",
    },
    "driver_standings": {
        "raceId": "text", "driverId": "text", "points": "number", "position": "whole?",
        "wins": "whole",
    },
    "constructor_standings": {
        "raceId": "text", "constructorId": "text", "points": "number", "position": "whole?",
        "wins": "whole",
    },
    "drivers": {
        "driverId": "text", "driverRef": "text", "code": "text?", "forename": "text",
        "surname": "text", "dob": "date?", "nationality": "text?",
    },
    "constructors": {
        "constructorId": "text", "constructorRef": "text", "name": "text", "nationality": "text?",
    },
    "circuits": {
        "circuitId": "text", "circuitRef": "text", "name": "text", "location": "text?",
        "country": "text?",
    },
    "status": {"statusId": "text", "status": "text"},
}  # fmt: skip
"""Table, column, kind; a kind with a question mark allows null."""

OPTIONAL = {"sprint_results"}
"""Tables that a folder may lack: there was no sprint before 2021."""

NULL = r"\N"

LARGEST = 32 * 2**20
"""Bytes of a table: all results since 1950 have 2 MiB."""

YEARS = (1850, 2100)
"""Of seasons and of births."""

CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"

EXAMPLES = {
    "text": "text without control characters",
    "whole": "a whole number such as 12",
    "number": "a number such as 12.5",
    "seconds": "a time such as 1:23.456",
    "year": "a year such as 2024, from {} to {}".format(*YEARS),
    "date": "a date such as 2024-03-02, from {} to {}".format(*YEARS),
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
    found = datafiles.find(folder, f"{table}.csv", f"{table}.csv.gz")
    if len(found) > 1:
        raise UserError(f"{folder} has {table} as .csv and as .csv.gz; keep one of them.")
    return found[0] if found else None


def _text(path: Path) -> pd.DataFrame:
    datafiles.header(path)
    content = datafiles.content(path, LARGEST)
    try:
        text = content.decode("utf-8-sig")
        table = pd.read_csv(
            io.StringIO(text), dtype=str, keep_default_na=False, na_values=[NULL, ""]
        )
        if not isinstance(table.index, pd.RangeIndex):
            raise pd.errors.ParserError("The rows have more fields than the header line")
        return table
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
    wrong = f"{where}, row {{row}}: {{value!r}} is not {EXAMPLES[kind]}."
    _refuse(values.isna() & raw.notna(), raw, wrong)
    if kind in ("whole", "year"):
        return values.astype("Int64" if nullable else "int64")
    return values


def _refuse(bad: "pd.Series[bool]", raw: "pd.Series[str]", message: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise UserError(message.format(row=row + 1, value=str(raw.iloc[row])[:80]))


def _convert(raw: "pd.Series[str]", kind: str) -> "pd.Series[Any]":
    """Values of a kind, null where the text is of another."""
    if kind == "date":
        dates = pd.to_datetime(raw, format="%Y-%m-%d", errors="coerce")
        return dates.where(dates.dt.year.between(*YEARS))
    if kind == "seconds":
        parts = raw.str.extract(r"^(?:(\d+):)?(\d+(?:\.\d+)?)$")
        minutes = pd.to_numeric(parts[0]).fillna(0)
        seconds = (60 * minutes + pd.to_numeric(parts[1])).round(3)
        return seconds.where(seconds < 2**31)
    if kind in ("whole", "number", "year"):
        values = pd.to_numeric(raw, errors="coerce").astype("float64")
        fits = values.between(*YEARS) if kind == "year" else values.abs() < 2**31
        return values.where(fits if kind == "number" else fits & (values % 1 == 0))
    text = raw.astype("str")
    return text.mask(text.str.contains(CONTROL, na=False))
