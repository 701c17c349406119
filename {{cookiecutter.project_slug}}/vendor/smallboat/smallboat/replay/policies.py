"""When to retrain."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Due = Callable[["pd.Timestamp", "pd.Timestamp", bool], bool]
"""Whether to retrain before a day: the day, when it was done last, whether drift was found."""

OWN = "weekly"
"""The rule of the schedule that a project ships."""
NEVER, DRIFT = "never", "on drift"
DAYS = 7
YEARS = 2
"""Data that spans less than so many years is retrained monthly, not yearly."""


def of(span: "pd.Timedelta") -> dict[str, Due]:
    """The policies for data that spans so much time, the rarest first."""
    yearly = span.days >= YEARS * 365
    return {
        NEVER: lambda day, last, drift: False,
        "yearly" if yearly else "monthly": _yearly if yearly else _monthly,
        OWN: lambda day, last, drift: (day - last).days >= DAYS,
        DRIFT: lambda day, last, drift: drift,
    }


def _yearly(day: "pd.Timestamp", last: "pd.Timestamp", drift: bool) -> bool:
    return day.year > last.year


def _monthly(day: "pd.Timestamp", last: "pd.Timestamp", drift: bool) -> bool:
    return (day.year, day.month) > (last.year, last.month)


def planned(due: Due, days: "list[pd.Timestamp]") -> "list[pd.Timestamp]":
    """Before which of the days a policy retrains, if no drift is ever found; never the first."""
    found, last = [], days[0]
    for day in days[1:]:
        if due(day, last, False):
            found.append(day)
            last = day
    return found
