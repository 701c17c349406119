"""What DuckDB says of wrong files, in one sentence without its own words."""

import re

CSV = re.compile(r"CSV Error on Line: (\d+)")
CSV_FILE = re.compile(r"^\s*file = (.*)$", re.MULTILINE)
COUNTS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
GZIP = re.compile(r"GZIP stream: (.*)|(?:gz|GZ).*?\"(.*?)\"")
PARQUET = re.compile(r"""(?:[Ff]ile ['"](.*?\.parquet)['"])""")
LINE = re.compile(r"in line (\d+)")
KIND = re.compile(r"^(?:[A-Z][\w-]*(?: [A-Z][\w-]*)* (?:Error|exception): ?)+")
"""How DuckDB's and dbt's messages begin, as in `Invalid Input Error: `."""
NOTE = re.compile(
    r"\s*(?:\n|LINE \d+:|Candidate bindings|Possible (?:solution|fix)|Try setting).*", re.S
)


def sentence(message: str) -> str:
    """A message of DuckDB as a sentence that names the file and what to do."""
    if found := CSV.search(message):
        file = CSV_FILE.search(message)
        return _csv(f"{file[1] if file else 'The CSV file'}, line {found[1]}", message)
    if found := GZIP.search(message):
        return f"{found[1] or found[2]} is not a whole gzip file; copy or download it again."
    if found := PARQUET.search(message):
        return f"{found[1]} is not a whole Parquet file; copy or download it again."
    return (
        f"DuckDB could not finish ({reason(message)}); try again, and if it ends the same, make "
        "the data anew."
    )


def line(message: str) -> int:
    """The line of a file that a message about JSON names; 1 if it names none."""
    found = LINE.search(message)
    return int(found[1]) if found else 1


def reason(message: str | None) -> str:
    """What an engine's message says, on one line, without its kind, its SQL and its hints."""
    text = KIND.sub("", (message or "").strip())
    return NOTE.sub("", text).strip(" .;!") or "no reason was given"


def _csv(place: str, message: str) -> str:
    if "unicode" in message:
        return f"{place} is not UTF-8; save the file as CSV in UTF-8."
    if found := COUNTS.search(message):
        return (
            f"{place} has {found[2]} values instead of {found[1]}: it is torn, or has another "
            "separator than commas; copy or download the file again."
        )
    if "quote" in message:
        return f"{place} has a quotation mark that is not closed; copy or download the file again."
    if "line size" in message:
        return f"{place} is too long for a line of a table; copy or download the file again."
    return f"{place} is not CSV with commas; copy or download the file again."
