"""Every candidate learns, repeats itself, says chances that come true, and sees what it should."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from smallboat.store import bundle
from smallboat.training import calibration, training

from {{ cookiecutter.project_slug }} import candidates, metrics
from {{ cookiecutter.project_slug }}.events import PAGE_COUNTS
from {{ cookiecutter.project_slug }}.inputs import NAMES, SEQUENCE
from {{ cookiecutter.project_slug }}.problem import PROBLEM

Array = candidates.Array
EACH = pytest.mark.parametrize("candidate", candidates.CANDIDATES, ids=lambda each: each.name)
TELLING = ("after", "price", "seconds_log", SEQUENCE[0])


def _sessions(seed: int, sessions: int = 1200) -> tuple[pd.DataFrame, Array]:
    """A table of three rows a session, and its true chances: four of the features tell them."""
    rng = np.random.default_rng(seed)
    values = np.repeat(rng.normal(size=(sessions, len(NAMES))), 3, axis=0).astype(np.float32)
    values += 0.1 * rng.normal(size=values.shape).astype(np.float32)
    odds = values[::3, [NAMES.index(name) for name in TELLING]].sum(axis=1) - 1.3
    chance = np.repeat(1 / (1 + np.exp(-odds)), 3)
    bought = np.repeat(rng.random(sessions) < chance[::3], 3).astype(int)
    about = {
        "group": np.repeat([f"day {day}" for day in range(12)], sessions // 4),
        "entity": np.repeat([f"session {number}" for number in range(sessions)], 3),
        "target": bought,
        "label": bought.astype(np.float64),
    }
    frame = pd.DataFrame(about).join(pd.DataFrame(values, columns=list(NAMES)))
    return frame, chance


PAST, NEXT = _sessions(1)[0], _sessions(2)[0]


def _fit(candidate: candidates.Candidate, past: pd.DataFrame = PAST) -> Any:
    return candidates.fit(candidate, candidate.grid[0], past, NAMES, 7)


@cache
def _fitted(name: str) -> Any:
    return _fit(PROBLEM.candidate(name))


def _predicted(candidate: candidates.Candidate) -> Array:
    return training.predict(PROBLEM, _fitted(candidate.name), NEXT)


@EACH
def test_it_says_far_more_than_the_base_rate(candidate: candidates.Candidate) -> None:
    assert metrics.score(NEXT, _predicted(candidate))["ap"] > NEXT["target"].mean() + 0.15


@EACH
def test_of_shuffled_labels_it_learns_the_base_rate_alone(
    candidate: candidates.Candidate,
) -> None:
    ends = PAST.groupby("entity", sort=False)["target"].first()
    shuffled = np.repeat(np.random.default_rng(3).permutation(ends.to_numpy()), 3)
    fitted = _fit(candidate, PAST.assign(target=shuffled, label=shuffled))
    predicted = training.predict(PROBLEM, fitted, NEXT)
    base = metrics.score(NEXT, metrics.baseline(NEXT))
    found = metrics.score(NEXT, predicted)
    assert found["ap"] == pytest.approx(base["ap"], abs=0.06)
    assert found["log_loss"] < base["log_loss"] + 0.03


@EACH
def test_its_chances_come_true(candidate: candidates.Candidate) -> None:
    told = metrics.score(NEXT, _predicted(candidate))
    assert told["ece"] < 0.06
    assert told["log_loss"] < metrics.score(NEXT, metrics.baseline(NEXT))["log_loss"]


@EACH
def test_the_same_seed_gives_the_same_model(candidate: candidates.Candidate) -> None:
    again = training.predict(PROBLEM, _fit(candidate), NEXT)
    assert np.array_equal(_predicted(candidate), again)


@EACH
def test_its_graph_answers_as_it_does_and_has_the_same_bytes_each_time(
    candidate: candidates.Candidate,
) -> None:
    fitted = (_fitted(candidate.name), _fit(candidate))
    one, other = (training.export(PROBLEM, each, NEXT) for each in fitted)
    assert one["parity"] <= 1e-4
    assert one["onnx"] == other["onnx"]


@EACH
def test_without_types_of_pages_it_is_the_model_that_it_was_before_there_were_any(
    candidate: candidates.Candidate,
) -> None:
    names = [name for name in NAMES if name not in PAGE_COUNTS]
    past, later = (frame.assign(**dict.fromkeys(PAGE_COUNTS, 0.0)) for frame in (PAST, NEXT))
    before = candidates.fit(candidate, candidate.grid[0], past, names, 7)
    now = _fit(candidate, past)
    one, other = (
        bundle.answers(fitted, later[columns].to_numpy(dtype=np.float32), candidates.OUTPUT)
        for fitted, columns in ((before, names), (now, list(NAMES)))
    )
    assert np.array_equal(one, other)
    assert not np.array_equal(_predicted(candidate), other)


@EACH
def test_every_setting_fits(candidate: candidates.Candidate) -> None:
    for settings in candidate.grid:
        small = {**settings} | ({"n_estimators": 2} if "n_estimators" in settings else {})
        fitted = candidates.fit(candidate, small, PAST, NAMES, 7)
        chances = training.predict(PROBLEM, fitted, NEXT)
        assert ((chances > 0) & (chances < 1)).all()


@EACH
def test_the_order_of_events_is_for_those_that_are_told_it(
    candidate: candidates.Candidate,
) -> None:
    fitted = _fitted(candidate.name)
    otherwise = NEXT.assign(**{name: NEXT[name].to_numpy()[::-1] for name in SEQUENCE})
    before, after = (training.predict(PROBLEM, fitted, rows) for rows in (NEXT, otherwise))
    assert np.array_equal(before, after) != candidate.sequence


@EACH
def test_rounds_order_the_rows_as_the_whole_model_does(candidate: candidates.Candidate) -> None:
    fitted = _fitted(candidate.name)
    rounds = dict(candidates.rounds(fitted, NEXT, NAMES, 20))
    if "learning_rate" not in candidate.grid[0]:
        assert rounds == {}
        return
    assert list(rounds) == list(range(20, candidate.grid[0]["n_estimators"] + 1, 20))
    whole = metrics.score(NEXT, training.predict(PROBLEM, fitted, NEXT))["ap"]
    assert metrics.score(NEXT, rounds[max(rounds)])["ap"] == pytest.approx(whole)
    assert metrics.score(NEXT, rounds[20])["ap"] != pytest.approx(whole)


class Watching(DecisionTreeClassifier):  # type: ignore[misc]
    """A tree that notes whom it meets; the first column says whose row it is."""

    seen: list[tuple[set[float], set[float]]] = []  # noqa: RUF012 - of all clones

    def fit(self, rows: Array, label: Array) -> "Watching":
        self.learned_ = set(rows[:, 0])
        super().fit(rows, label)
        return self

    def predict_proba(self, rows: Array) -> Array:
        self.seen.append((self.learned_, set(rows[:, 0])))
        return np.asarray(super().predict_proba(rows))


@pytest.mark.parametrize(("few", "folds", "share"), [(10_000, 3, 1.0), (100, 1, 0.95)])
def test_the_sigmoid_learns_from_sessions_that_the_classifier_has_not_seen(
    few: int, folds: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "FEW", few)
    monkeypatch.setattr(Watching, "seen", [])
    session = np.repeat(np.arange(200), 3)
    rows = np.column_stack([session, session % 7]).astype(np.float32)
    label = (session % 7 > 4).astype(int)
    fitted = calibration.Calibrated(Watching(max_depth=2)).fit(rows, label, session)
    assert len(Watching.seen) == folds
    for learned, asked in Watching.seen:
        assert not learned & asked and len(learned | asked) == 200
    assert len(fitted.classifier_.learned_) == round(200 * share)


def test_a_crooked_classifier_is_straightened() -> None:
    """A tree that was taught with weights says chances that are far too high."""
    past, chance = _sessions(1, 4000)
    rows, session = past[list(TELLING)].to_numpy(), past["entity"].factorize()[0]
    crooked = DecisionTreeClassifier(
        max_depth=5, min_samples_leaf=100, class_weight={0: 1, 1: 5}, random_state=1
    )
    fitted = calibration.Calibrated(crooked).fit(rows, past["target"].to_numpy(), session)
    before = fitted.classifier_.predict_proba(rows)[:, 1].mean()
    assert before > chance.mean() + 0.2
    assert fitted.predict(rows).mean() == pytest.approx(chance.mean(), abs=0.02)


def test_a_graph_answers_alike_where_the_classifier_is_sure() -> None:
    """A tree of pure leaves says nothing but 0 and 1."""
    rows = PAST[list(NAMES)].to_numpy()
    pure = make_pipeline(DecisionTreeClassifier(random_state=1))
    session = PAST["entity"].factorize()[0]
    fitted = calibration.Calibrated(pure).fit(rows, PAST["target"].to_numpy(), session)
    assert set(fitted.classifier_.predict_proba(rows).ravel()) == {0.0, 1.0}
    graph = bundle.to_onnx(fitted, len(NAMES), candidates.OUTPUT)
    assert np.abs(bundle.predict(graph, rows) - fitted.predict(rows)).max() < 1e-5


def test_names_and_complexities_are_each_ones_own() -> None:
    for each in ("name", "complexity"):
        assert len({getattr(one, each) for one in candidates.CANDIDATES}) == len(
            candidates.CANDIDATES
        )


def test_settings_are_all_combinations() -> None:
    assert candidates.settings(a=[1, 2], b=[3]) == ({"a": 1, "b": 3}, {"a": 2, "b": 3})
