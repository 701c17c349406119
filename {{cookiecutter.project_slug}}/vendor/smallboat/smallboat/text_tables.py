"""Tables of text, from CSV files or from an API, and their text as typed columns.

Nothing is guessed: a value that is not of its column's kind is an error that names its place.
"""

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from . import datafiles
from .errors import UserError

YEARS = (1850, 2100)
"""Of seasons and of births."""

CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
NUMBER = r"-?\d{1,10}(?:\.\d{1,20})?"
LAP = r"(?:(\d{1,4}):(?=\d{1,2}\.\d{3}$))?(\d{1,8}(?:\.\d{1,20})?)"
"""Minutes and seconds, or seconds. A spreadsheet writes 1:23.456 as 01:23.5, which is refused."""

EXAMPLES = {
    "text": "text without control characters",
    "whole": "a whole number such as 12",
    "number": "a number such as 12.5",
    "seconds": "a time such as 1:23.456",
    "year": "a year such as 2024, from {} to {}".format(*YEARS),
    "date": "a date such as 2024-03-02, from {} to {}".format(*YEARS),
}
"""The kinds of column; a kind with a question mark allows null."""

SEPARATORS = ",;\t|"


def read_csv(path: Path, limit: int, null: str = "") -> pd.DataFrame:
    r"""A CSV file as a table of text, whatever its separator (`,` `;` `|` or tab) and line ends.

    Spaces around values, empty lines, empty values behind the last column and columns without a
    name (the index that pandas writes) are left out.

    Args:
        path: A file in UTF-8, packed if its name ends in `.gz`.
        limit: The most bytes that such a table has.
        null: Text that stands for null, beside the empty one.

    Returns:
        Columns of text, null where there is no value. The index is called `line`: the line of the
        file that a row begins on.

    Raises:
        UserError: The file is no such table; the message names the line.
    """
    content = datafiles.content(path, limit)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line} is not UTF-8; save it as CSV in UTF-8.") from error
    names, rows = _rows(path, text)
    kept = [place for place, name in enumerate(names) if name]
    values = [[row[place] for place in kept] for row in rows.values()]
    index = pd.Index(list(rows), name="line", dtype="int64")
    table = pd.DataFrame(values, index, [names[place] for place in kept], dtype="str")
    return table.mask(table.isin(["", null]))


def typed(raw: pd.DataFrame, kinds: Mapping[str, str], origin: str) -> pd.DataFrame:
    """The columns that are needed out of a table of text, each in its type.

    Args:
        raw: Text, null where there is no value. If its index has a name, such as `line`, messages
            name rows by it; else by their number, counted from 1.
        kinds: Column and kind, see `EXAMPLES`; other columns are left out.
        origin: Where the table is from, for messages.

    Returns:
        Rows numbered from 0. Text as `str`, whole numbers and years as `int64` (`Int64` where null
        is allowed), numbers and seconds as `float64`, dates as `datetime64`.

    Raises:
        UserError: A column is missing, or a value is not of its column's kind.
    """
    missing = [column for column in kinds if column not in raw]
    if missing:
        raise UserError(
            f"{origin} lacks the column {', '.join(missing)}; it needs {', '.join(kinds)}."
        )
    columns = {name: _column(raw[name], kind, origin) for name, kind in kinds.items()}
    return pd.DataFrame(columns).reset_index(drop=True)


def _rows(path: Path, text: str) -> tuple[list[str], dict[int, list[str]]]:
    """The names of the columns, and the values by the line on which their row begins."""
    separator = max(SEPARATORS, key=text.lstrip().partition("\n")[0].count)
    # Without skipinitialspace a quotation mark after a space would not open a value.
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    names: list[str] = []
    rows: dict[int, list[str]] = {}
    line = 1
    try:
        for row in reader:
            values = [value.strip() for value in row]
            if any(values) and not names:
                names = _names(path, line, values)
            elif any(values):
                rows[line] = _fitted(f"{path}, line {line}", values, len(names))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, line {line} has a quotation mark that is not closed or stands in the middle "
            "of a value, or a value of more than 100,000 characters; mend the line."
        ) from error
    if not names:
        raise UserError(f"{path} is empty; it needs a header line and rows.")
    return names, rows


def _names(path: Path, line: int, names: list[str]) -> list[str]:
    twice = [name for place, name in enumerate(names) if name and name in names[:place]]
    if twice:
        raise UserError(
            f"{path}, line {line} has two columns of the name {twice[0][:80]!r}; rename one."
        )
    return names


def _fitted(where: str, values: list[str], width: int) -> list[str]:
    """As many values as there are columns; more may follow if they are empty."""
    if len(values) < width or any(values[width:]):
        raise UserError(
            f"{where} has {len(values)} values, and the header line has {width} names; it is torn, "
            "or a value with a separator lacks quotation marks: mend or download it again."
        )
    return values[:width]


def _column(raw: "pd.Series[str]", kind: str, origin: str) -> "pd.Series[Any]":
    kind, nullable = kind.rstrip("?"), kind.endswith("?")
    if not nullable:
        _refuse(raw.isna(), raw, origin, f"there is no value; it needs {EXAMPLES[kind]}")
    values = _convert(raw, kind)
    _refuse(values.isna() & raw.notna(), raw, origin, f"{{value!r}} is not {EXAMPLES[kind]}")
    if kind in ("whole", "year"):
        return values.astype("Int64" if nullable else "int64")
    return values


def _refuse(bad: "pd.Series[bool]", raw: "pd.Series[str]", origin: str, message: str) -> None:
    if bad.any():
        row = int(bad.to_numpy().argmax())
        named = raw.index.name is not None
        place = f"{raw.index.name} {raw.index[row]}" if named else f"row {row + 1}"
        told = message.format(value=str(raw.iloc[row])[:80])
        raise UserError(f"{origin}, {place}, column {raw.name}: {told}.")


def _convert(raw: "pd.Series[str]", kind: str) -> "pd.Series[Any]":
    """Values of a kind, null where the text is of another."""
    if kind == "date":
        dates = pd.to_datetime(raw, format="%Y-%m-%d", errors="coerce")
        return dates.where(dates.dt.year.between(*YEARS))
    if kind == "seconds":
        parts = raw.str.extract(rf"^{LAP}$", flags=re.ASCII)
        return (60 * parts[0].fillna("0").astype(float) + parts[1].astype(float)).round(3)
    if kind in ("whole", "number", "year"):
        numbers = raw.where(raw.str.fullmatch(NUMBER, flags=re.ASCII, na=False))
        values = numbers.astype("float64")
        fits = values.between(*YEARS) if kind == "year" else values.abs() < 2**31
        return values.where(fits if kind == "number" else fits & (values % 1 == 0))
    text = raw.astype("str")
    return text.mask(text.str.contains(CONTROL, na=False))
