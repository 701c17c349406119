"""The raw table of a snapshot, as typed columns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from . import reading
from .schema import Table

if TYPE_CHECKING:
    import pandas as pd

FILE = "table.parquet"
LICENCE = "not stated"


class Config(BaseModel):
    """The table `[data]` of the configuration; config/problem.toml names the table itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str = "table"
    directory: str | None = None  # where the file lies, instead of where problem.toml says


@dataclass(frozen=True)
class Rows:
    """What a snapshot holds.

    Attributes:
        frame: the rows in their order, with typed columns, see `reading.typed`.
        wrong: for each column with values that are not of its type, how many, and an example.
    """

    frame: "pd.DataFrame"
    wrong: Mapping[str, reading.Wrong]


def collect(table: Table, config: Mapping[str, Any], root: Path, folder: Path) -> dict[str, Any]:
    """Copy the table into an empty folder, see `contract.Data.collect`.

    Args:
        table: the description.
        config: the values of `Config`.
        root: what a relative path in the description starts from.
        folder: the empty folder.
    """
    if config["directory"]:
        table = replace(table, file=str(Path(config["directory"], Path(table.file).name)))
    rows = reading.collect(table, root, folder / FILE)
    found: dict[str, Any] = {
        "source": table.file or table.sql,
        "licence": LICENCE,
        "rows": {"table": rows},
    }
    if table.time:
        newest = read(replace(table, columns=()), folder).frame[table.time].max()
        found["data_until"] = str(newest.date())
    return found


def read(table: Table, folder: Path) -> Rows:
    """The rows of a snapshot."""
    return Rows(*reading.typed(table, folder / FILE))
