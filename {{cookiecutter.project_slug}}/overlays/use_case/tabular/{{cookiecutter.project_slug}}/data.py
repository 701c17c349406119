"""Where the raw table comes from: the file or the query that config/problem.toml names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smallboat.table import data
from smallboat.table.data import Config, Rows

from .table import ROOT, TABLE

__all__ = ["Config", "collect", "read"]


def collect(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Copy the table into an empty folder; says where it is from, and how many rows it has."""
    return data.collect(TABLE, config, ROOT, folder)


def read(folder: Path) -> Rows:
    """The table of a snapshot, with typed columns."""
    return data.read(TABLE, folder)
