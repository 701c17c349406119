"""The text of `config/problem.toml`, and the summary of a description."""

import json
from collections.abc import Iterable
from typing import Any

from ..table.schema import METRICS, Column, Table
from ..words import counted
from .guesses import Description

HEAD = """\
# What is predicted, from what. `make describe` guessed it: correct what is wrong, then
# run `make data` and `make train`. `make describe` says what has changed in the table since.
"""


def file(found: Description) -> str:
    """The whole file."""
    table = found.table
    parts = [HEAD, "[problem]", *_problem(table, found)]
    parts += ["", *(column(each, found.remarks[each.name]) for each in table.columns)]
    return "\n".join(parts)


def column(each: Column, remarks: Iterable[str]) -> str:
    """The table of a column, with what to look at above it."""
    lines = [f"# {_line(remark)}" for remark in remarks]
    lines += [f"[columns.{quoted(each.name)}]", f'type = "{each.type}"']
    if each.type == "number":
        low, high = each.range or (0.0, 0.0)
        lines += ['unit = ""', f"range = [{low:.15g}, {high:.15g}]"]
    if each.format:
        lines.append(f"format = {quoted(each.format)}")
    return "\n".join([*lines, ""])


def summary(found: Description) -> str:
    """What a person should know of it, for the terminal."""
    table = found.table
    inputs = counted(len(table.columns), "input")
    lines = [
        f"{counted(found.rows, 'row')}, {inputs}, target {_line(table.target)}: {_told(table)}"
    ]
    if found.unlabelled:
        lines.append(f"{counted(found.unlabelled, 'row')} without a target: left out of training")
    if found.repeated:
        lines.append(f"{counted(found.repeated, 'row')} the same as an earlier one")
    lines += [f"dropped   {_line(name)}: {why}" for name, why in found.dropped.items()]
    lines += [
        f"look at   {_line(name)}: {_line(remark)}"
        for name, remarks in found.remarks.items()
        for remark in remarks
    ]
    return "\n".join([*lines, "next: check config/problem.toml, then make data and make train"])


def quoted(text: str) -> str:
    """A text in TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _problem(table: Table, found: Description) -> list[str]:
    usual, *others = METRICS[table.kind]
    lines = [
        f"sql = {quoted(table.sql)}" if table.sql else f"file = {quoted(table.file)}",
        *(f"# {_line(remark)}" for remark in found.remarks[table.target]),
        f"target = {quoted(table.target)}",
        f'kind = "{table.kind}" # guessed: binary, multiclass or regression',
    ]
    if table.kind == "regression":
        lines.append(f"log = {str(table.log).lower()} # learn the target's logarithm")
    else:
        positive = " # the last one is the positive one" if table.kind == "binary" else ""
        lines.append(f"classes = {_array(table.classes)}{positive}")
    lines += [
        f"id = {quoted(table.id)} # names a row",
        'group = "" # never guessed: rows of one person, house or visit belong together',
        f"time = {quoted(table.time)} # when the event was: the newest rows are then the test",
        f'period = "{table.period}" # with time: year, quarter, month, week or day',
        f"folds = {table.folds} # without time: parts by a hash of a row's content",
        f'decimal = "{table.decimal}"',
        "drop = [ # no inputs",
        *(f"    {quoted(name)}, # {_line(found.dropped[name])}" for name in table.drop),
        "]",
        f"slices = {_array(table.slices)} # columns whose values each get a metric",
        f'metric = "{usual}" # or {", ".join(others)}',
    ]
    return lines


def _told(table: Table) -> str:
    if table.kind == "regression":
        return "regression" + (" on a log scale" if table.log else "")
    shown = ", ".join(_line(each) for each in table.classes[:10])
    more = f" and {len(table.classes) - 10} more" if len(table.classes) > 10 else ""
    return f"{table.kind} ({shown}{more})"


def _array(texts: Iterable[Any]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def _line(text: str) -> str:
    """Text on one line, without what a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)
