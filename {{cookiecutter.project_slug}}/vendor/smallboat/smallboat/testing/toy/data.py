"""The raw table of the toy problem: `parcels`, one row a parcel, made up by a seed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt
from smallboat.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Tables = dict[str, "pd.DataFrame"]
COLUMNS = ["date", "depot", "parcel", "distance", "floor", "minutes"]
SLOWNESS = {"harbour": 0.0, "hill": 6.0, "market": 3.0}
"""Minutes that each depot takes before its parcels leave."""


class Config(BaseModel):
    """The table `[data]` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: Literal["sample", "files"]
    directory: str | None = None
    days: PositiveInt = 24  # of each year
    newest: str = "2024-12-31"
    seed: int = 1


def made_up(days: int, seed: int) -> "pd.DataFrame":
    """Parcels of five years; each takes 2 minutes a kilometre, 1 a floor, and its depot's."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    dates = [
        date
        for year in range(2020, 2025)
        for date in pd.date_range(f"{year}-01-01", f"{year}-12-31", periods=days).normalize()
    ]
    each = 8
    parcels = pd.DataFrame({"date": np.repeat(np.array(dates), each)})
    parcels["depot"] = rng.choice(sorted(SLOWNESS), len(parcels))
    parcels["parcel"] = np.arange(len(parcels))
    parcels["distance"] = rng.uniform(1, 9, len(parcels)).round(2)
    parcels["floor"] = rng.integers(0, 7, len(parcels))
    noise = rng.normal(0, 1.5, len(parcels))
    minutes = 2 * parcels["distance"] + parcels["floor"] + parcels["depot"].map(SLOWNESS)
    parcels["minutes"] = (10 + minutes + noise).round(2)
    return parcels


def collect(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fill an empty folder with `parcels.csv`."""
    import pandas as pd

    if config["source"] == "sample":
        parcels, source = made_up(config["days"], config["seed"]), "made up"
        parcels = parcels[parcels["date"] <= config["newest"]]
    else:
        file = Path(config["directory"] or ".", "parcels.csv")
        if not file.is_file():
            raise UserError(f"{file.parent} lacks {file.name}")
        parcels, source = pd.read_csv(file, parse_dates=["date"]), str(file)
    parcels.to_csv(folder / "parcels.csv", index=False, lineterminator="\n")
    return {
        "source": source,
        "licence": "none needed: the parcels are made up",
        "data_until": parcels["date"].max().date().isoformat(),
        "rows": {"parcels": len(parcels)},
    }


def read(folder: Path) -> Tables:
    """The tables of a snapshot."""
    import pandas as pd

    return {"parcels": pd.read_csv(folder / "parcels.csv", parse_dates=["date"])}
