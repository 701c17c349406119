"""Outcomes by the names that predictions have: what `features.truth` is made of."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def named(
    rows: "pd.DataFrame", names: Iterable["pd.Series"], keys: Collection[str]
) -> "pd.DataFrame":
    """The rows that keys name, indexed by key.

    Args:
        rows: outcomes, no two rows with one index.
        names: spellings of the rows' names, text by the index of `rows`. A row has one of them in
            the result, the first that is asked for.
        keys: what is asked for.
    """
    import pandas as pd

    asked = pd.concat([each[each.isin(keys)] for each in names])
    asked = asked[~asked.index.duplicated()].drop_duplicates(keep="last")
    found: pd.DataFrame = rows.loc[asked.index].set_axis(pd.Index(asked, dtype="object"))
    return found


def of_whole_groups(found: "pd.DataFrame", rows: "pd.DataFrame") -> "pd.DataFrame":
    """Those of `found` whose group has as many rows there as in `rows`: all of it was asked for."""
    whole = rows.groupby("group").size()
    asked = found["group"].map(found.groupby("group").size())
    complete: pd.DataFrame = found[asked == found["group"].map(whole)]
    return complete
