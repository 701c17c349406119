"""The split of a feature table by time or by folds, and what to change if a part is too small."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from .. import periods
from ..errors import UserError
from ..evaluation import bootstrap
from ..words import counted

FEWEST_ROWS = 50
"""Rows that each part needs; it also needs as many groups as `smallest_period` says."""


@dataclass(frozen=True)
class Split:
    """A feature table cut by period: each part lies after the one before it.

    A table without dates is cut by fold. A row has the same fold in each snapshot, so the test rows
    of two runs are the same, but for new ones.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame

    @property
    def past(self) -> pd.DataFrame:
        """The rows that the evaluation model may learn from."""
        return pd.concat([self.train, self.validation])

    @property
    def held_out(self) -> pd.DataFrame:
        """The rows that models are evaluated on: validation, then test."""
        return pd.concat([self.validation, self.test])

    @property
    def by(self) -> Literal["time", "folds"]:
        """What its periods are."""
        return "time" if "date" in self.train else "folds"

    @property
    def periods(self) -> dict[str, list[int]]:
        """The first and the last period of each part."""
        return {
            name: [int(part["period"].min()), int(part["period"].max())]
            for name, part in vars(self).items()
        }

    @property
    def period_names(self) -> dict[str, str]:
        """The same for people; empty for folds and a problem's own numbers."""
        parts = [part.filter(["period", "date"]) for part in vars(self).values()]
        unit = periods.unit(pd.concat(parts))
        if unit is None:
            return {}
        return {
            name: periods.spanned(first, last, unit) for name, (first, last) in self.periods.items()
        }


def recent(frame: pd.DataFrame, periods: int) -> pd.DataFrame:
    """The rows of the newest periods; older ones only feed the features' history."""
    first = frame["period"].drop_duplicates().nlargest(periods).min()
    newest: pd.DataFrame = frame[frame["period"] >= first]
    return newest


def split(frame: pd.DataFrame, options: Mapping[str, Any]) -> Split:
    """Cut a feature table by period, with the options of the table [training].

    The newest and the oldest period are not whole if they have fewer groups than `smallest_period`.
    Such a newest one joins the one before it; the rows of such an oldest one are trained on, but it
    does not count. Rows of the last `gap_days` before validation and before test are left out.

    Raises:
        UserError: There are too few whole periods, or a part has fewer groups than
            `smallest_period` or fewer rows than FEWEST_ROWS; says which setting would help. There
            is a gap, but no column `date`; or there are more groups than the bootstrap can draw.
    """
    if options["gap_days"] and "date" not in frame:
        raise UserError(
            f"training.gap_days = {options['gap_days']} needs dates, and the feature table has no "
            "column date: set gap_days = 0 under [training] in config/base.toml"
        )
    if wrong := _too_short(frame, options):
        raise UserError(f"{wrong}; {_remedy(frame, options)}")
    parts = _cut(frame, options)
    bootstrap.check(parts.held_out["group"].nunique())  # before a model is trained
    return parts


def _whole(frame: pd.DataFrame, options: Mapping[str, Any]) -> list[int]:
    groups = frame.groupby("period")["group"].nunique()
    few = groups < options["smallest_period"]
    first, last = int(few.iloc[0]), len(groups) - int(few.iloc[-1])
    return [int(period) for period in groups.index[first:last]]


def _cut(frame: pd.DataFrame, options: Mapping[str, Any]) -> Split:
    whole, gap = _whole(frame, options), options["gap_days"]
    validation = whole[-options["validation_periods"] - options["test_periods"]]
    test, period = whole[-options["test_periods"]], frame["period"]
    return Split(
        train=_before(validation, frame[period < validation], frame, gap),
        validation=_before(test, frame[(period >= validation) & (period < test)], frame, gap),
        test=frame[period >= test],
    )


def _before(next_one: int, part: pd.DataFrame, frame: pd.DataFrame, gap_days: int) -> pd.DataFrame:
    """A part without the days right before the period in which the next part begins."""
    if gap_days == 0:
        return part
    begins = frame.loc[frame["period"] == next_one, "date"].min()
    kept: pd.DataFrame = part[part["date"] < begins - pd.Timedelta(days=gap_days)]
    return kept


def _too_short(frame: pd.DataFrame, options: Mapping[str, Any]) -> str | None:
    """Why a table can't be split with these options, if it can't."""
    whole, least = _whole(frame, options), options["smallest_period"]
    held_out = options["validation_periods"] + options["test_periods"]
    unit, example = ("period", " (races, days)") if "date" in frame else ("fold", "")
    if len(whole) <= held_out:
        return (
            f"the data has {counted(len(whole), f'whole {unit}')}{_span(whole, frame)}: to hold "
            f"out {held_out}, training needs at least {held_out + 1}"
        )
    for name, part in vars(_cut(frame, options)).items():
        groups, rows = part["group"].nunique(), len(part)
        if groups < least or rows < FEWEST_ROWS:
            return (
                f"the {name} part would have {counted(groups, 'group')}{example} and "
                f"{counted(rows, 'row')}: it needs at least {least} (training.smallest_period) and "
                f"{FEWEST_ROWS} rows"
            )
    return None


def _remedy(frame: pd.DataFrame, options: Mapping[str, Any]) -> str:
    """The settings under which the table can be split, nearest to these; else what is missing."""
    for changed in _others(options):
        if _too_short(frame, {**options, **changed}) is None:
            settings = [f"{name} = {value}" for name, value in changed.items()]
            return f"set {' and '.join(settings)} under [training] in config/base.toml"
    return "bring more data: no other setting under [training] leaves enough"


def _others(options: Mapping[str, Any]) -> Iterator[dict[str, int]]:
    """Smaller hold-outs, and those without a gap; the most even between the two parts first."""
    most = {name: options[name] for name in ("validation_periods", "test_periods", "gap_days")}
    for gap in sorted({most["gap_days"], 0}, reverse=True):
        for least in range(max(most["validation_periods"], most["test_periods"]), 0, -1):
            asked = {
                "validation_periods": min(least, most["validation_periods"]),
                "test_periods": min(least, most["test_periods"]),
                "gap_days": gap,
            }
            yield {name: value for name, value in asked.items() if value != most[name]}


def _span(whole: list[int], frame: pd.DataFrame) -> str:
    """The first and the last period, for people."""
    named = whole and periods.spanned(whole[0], whole[-1], periods.unit(frame))
    return f" ({named})" if named else ""
