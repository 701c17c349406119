"""The raw tables: where they come from, and how a snapshot of them is written and read.

The tables have the Ergast schema. A race is one row of `races`; a race to come has no results.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt
from smallboat import datafiles
from smallboat.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, "pd.DataFrame"]

LAST_DOUBLE_ENTRY = 1978
"""The last season in which a driver stands twice in a race: the last shared drive was in 1964, the
last driver entered with two cars in 1978. A driver who stands twice in a later race is an error."""

ALL_RESULTS_COUNT_FROM = 1991
"""The season since which a driver's standing is the sum of all his results, not of the best."""

DID_NOT_START = ("W", "F", "E")
"""Of `position_text`: withdrew, did not qualify, excluded before the start."""

SAMPLE = "data/sample"


class Config(BaseModel):
    """The table `[data]` of the configuration: which source, and what each source needs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: Literal["sample", "files", "api"]
    directory: str | None = None
    url: str
    first_season: PositiveInt
    last_season: PositiveInt
    requests_per_second: PositiveInt
    requests_per_hour: PositiveInt
    cache: str


RENAMED = {"driverRef": "ref", "constructorRef": "ref", "circuitRef": "ref"}


def collect(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fill an empty folder with the raw tables, as `<table>.csv` in the Ergast schema.

    The same input gives the same bytes. Everything is checked before the first file is written.

    Args:
        config: The values of `Config`.
        folder: The empty folder.

    Returns:
        `source` and `licence` (text for people), `data_until` (ISO date of the newest race with
        results), `rows` (number of rows by table).

    Raises:
        UserError: The source is not what it should be, or can't be reached.
    """
    from .sources import ergast

    if config["source"] == "api":
        from .sources import jolpica

        tables = jolpica.fetch(config)
        source, licence = f"the API at {config['url']}", jolpica.LICENCE
    else:
        sample = config["source"] == "sample"
        directory = Path(SAMPLE) if sample else datafiles.given(config["directory"])
        tables = ergast.load(directory)
        source = f"{config['source']}: {directory}"
        licence = datafiles.licence(directory, "not stated beside the files")
    raced = tables["races"]["raceId"].isin(tables["results"]["raceId"])
    if not raced.any():
        raise UserError(
            f"No race of {source} has results; results and races must share their raceId."
        )
    tables["results"] = one_row_a_driver(tables["results"], tables["races"])
    for table, frame in tables.items():
        frame.to_csv(folder / f"{table}.csv", index=False, na_rep=ergast.NULL, lineterminator="\n")
    return {
        "source": source,
        "licence": licence,
        "data_until": tables["races"].loc[raced, "date"].max().date().isoformat(),
        "rows": {table: len(frame) for table, frame in tables.items()},
    }


def read(folder: Path) -> Tables:
    """The tables of a snapshot, typed, with snake_case names; ids are text.

    `position` is null for who was not classified, `q1` to `q3` are seconds (NaN = no time), and a
    driver's `name` is forename and surname.

    Raises:
        UserError: The folder does not hold a whole snapshot.
    """
    from .sources import ergast

    return {table: _renamed(frame) for table, frame in ergast.load(folder).items()}


def columns() -> dict[str, list[str]]:
    """The columns of each table, as `read` names them."""
    from .sources import ergast

    return {table: list(_renamed(ergast.empty(table)).columns) for table in ergast.SCHEMA}


def one_row_a_driver(results: "pd.DataFrame", races: "pd.DataFrame") -> "pd.DataFrame":
    """Give each driver one row and each race one winner, in the races in which cars were shared.

    It concerns the races up to `LAST_DOUBLE_ENTRY` in which a driver stands twice or two drivers
    have one position; every other race is left as it is, also where it is wrong.

    A driver keeps the row of the best place, with the points and laps of all rows and the grid
    place of the car they started in (0 for who only took over a car). The rows left are ranked anew
    in the order of `positionOrder`, so of two drivers who shared a car the first named has the
    better place: nobody's points change, but a shared win is the first driver's alone.
    """
    import pandas as pd

    years = results["raceId"].map(races.drop_duplicates("raceId").set_index("raceId")["year"])
    twice = results.duplicated(["raceId", "driverId"])
    shared = results.duplicated(["raceId", "position"]) & results["position"].notna()
    concerned = results.loc[(twice | shared) & (years <= LAST_DOUBLE_ENTRY), "raceId"].unique()
    rows = results["raceId"].isin(concerned)
    mended = results[rows].sort_values(["raceId", "positionOrder"], kind="stable")

    drives = mended.groupby(["raceId", "driverId"])
    mended["grid"] = drives["grid"].transform("max")
    mended["laps"] = drives["laps"].transform("sum", min_count=1)
    mended["points"] = drives["points"].transform("sum").round(2)
    mended = mended.drop_duplicates(["raceId", "driverId"])

    mended["positionOrder"] = mended.groupby("raceId").cumcount() + 1
    classified = mended["position"].notna()
    places = mended[classified].groupby("raceId").cumcount() + 1
    mended.loc[classified, "position"] = places
    mended.loc[classified, "positionText"] = places.astype(str)
    return pd.concat([results[~rows], mended]).sort_index()


def _renamed(frame: "pd.DataFrame") -> "pd.DataFrame":
    snake = re.compile("(?=[A-Z])")
    frame = frame.rename(columns=lambda name: RENAMED.get(name) or snake.sub("_", name).lower())
    if "forename" in frame:
        frame = frame.assign(name=frame["forename"] + " " + frame["surname"])
        frame = frame.drop(columns=["forename", "surname"])
    return frame
