"""Every candidate learns, repeats itself, and calls lower what finishes better."""

import numpy as np
import pandas as pd
import pytest
import seasons
from smallboat.training import training

from {{ cookiecutter.project_slug }} import candidates, features, metrics
from {{ cookiecutter.project_slug }}.inputs import NAMES
from {{ cookiecutter.project_slug }}.problem import PROBLEM

FRAME = features.build(seasons.make(seasons=6))
PAST, NEXT = FRAME[FRAME["period"] < 2006], FRAME[FRAME["period"] == 2006]
EACH = pytest.mark.parametrize("candidate", candidates.CANDIDATES, ids=lambda each: each.name)


def _predicted(candidate: candidates.Candidate, past: pd.DataFrame = PAST) -> candidates.Array:
    fitted = candidates.fit(candidate, candidate.grid[0], past, NAMES, 7)
    return training.predict(PROBLEM, fitted, NEXT)


@EACH
def test_it_orders_cars_far_better_than_chance(candidate: candidates.Candidate) -> None:
    assert metrics.score(NEXT, _predicted(candidate))["spearman"] > 0.35


@EACH
def test_the_same_seed_gives_the_same_model(candidate: candidates.Candidate) -> None:
    assert np.array_equal(_predicted(candidate), _predicted(candidate))


@EACH
def test_its_graph_answers_as_it_does_and_has_the_same_bytes_each_time(
    candidate: candidates.Candidate,
) -> None:
    fitted = [candidates.fit(candidate, candidate.grid[0], PAST, NAMES, 7) for _ in range(2)]
    one, other = (training.export(PROBLEM, each, NEXT) for each in fitted)
    assert one["parity"] <= 1e-4
    assert one["onnx"] == other["onnx"]


@EACH
def test_the_last_round_answers_as_the_whole_model(candidate: candidates.Candidate) -> None:
    fitted = candidates.fit(candidate, candidate.grid[0], PAST, NAMES, 7)
    rounds = dict(candidates.rounds(fitted, NEXT, NAMES, 5))
    if "learning_rate" not in candidate.grid[0]:
        assert rounds == {}
        return
    assert list(rounds) == list(range(5, candidate.grid[0]["n_estimators"] + 1, 5))
    whole = metrics.score(NEXT, training.predict(PROBLEM, fitted, NEXT))
    assert metrics.score(NEXT, rounds[max(rounds)]) == pytest.approx(whole)


@EACH
def test_every_setting_fits(candidate: candidates.Candidate) -> None:
    for settings in candidate.grid:
        small = {**settings} | ({"n_estimators": 2} if "n_estimators" in settings else {})
        fitted = candidates.fit(candidate, small, PAST, NAMES, 7)
        assert np.isfinite(training.predict(PROBLEM, fitted, NEXT)).all()


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
