"""What DuckDB says of wrong files, in one sentence without its own words."""

import re
from pathlib import Path

from ..words import counted

CSV = re.compile(r"CSV Error on Line: (\d+)")
COUNTS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
LINE = re.compile(r"in line (\d+)")
TITLE = re.compile(r"^\w+ Error(?: in \w+ .*)?$")
"""A line of dbt's before its reason, as in `Runtime Error in model features (features.sql)`."""
KIND = re.compile(r"^(?:[A-Z][\w-]*(?: [A-Z][\w-]*)* (?:Error|exception): ?)+")
"""How a reason of DuckDB's begins, as in `Invalid Input Error: `."""
NOTE = re.compile(r"\s*(?:LINE \d+:|Candidate bindings|Possible (?:solution|fix)|Try setting).*")
"""What follows a reason: the SQL, and hints that are not for users."""

MOST = 300
"""Letters of a reason that are told."""


def sentence(message: str) -> str:
    """A message of DuckDB that is about no file."""
    return (
        f"DuckDB could not finish ({reason(message)}); try again, and if it ends the same, make "
        "the data anew."
    )


def csv(path: Path, message: str) -> str | None:
    """What a message of DuckDB says of a CSV file; None if it names no line."""
    found = CSV.search(message)
    return _csv(f"{path}, line {found[1]}", message) if found else None


def line(message: str) -> int:
    """The line of a file that a message about JSON names; 1 if it names none."""
    found = LINE.search(message)
    return int(found[1]) if found else 1


def reason(message: str | None) -> str:
    """What an engine's message says, on one line, without its kind, its SQL and its hints."""
    lines = [line.strip() for line in (message or "").splitlines()]
    told = " ".join(KIND.sub("", line) for line in lines if not TITLE.match(line))
    return NOTE.sub("", told)[:MOST].strip(" .;:!") or "no reason was given"


def _csv(place: str, message: str) -> str:
    if "unicode" in message:
        return f"{place} is not UTF-8; save the file as CSV in UTF-8."
    if found := COUNTS.search(message):
        return (
            f"{place} has {counted(int(found[2]), 'value')} instead of {found[1]}: it is torn, or "
            "has another separator than the header line; copy or download the file again."
        )
    if "Maximum line size" in message:
        return f"{place} is too long for a line of a table; copy or download the file again."
    if "quote" in message:
        return (
            f"{place} has a quotation mark that is not closed or stands within a value; correct "
            "the line, or download the file again."
        )
    return f"{place} is not CSV; copy or download the file again."
