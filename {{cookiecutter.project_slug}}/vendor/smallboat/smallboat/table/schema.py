"""`config/problem.toml`: which column of which table is predicted, and from what.

Needs the standard library alone, because the model server reads it, too.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from glob import escape
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import UserError, nearest
from ..problem import Feature, Output

Kind = Literal["binary", "multiclass", "regression"]
Type = Literal["number", "category", "flag", "date", "text"]
Period = Literal["year", "quarter", "month", "week", "day"]
Metric = Literal["log_loss", "ap_error", "auc_error", "error_rate", "mae", "rmse"]

METRICS: dict[Kind, tuple[Metric, ...]] = {
    "binary": ("log_loss", "ap_error", "auc_error", "error_rate"),
    "multiclass": ("log_loss", "error_rate"),
    "regression": ("mae", "rmse"),
}
"""The metrics that can decide, by kind; the first is the usual one. Lower is better."""

DATE_PARTS = {
    "year": ("year", 2020.0),
    "month": ("month", 6.0),
    "weekday": ("day of the week, Monday is 0", 3.0),
    "hour": ("hour", 0.0),
    "days": ("days since 1970-01-01", 18_262.0),
}
"""What a model sees of a date: unit and default."""


@dataclass(frozen=True)
class Column:
    """A column of the table that the model sees.

    Attributes:
        name: as the table spells it.
        type: a number, a category (text that the model knows by its value), a flag (yes or no), a
            date, or text, which no model here reads.
        unit: of a number, for people.
        range: the smallest and the largest plausible number.
        format: of a date in CSV files, as in strptime; ISO 8601 if empty.
        leak: "known" if it may decide the target alone.
        required: whether a request must have it; else it counts as missing where it is left out.
    """

    name: str
    type: Type
    unit: str = ""
    range: tuple[float, float] | None = None
    format: str = ""
    leak: Literal["", "known"] = ""
    required: bool = False

    @property
    def features(self) -> tuple[Feature, ...]:
        """The inputs of the model that it makes; all may be missing, which is NaN."""
        if self.type == "date":
            return tuple(
                Feature(f"{self.name}.{part}", unit, f"{part} of {self.name}", default, True)
                for part, (unit, default) in DATE_PARTS.items()
            )
        unit = {"category": "category", "flag": "0 or 1"}.get(self.type, self.unit or "1")
        return (Feature(self.name, unit, self.name, 0.0, self.type != "category"),)


@dataclass(frozen=True)
class Table:
    """The table `[problem]` of the file, and its columns.

    Attributes:
        file: the table as CSV or Parquet, relative to the project; or
        sql: a query that DuckDB answers.
        target: the column that is predicted.
        kind: binary, multiclass or regression.
        classes: the target's values, as text; of a binary target the negative one comes first.
        log: whether a regression learns the target's logarithm.
        id: the column that names a row; no input.
        group: the column whose rows are never split.
        time: the column by which rows are split into parts.
        period: the unit of those parts.
        folds: how many there are without a time: a row's fold follows from a hash of its content.
        decimal: "," if numbers in the CSV file have a decimal comma.
        drop: columns that are no inputs.
        slices: columns whose values each get a mean error.
        metric: the one that decides.
        columns: the inputs, in the order of the file.
    """

    target: str
    kind: Kind
    file: str = ""
    sql: str = ""
    classes: tuple[str, ...] = ()
    log: bool = False
    id: str = ""
    group: str = ""
    time: str = ""
    period: Period = "month"
    folds: int = 10
    decimal: Literal[".", ","] = "."
    drop: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    metric: Metric | Literal[""] = ""
    columns: tuple[Column, ...] = ()

    @property
    def primary(self) -> str:
        """The metric that decides; errors of a regression as a share of what a constant has."""
        metric = self.metric or METRICS[self.kind][0]
        return f"relative_{metric}" if self.kind == "regression" else metric

    @property
    def features(self) -> tuple[Feature, ...]:
        """The model's inputs, in their order."""
        return tuple(feature for column in self.columns for feature in column.features)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The inputs of each date, whose importance is one; see `features.GROUPS`."""
        return {
            column.name: tuple(escape(feature.name) for feature in column.features)
            for column in self.columns
            if column.type == "date"
        }

    @property
    def output(self) -> Output:
        """What the models answer."""
        if self.kind == "regression":
            return Output(self.target, self.target, f"the {self.target}", kind="value")
        if self.kind == "binary":
            told = f"chance that {self.target} is {self.classes[1]}"
            return Output(self.target, "probability", told, kind="probability")
        told = f"chance of each {self.target}"
        return Output(self.target, "probability", told, "probabilities", self.classes)


def slice_column(name: str) -> str:
    """The column of the feature table that has a column's values as text."""
    return f"{name} ="


def load(path: Path) -> Table:
    """The description in a file; UserError names what is wrong with it."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: make it with `make describe CSV=path`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        told = f"{path} is not valid TOML: {error}; correct it, or delete it and run make describe"
        raise UserError(told) from None
    for key in values.keys() - {"problem", "columns"}:
        raise UserError(f"{path}: unknown table [{key}]: choose [problem] or [columns.<name>]")
    columns = tuple(
        _made(Column, {"name": name, **each}, f"{path}: columns.{name}")
        for name, each in values.get("columns", {}).items()
    )
    table: Table = replace(
        _made(Table, values.get("problem", {}), f"{path}: problem"), columns=columns
    )
    if wrong := [*_table_contradictions(table), *_column_contradictions(table)]:
        raise UserError("; ".join(f"{path}: {each}" for each in wrong))
    return table


def _made(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    """A dataclass of TOML's values; UserError for an unknown, missing or wrong one."""
    known = {field.name: field for field in fields(kind) if field.name != "columns"}
    for key in values:
        if key not in known:
            raise UserError(f"{where}.{key} is unknown: {nearest(key, sorted(known))}")
    for name, field in known.items():
        if name not in values and field.default is MISSING:
            raise UserError(f"{where}.{name} is missing")
    return kind(
        **{key: _value(each, known[key].type, f"{where}.{key}") for key, each in values.items()}
    )


def _value(value: Any, annotation: Any, where: str) -> Any:
    """A value of the annotated type; TOML's arrays become tuples."""
    parts = [part for each in (annotation, *get_args(annotation)) for part in get_args(each)]
    if choices := [each for each in parts if isinstance(each, str)]:
        fits, needed = value in choices, nearest(str(value), choices)
    elif "float" in str(annotation):
        fits = (
            isinstance(value, list) and [type(each) in (int, float) for each in value] == [True] * 2
        )
        needed = "two numbers are needed"
    elif "tuple" in str(annotation):
        fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
        needed = "a list of texts is needed"
    else:
        fits, needed = type(value) is annotation, f"it must be {annotation.__name__}"
    if not fits:
        raise UserError(f"{where} = {value!r} is wrong: {needed}")
    return tuple(value) if isinstance(value, list) else value


def _table_contradictions(table: Table) -> Iterator[str]:
    """What can't be trained as [problem] describes it, in sentences."""
    if bool(table.file) == bool(table.sql):
        yield "problem needs one of file and sql"
    classes = len(table.classes)
    if not {"binary": classes == 2, "multiclass": classes > 2, "regression": not classes}[
        table.kind
    ]:
        needed = {"binary": "2", "multiclass": "3 or more", "regression": "none"}[table.kind]
        yield f"problem.classes names {classes} values: {table.kind} needs {needed}"
    for name in {name for name in table.classes if table.classes.count(name) > 1}:
        yield f"problem.classes has {name!r} twice: remove one"
    if table.log and table.kind != "regression":
        yield "problem.log is for regression alone"
    if table.metric and table.metric not in METRICS[table.kind]:
        fitting = ", ".join(METRICS[table.kind])
        yield f"problem.metric = {table.metric!r} is not for {table.kind}: choose {fitting}"
    if not 3 <= table.folds <= 100:
        yield f"problem.folds = {table.folds} is wrong: choose 3 to 100"
    if not table.columns:
        yield "there is no [columns.<name>]: at least one input is needed"


def _column_contradictions(table: Table) -> Iterator[str]:
    """What can't be trained as [columns.<name>] describe it, in sentences."""
    levels = [each.name for each in table.columns if each.type in ("category", "flag")]
    for name in table.slices:
        if name not in levels:
            known = nearest(name, levels) if levels else "remove it"
            yield f"problem.slices has {name!r}, which is no category or flag: {known}"
    for column in table.columns:
        if column.name in (table.target, table.id, *table.drop):
            yield f"columns.{column.name} is the target, the id or dropped: remove its table"
        if column.range and column.range[0] > column.range[1]:
            yield f"columns.{column.name}.range begins above its end: swap its numbers"
        if column.name == table.time and column.type != "date":
            yield f"columns.{column.name} is {column.type}, but problem.time: make its type date"
        if column.type == "text":
            yield (
                f"columns.{column.name} is text, which no model here reads: move its name to "
                "problem.drop, or make it a category, or compute numbers of it in features.py"
            )
