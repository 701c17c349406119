"""Findings, and the table that shows them."""

import shutil
import textwrap
from typing import NamedTuple

OK, MISSING, WRONG, NOTE = "ok", "missing", "wrong", "note"
COLOURS = {OK: "32", MISSING: "31", WRONG: "31", NOTE: "33"}
HEAD = ("name", "state", "found", "needed for", "what to do")
GAP = 2
NARROWEST = 80
WIDEST = 180
"""Columns of a table that goes to a file."""


class Row(NamedTuple):
    """A finding.

    Attributes:
        name: what was looked for.
        state: OK, MISSING, WRONG, or NOTE (worth knowing, nothing is broken).
        found: its version, or what is wrong with it.
        needed_for: the commands that need it; empty if all do.
        to_do: what to do about it.
        required: whether no work on this machine is possible without it.
    """

    name: str
    state: str
    found: str = ""
    needed_for: str = ""
    to_do: str = ""
    required: bool = False


def failed(rows: "list[Row]") -> "list[str]":
    """The names of what is required and is not there."""
    return [row.name for row in rows if row.required and row.state in (MISSING, WRONG)]


def table(rows: "list[Row]", width: int, coloured: bool) -> str:
    """The rows below a line of heads; a cell that is too long goes on in the next line.

    Args:
        rows: the findings, in the order of the table.
        width: the most columns of a line.
        coloured: whether the states have the colours of a terminal.
    """
    cells = [list(HEAD), *([str(cell) for cell in row[: len(HEAD)]] for row in rows)]
    widths = _widths(cells, width)
    lines = []
    for number, values in enumerate(cells):
        wrapped = [textwrap.wrap(values[i], size) or [""] for i, size in enumerate(widths)]
        for line in range(max(map(len, wrapped))):
            parts = [cell[line] if line < len(cell) else "" for cell in wrapped]
            text = [part.ljust(widths[i]) for i, part in enumerate(parts)]
            if coloured and number and not line:
                text[1] = f"\033[{COLOURS[values[1]]}m{text[1]}\033[0m"
            lines.append((" " * GAP).join(text).rstrip())
    return "\n".join(lines)


def columns(terminal: bool) -> int:
    """How wide a table may be."""
    return max(NARROWEST, shutil.get_terminal_size().columns) if terminal else WIDEST


def _widths(cells: "list[list[str]]", width: int) -> "list[int]":
    """The width of each column: the widest give way until a line fits, names and states last."""
    widths = [max(len(row[place]) for row in cells) for place in range(len(HEAD))]
    least = [*widths[:2], *map(len, HEAD[2:])]
    while sum(widths) + GAP * (len(widths) - 1) > width and widths[2:] != least[2:]:
        widest = max(range(2, len(widths)), key=lambda place: widths[place] - least[place])
        widths[widest] -= 1
    return widths
