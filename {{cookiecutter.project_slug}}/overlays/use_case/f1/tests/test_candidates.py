"""Every candidate learns, repeats itself, and calls lower what finishes better."""

import numpy as np
import pandas as pd
import pytest
import seasons

from {{ cookiecutter.project_slug }} import candidates, features, metrics
from {{ cookiecutter.project_slug }}.inputs import NAMES

FRAME = features.build(seasons.make(seasons=6))
PAST, NEXT = FRAME[FRAME["period"] < 2006], FRAME[FRAME["period"] == 2006]
EACH = pytest.mark.parametrize("candidate", candidates.CANDIDATES, ids=lambda each: each.name)


def _predicted(candidate: candidates.Candidate, past: pd.DataFrame = PAST) -> candidates.Array:
    fitted = candidates.fit(candidate, candidate.grid[0], past, NAMES, 7)
    return candidates.predict(fitted, NEXT, NAMES)


@EACH
def test_it_orders_cars_far_better_than_chance(candidate: candidates.Candidate) -> None:
    assert metrics.score(NEXT, _predicted(candidate))["spearman"] > 0.35


@EACH
def test_the_same_seed_gives_the_same_model(candidate: candidates.Candidate) -> None:
    assert np.array_equal(_predicted(candidate), _predicted(candidate))


@EACH
def test_every_setting_fits(candidate: candidates.Candidate) -> None:
    for settings in candidate.grid:
        small = {**settings} | ({"n_estimators": 2} if "n_estimators" in settings else {})
        fitted = candidates.fit(candidate, small, PAST, NAMES, 7)
        assert np.isfinite(candidates.predict(fitted, NEXT, NAMES)).all()


@EACH
def test_who_ranks_heeds_which_race_a_row_belongs_to(candidate: candidates.Candidate) -> None:
    one_race = PAST.assign(group="all")
    alike = np.array_equal(_predicted(candidate), _predicted(candidate, one_race))
    assert alike != candidate.ranks


def test_names_and_complexities_are_each_ones_own() -> None:
    for each in ("name", "complexity"):
        assert len({getattr(one, each) for one in candidates.CANDIDATES}) == len(
            candidates.CANDIDATES
        )


def test_settings_are_all_combinations() -> None:
    assert candidates.settings(a=[1, 2], b=[3]) == ({"a": 1, "b": 3}, {"a": 2, "b": 3})
