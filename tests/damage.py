"""Damages files as networks, editors, spreadsheets and scripts do, and judges what is said of it.

Everything is drawn from a seed, so a variant that fails can be made again.
"""

import bz2
import csv
import gzip
import io
import json
import random
import re
from collections.abc import Callable
from typing import Any

Damage = Callable[[bytes, random.Random], bytes]
Rows = list[list[str]]

RAW = re.compile(
    r"Traceback|\b[A-Za-z]*(?:Error|Exception|Warning)\b|<class |object at 0x|site-packages"
)
"""What only an engine or the interpreter says."""

VALUES = (
    "", r"\N", "NULL", "nan", "NaN", "inf", "-inf", "1e400", "-1", "0", "99999", "9" * 30, "1,5",
    "1.0", "12abc", "0x10", "1_000", "True", "None", "#REF!", "01:23.5", "2024-02-30",
    "03/02/2024", "2024-03-02T00:00:00+09:00", "0000-00-00", "45353", " ", "a\x1bb", "²", "é" * 300,
)  # fmt: skip
"""What stands in a cell after spreadsheets, databases and scripts."""


def sentence(message: str) -> bool:
    """Whether a message is one that a person wrote for people."""
    return 10 < len(message) < 2000 and "\n" not in message and not RAW.search(message)


def _rows(change: Callable[[Rows, random.Random], Any]) -> Damage:
    """A damage to the rows of a CSV file, the first of which is the header."""

    def damage(content: bytes, rng: random.Random) -> bytes:
        rows = list(csv.reader(io.StringIO(content.decode())))
        return _csv(change(rows, rng) or rows)

    return damage


def _csv(rows: Rows, **dialect: Any) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, **{"lineterminator": "\n"} | dialect).writerows(rows)
    return file.getvalue().encode()


def _place(rows: Rows, rng: random.Random) -> tuple[int, int]:
    """A cell below the header."""
    return rng.randrange(1, len(rows)), rng.randrange(len(rows[0]))


def _cell(rows: Rows, rng: random.Random) -> None:
    row, column = _place(rows, rng)
    rows[row][column] = rng.choice(VALUES)


def _column(rows: Rows, rng: random.Random) -> None:
    column, value = rng.randrange(len(rows[0])), rng.choice(VALUES)
    for row in rows[1:]:
        row[column] = value


def _swapped_columns(rows: Rows, rng: random.Random) -> None:
    one, other = rng.sample(range(len(rows[0])), 2)
    for row in rows[1:]:
        row[one], row[other] = row[other], row[one]


def _deleted_column(rows: Rows, rng: random.Random) -> None:
    column = rng.randrange(len(rows[0]))
    for row in rows:
        del row[column]


def _renamed_column(rows: Rows, rng: random.Random) -> None:
    column = rng.randrange(len(rows[0]))
    rows[0][column] = rng.choice(["", rows[0][column].upper(), rows[0][column - 1], "x" * 70_000])


def _repeated_rows(rows: Rows, rng: random.Random) -> None:
    start = rng.randrange(1, len(rows))
    rows += rows[start : start + rng.randrange(1, 30)]


def _lost_rows(rows: Rows, rng: random.Random) -> None:
    start = rng.randrange(1, len(rows))
    del rows[start : start + rng.randrange(1, 40)]


def _shuffled_rows(rows: Rows, rng: random.Random) -> Rows:
    return [rows[0], *rng.sample(rows[1:], len(rows) - 1)]


def _short_row(rows: Rows, rng: random.Random) -> None:
    row, column = _place(rows, rng)
    rows[row] = rows[row][:column]


def _long_row(rows: Rows, rng: random.Random) -> None:
    rows[_place(rows, rng)[0]] += ["more"] * rng.randrange(1, 4)


def _index_column(rows: Rows, _: random.Random) -> Rows:
    return [[str(n - 1) if n else "", *row] for n, row in enumerate(rows)]


def _trailing_comma(rows: Rows, rng: random.Random) -> Rows:
    return [[*row, ""] for row in rows[: None if rng.random() < 0.5 else -1]] + []


def _headerless(rows: Rows, _: random.Random) -> Rows:
    return rows[1:]


def _no_rows(rows: Rows, _: random.Random) -> Rows:
    return rows[:1]


def _line_in_a_cell(rows: Rows, rng: random.Random) -> None:
    row, column = _place(rows, rng)
    rows[row][column] += "\nand more"


def _nulls(rows: Rows, rng: random.Random) -> None:
    for _ in range(rng.randrange(1, 60)):
        row, column = _place(rows, rng)
        rows[row][column] = r"\N"


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _bytes(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.randrange(1, 20)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def _quote(content: bytes, rng: random.Random) -> bytes:
    place = content.index(b"\n", rng.randrange(max(1, len(content) - 200))) + 1
    return content[:place] + b'"' + content[place:]


def _separated(separator: str) -> Damage:
    def damage(content: bytes, _: random.Random) -> bytes:
        return _csv(list(csv.reader(io.StringIO(content.decode()))), delimiter=separator)

    return damage


def _html(_: bytes, rng: random.Random) -> bytes:
    return b"\n" * rng.randrange(3) + b"<!DOCTYPE html>\n<html><body>404, not found</body></html>\n"


OF_BYTES: dict[str, Damage] = {
    "cut": _cut,
    "bytes": _bytes,
    "empty": lambda *_: b"",
    "blank": lambda *_: b"\n\n  \n",
    "html": _html,
    "gzip": lambda content, _: gzip.compress(content),
    "bz2": lambda content, _: bz2.compress(content),
    "zip": lambda content, _: b"PK\x03\x04" + content,
    "null_bytes": lambda content, _: content.replace(b",", b"\0", 1),
    "latin_1": lambda content, _: content.replace(b"a", b"\xe9", 1),
    "utf_16": lambda content, _: content.decode().encode("utf-16"),
    "utf_8_bom": lambda content, _: b"\xef\xbb\xbf" + content,
    "crlf": lambda content, _: content.replace(b"\n", b"\r\n"),
    "cr": lambda content, _: content.replace(b"\n", b"\r"),
}  # fmt: skip
"""Damages to any text file."""

OF_CSV: dict[str, Damage] = OF_BYTES | {
    "semicolons": _separated(";"),
    "tabs": _separated("\t"),
    "bars": _separated("|"),
    "open_quote": _quote,
} | {
    change.__name__.lstrip("_"): _rows(change)
    for change in (
        _cell, _column, _swapped_columns, _deleted_column, _renamed_column, _repeated_rows,
        _lost_rows, _shuffled_rows, _short_row, _long_row, _index_column, _trailing_comma,
        _headerless, _no_rows, _line_in_a_cell, _nulls,
    )
}  # fmt: skip
"""Damages to a CSV file with commas, a header line and at least one row."""


def _json_places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a JSON value with a key or an index of it."""
    if not isinstance(value, dict | list):
        return []
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    return [(value, key) for key, _ in pairs] + [p for _, v in pairs for p in _json_places(v)]


def damaged_json(value: Any, rng: random.Random) -> bytes:
    """A JSON value with a place of it lost, nulled, or of another type; or cut off as text."""
    value = json.loads(json.dumps(value))
    places = _json_places(value)
    kind = rng.choice(["lost", "retyped", "retyped", "cut", "all"])
    if kind == "cut" or not places:
        return _cut(json.dumps(value).encode(), rng)
    container, key = rng.choice(places)
    others: list[Any] = [None, "", "x", 0, -1, True, 1e308, [], {}, [None], {"a": 1}, "9" * 30]
    chosen = [(c, k) for c, k in places if k == key] if kind == "all" else [(container, key)]
    other = rng.choice(others)
    for each, name in chosen:
        if kind == "lost":
            del each[name]
        else:
            each[name] = other
    return json.dumps(value).encode()
