"""What is known of a driver, a team or a circuit after each of its races, without loops over rows.

The state *after* a race is what the look-up of a release keeps; the same state, moved on to the
next race of its owner, is what a feature table holds. Training and serving can't differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Look:
    """How one value of past races becomes one number.

    Attributes:
        value: the column of the table of past starts.
        span: how many of the owner's past races count; 0 adds up all of them.
        half_life: races after which a race counts half; 0 weighs all in the span alike.
    """

    value: str
    span: int = 0
    half_life: float = 0.0


class History:
    """The states of one kind of owner (drivers, teams, pairs ...) after each of its races."""

    def __init__(self, owner: pd.Series, race: Array, values: pd.DataFrame) -> None:
        """Average what an owner has in one race (two cars, a shared car) into one appearance.

        Args:
            owner: shape [n], who a start belongs to.
            race: shape [n], the number of the start's race in order of time.
            values: shape [n, m], what is remembered of a start; NaN is left out of averages.
        """
        codes, names = pd.factorize(owner, sort=True)
        by = [pd.Series(codes, name="owner"), pd.Series(race, name="race")]
        means = values.reset_index(drop=True).groupby(by, sort=True).mean()
        self.names = pd.Index(names)
        self.owner = means.index.get_level_values("owner").to_numpy()
        self.race = means.index.get_level_values("race").to_numpy()
        self.values = means
        self.row = np.arange(len(means))
        self.first = np.searchsorted(self.owner, self.owner)

    def after(self, looks: Mapping[str, Look]) -> pd.DataFrame:
        """The states after each appearance, NaN where nothing was seen; ordered by owner, race."""
        states = {
            name: self._total(look.value) if look.span == 0 else self._mean(look)
            for name, look in looks.items()
        }
        return pd.DataFrame(states)

    def before(self, states: pd.DataFrame, owner: pd.Series, race: Array) -> pd.DataFrame:
        """The state of `owner` on the eve of `race` (both shape [n]); NaN without a past."""
        code = self.names.get_indexer(pd.Index(owner))
        width = int(max(self.race.max(initial=0), race.max(initial=0))) + 1
        seen = np.searchsorted(self.owner * width + self.race, code * width + race) - 1
        known = (code >= 0) & (seen >= 0)
        known &= self.owner[np.maximum(seen, 0)] == code
        found = states.to_numpy()[np.maximum(seen, 0)]
        found[~known] = np.nan
        return pd.DataFrame(found, columns=states.columns, index=owner.index)

    def last(self, states: pd.DataFrame) -> dict[str, list[float | None]]:
        """Each owner's newest state, ready for JSON: null where nothing was seen."""
        newest = np.flatnonzero(np.append(self.owner[1:] != self.owner[:-1], True))
        rows = states.to_numpy()[newest].tolist()
        return {
            str(name): [None if value != value else value for value in row]
            for name, row in zip(self.names, rows, strict=True)
        }

    def _total(self, value: str) -> Array:
        running = np.cumsum(np.nan_to_num(self.values[value].to_numpy()))
        total: Array = running - np.append(0.0, running)[self.first]
        return total

    def _mean(self, look: Look) -> Array:
        """Weighted mean over the span, added up lag by lag so that no other owner's rows matter."""
        value = self.values[look.value].to_numpy()
        total, weight = np.zeros(len(value)), np.zeros(len(value))
        for lag in range(look.span):
            share = 0.5 ** (lag / look.half_life) if look.half_life else 1.0
            past = np.maximum(self.row - lag, 0)
            counts = (self.row - lag >= self.first) & ~np.isnan(value[past])
            total += np.where(counts, share * value[past], 0.0)
            weight += share * counts
        return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan)
