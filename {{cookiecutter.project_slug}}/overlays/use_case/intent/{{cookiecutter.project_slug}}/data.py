"""The raw events: where they come from, and how a snapshot of them is written and read.

A snapshot has the sessions that add something to the cart: a file of browsing and one of searches
for each UTC day on which they began, and the catalogue, with the columns of Coveo's format that a
model can learn from. Of all sessions it has a day's counts.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt
from smallboat import datafiles, disk
from smallboat.errors import UserError

from .warehouse import Warehouse

Tables = Warehouse

MADE_UP = Path(".cache/made-up")

MAKER = "made-by.txt"
"""Beside made-up files: a hash of the code that made them."""

WAREHOUSE = "warehouse.json"


class Config(BaseModel):
    """The table `[data]` of the configuration: which source, and what each source needs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: Literal["sample", "files"]
    directory: str | None = None
    format: Literal["coveo", "otto", "rees46", "retailrocket"]
    sessions: PositiveInt
    seed: NonNegativeInt
    written: Literal["csv", "parquet"]
    warehouse: Literal["duckdb", "snowflake"]
    memory_mb: PositiveInt


def collect(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fill an empty folder: a day's `browsing-` and `search-<day>.parquet`, `catalog`, `days`.

    The same input gives the same bytes, in whatever order its rows are. Everything is read and
    checked before the first file is written. A folder's `warehouse.json` says that its features are
    made in Snowflake.

    Args:
        config: The values of `Config`.
        folder: The empty folder.

    Returns:
        `source` and `licence` (text for people), `data_until` (ISO date of the newest day), `rows`
        (number of rows by table).

    Raises:
        UserError: The source is not what it should be.
    """
    from .sources import FORMATS, snapshot

    if config["source"] == "sample":
        directory, kind = _made_up(config), "coveo"
        source = f"sample: {config['sessions']:,} made-up sessions of seed {config['seed']}"
        licence = "made up, free for any use"
    else:
        directory, kind = _directory(config), config["format"]
        source = f"files: {directory} in the format {kind}"
        licence = datafiles.licence(directory, f"not stated; {FORMATS[kind].TERMS}")
    with snapshot.database(folder.parent, config["memory_mb"]) as connection:
        raw = FORMATS[kind].raw(connection, directory)
        about = snapshot.write(connection, raw, folder)
    if config["warehouse"] == "snowflake":
        (folder / WAREHOUSE).write_text(json.dumps({"kind": "snowflake"}) + "\n")
    return {"source": source, "licence": licence, **about}


def read(folder: Path) -> Tables:
    """The warehouse of a snapshot; nothing is read before it is asked for."""
    return Warehouse(folder)


def _directory(config: Mapping[str, Any]) -> Path:
    directory = datafiles.given(config["directory"])
    if not directory.is_dir():
        raise UserError(
            f"There is no folder {directory}; name one with files in the format {config['format']}."
        )
    return directory


def _made_up(config: Mapping[str, Any]) -> Path:
    """The folder of the made-up files, which are made unless this code made them before."""
    from smallboat.samples import made_up

    target = MADE_UP / f"{config['sessions']}-{config['seed']}-{config['written']}"
    code = sorted(Path(made_up.__file__).parent.glob("*.py"))
    maker = hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest()
    if (target / MAKER).is_file() and (target / MAKER).read_text() == maker:
        return target
    target.mkdir(parents=True, exist_ok=True)
    (target / MAKER).unlink(missing_ok=True)
    with disk.full_disk_errors(target):
        made_up.write(target, config["sessions"], config["seed"], config["written"])
    (target / MAKER).write_text(maker)
    return target
