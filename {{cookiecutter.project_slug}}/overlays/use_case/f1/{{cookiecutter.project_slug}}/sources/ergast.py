"""The tables of the Ergast schema: what we need of them, and their text as typed columns."""

from pathlib import Path

import pandas as pd
from smallboat import datafiles, text_tables
from smallboat.errors import UserError

SCHEMA: dict[str, dict[str, str]] = {
    "races": {
        "raceId": "text", "year": "year", "round": "whole", "circuitId": "text", "name": "text",
        "date": "date",
    },
    "results": {
        "raceId": "text", "driverId": "text", "constructorId": "text", "grid": "whole?",
        "position": "whole?", "positionText": "text", "positionOrder": "whole", "points": "number",
        "laps": "whole?", "statusId": "text",
    },
    "qualifying": {
        "raceId": "text", "driverId": "text", "constructorId": "text", "position": "whole",
        "q1": "seconds?", "q2": "seconds?", "q3": "seconds?",
    },
    "sprint_results": {
        "raceId": "text", "driverId": "text", "constructorId": "text", "grid": "whole?",
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
"""Table, column, and kind of `text_tables`; a kind with a question mark allows null."""

OPTIONAL = {"sprint_results"}
"""Tables that a folder may lack: there was no sprint before 2021."""

NULL = r"\N"

LARGEST = 32 * 2**20
"""Bytes of a table: all results since 1950 have 2 MiB."""


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
        table: empty(table) if path is None else _read(path, table) for table, path in paths.items()
    }


def empty(table: str) -> pd.DataFrame:
    """A typed table without rows."""
    raw = pd.DataFrame(columns=list(SCHEMA[table]), dtype=str)
    return text_tables.typed(raw, SCHEMA[table], table)


def _read(path: Path, table: str) -> pd.DataFrame:
    raw = text_tables.read_csv(path, LARGEST, NULL)
    return text_tables.typed(raw, SCHEMA[table], str(path))


def _path(folder: Path, table: str) -> Path | None:
    found = datafiles.find(folder, f"{table}.csv", f"{table}.csv.gz")
    if len(found) > 1:
        raise UserError(f"{folder} has {table} as .csv and as .csv.gz; keep one of them.")
    return found[0] if found else None
