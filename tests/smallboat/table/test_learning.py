"""Each family learns each kind of target, and its graph answers as it does."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tables
from smallboat.errors import UserError
from smallboat.table import learning, metrics
from smallboat.training import encoders, stages
from tables import CANDIDATES, INPUTS, TABLES, Array
from threadpoolctl import threadpool_limits

PARITY = 1e-6
"""Of probabilities, or in standard deviations of a number: float32's noise."""
KINDS = list(TABLES)
EACH = [
    (kind, name)
    for kind in KINDS
    for name in CANDIDATES
    if name not in (("ridge",) if kind in ("binary", "multiclass") else ("logistic_regression",))
]
BOOSTED = ("hist_gradient_boosting", "xgboost", "lightgbm")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """As in a task of the flow; several threads on a busy machine wait for each other."""
    with threadpool_limits(1):
        yield


def fit(kind: str, name: str, frame: pd.DataFrame, seed: int = 1) -> Any:
    if name == "lightgbm":
        lightgbm_or_skip()
    candidate = CANDIDATES[name]
    return learning.fit(TABLES[kind], candidate, candidate.grid[0], frame, INPUTS, seed)


def lightgbm_or_skip() -> None:
    try:
        import lightgbm  # noqa: F401
    except OSError as error:
        pytest.skip(f"lightgbm needs a library of the system: {error}")


@cache
def past(kind: str) -> pd.DataFrame:
    return tables.made_up(kind, 3000, 1)


@cache
def unseen(kind: str) -> pd.DataFrame:
    return tables.made_up(kind, 3000, 2, unknown=True)


@cache
def fitted(kind: str, name: str) -> Any:
    return fit(kind, name, past(kind))


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_its_graph_answers_unknown_levels_and_gaps_as_it_does(kind: str, name: str) -> None:
    model, rows = fitted(kind, name), tables.rows_of(unseen(kind))
    rows[:50, : len(tables.NUMBERS)] = np.nan  # also where the past had no gaps
    rows[50:99, len(tables.NUMBERS) :] = 0
    onnx = tables.graph(model, len(INPUTS))
    expected, found = tables.answers(model, rows), tables.graph_answers(onnx, rows)
    spread = expected.std() if kind in ("regression", "log") else 1.0
    assert np.abs(found - expected).max() / spread < (1e-5 if kind == "log" else PARITY)


@pytest.mark.parametrize(("kind", "name"), EACH)
def test_it_learns_far_more_than_the_baseline(kind: str, name: str) -> None:
    table, frame = TABLES[kind], tables.made_up(kind, 3000, 3)
    answers = tables.answers(fitted(kind, name), tables.rows_of(frame))
    error = metrics.score(table, frame, answers)[table.primary]
    assert error < 0.85 * metrics.score(table, frame, metrics.baseline(table, frame))[table.primary]
    if kind == "log":
        assert (answers > 0).all()


@pytest.mark.parametrize("name", [*CANDIDATES][1:])
def test_the_same_seed_gives_the_same_graph(name: str) -> None:
    one, other = (fit("regression", name, past("regression"), 3) for _ in range(2))
    assert tables.graph(one, len(INPUTS)) == tables.graph(other, len(INPUTS))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BOOSTED)
def test_rounds_end_with_the_model_itself(name: str, kind: str) -> None:
    model, frame = fitted(kind, name), unseen(kind)
    found = dict(learning.rounds(TABLES[kind], model, frame, INPUTS, 10))
    assert list(found) == [10, 20, 30, 40]
    whole = tables.answers(model, tables.rows_of(frame))
    if kind == "binary":  # the rounds are not calibrated
        order, told = np.argsort(whole), found[40]
        assert (np.diff(told[order]) >= -1e-9).all()
    else:
        np.testing.assert_allclose(found[40], whole, rtol=1e-5, atol=1e-6)
    assert np.abs(found[10] - found[40]).max() > 0.05


@pytest.mark.parametrize("name", ["random_forest", "neural_network"])
def test_what_does_not_boost_has_no_rounds(name: str) -> None:
    found = learning.rounds(TABLES["binary"], fitted("binary", name), past("binary"), INPUTS, 1)
    assert not list(found)


def test_of_a_large_table_there_are_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "STAGED", 1000)
    model = fitted("regression", "xgboost")
    found = learning.rounds(TABLES["regression"], model, past("regression"), INPUTS, 5)
    assert [done for done, _ in found] == [20, 40]


def test_a_candidate_learns_from_at_most_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Regressor:
        def __init__(self, **_: Any) -> None: ...

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return {}

        def fit(self, rows: Array, target: Array) -> "Regressor":
            seen.append(rows[:, 0])
            return self

        def predict(self, rows: Array) -> Array:
            return np.zeros(len(rows))

    candidate = learning.Candidate("few", 1, ({},), lambda *_: Regressor(), "filled", 700)
    frame = past("regression")
    for seed in (1, 1, 2):
        learning.fit(TABLES["regression"], candidate, {}, frame, INPUTS, seed)
    assert [len(rows) for rows in seen] == [700] * 3
    assert np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[0], seen[2])


def test_a_family_is_made_by_kind_with_the_seed_if_it_takes_one() -> None:
    forest = learning.family("sklearn.ensemble.RandomForest*", n_jobs=1)
    made = forest("regression", 7, max_depth=3)
    assert type(made).__name__ == "RandomForestRegressor"
    assert (made.random_state, made.n_jobs, made.max_depth) == (7, 1, 3)
    assert type(forest("multiclass", 7)).__name__ == "RandomForestClassifier"
    neighbours = learning.family("sklearn.neighbors.KNeighbors*")("binary", 7, n_neighbors=3)
    assert neighbours.n_neighbors == 3
    assert learning.family("sklearn.linear_model.Ridge")("regression", 7).random_state == 7


def test_a_class_that_no_row_has_is_named() -> None:
    frame = past("multiclass")
    with pytest.raises(UserError, match="no row to learn from has size = L: bring rows of it"):
        fit("multiclass", "xgboost", frame[frame["target"] < 2])


@pytest.mark.parametrize("wrong", [0.0, -2.5])
def test_a_target_without_a_logarithm_is_refused(wrong: float) -> None:
    frame = past("log").assign(target=[wrong, *past("log")["target"][1:]])
    with pytest.raises(UserError, match=rf"log = true, but price is {wrong:g} in a row: .*false"):
        fit("log", "ridge", frame)


@pytest.mark.parametrize("name", ["ridge", "random_forest", "hist_gradient_boosting", "xgboost"])
def test_of_a_target_far_from_0_the_graph_answers_alike(name: str) -> None:
    """Without the standardized target, XGBoost and forests differ by .0001 of its spread."""
    frame = past("regression")
    far = fit("regression", name, frame.assign(target=frame["target"] * 1000 + 400_000))
    rows = tables.rows_of(unseen("regression"))
    answers = far.predict(rows)
    found = tables.graph_answers(tables.graph(far, len(INPUTS)), rows)
    assert np.abs(found - answers).max() / answers.std() < 3e-5
    if name == "ridge":
        near = fitted("regression", name).predict(rows)
        np.testing.assert_allclose((answers - 400_000) / 1000, near, atol=1e-6)


def test_a_constant_target_is_learned() -> None:
    model = fit("regression", "ridge", past("regression").assign(target=7.0))
    assert model.predict(tables.rows_of(unseen("regression"))) == pytest.approx(7)


@pytest.mark.parametrize("inputs", ["raw", "filled", "scaled"])
def test_a_column_without_a_number_is_learned(inputs: Any) -> None:
    frame = past("regression").assign(plain=np.float32(np.nan))
    names = {"raw": "xgboost", "filled": "random_forest", "scaled": "ridge"}
    model, rows = fit("regression", names[inputs], frame), tables.rows_of(unseen("regression"))
    found = tables.graph_answers(tables.graph(model, len(INPUTS)), rows)
    np.testing.assert_allclose(found, model.predict(rows), atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), EACH[:5] + EACH[-5:])
def test_one_column_is_enough(kind: str, name: str) -> None:
    if name == "lightgbm":
        lightgbm_or_skip()
    candidate, frame = CANDIDATES[name], past(kind)[["plain", "target", "group"]]
    model = learning.fit(TABLES[kind], candidate, candidate.grid[0], frame, ["plain"], 1)
    rows = unseen(kind)[["plain"]].to_numpy(dtype=np.float32)
    found = tables.graph_answers(tables.graph(model, 1), rows)
    np.testing.assert_allclose(found, tables.answers(model, rows), rtol=1e-5, atol=1e-5)


def encoded(inputs: Any, several: bool, frame: pd.DataFrame) -> tuple[Array, Array]:
    """What a model sees of the past, and of a row of unknown levels and gaps."""
    rows, categories = tables.rows_of(frame), range(len(tables.NUMBERS), len(INPUTS))
    encoder = encoders.encoder(inputs, rows, list(categories), several, 1)
    seen = encoder.fit_transform(rows, frame["target"].to_numpy())
    strange = np.full((1, len(INPUTS)), np.nan, dtype=np.float32)
    strange[:, len(tables.NUMBERS) :] = 12345
    return seen, encoder.transform(strange)[0]


def test_trees_see_raw_numbers_and_whole_ones() -> None:
    seen, strange = encoded("raw", False, past("binary"))
    numbers = len(tables.NUMBERS)
    assert seen.dtype == np.float32 and seen.shape[1] == len(INPUTS)
    np.testing.assert_array_equal(seen[:, :numbers], tables.rows_of(past("binary"))[:, :numbers])
    assert np.isnan(strange[:numbers]).all()
    assert set(seen[:, numbers]) == set(range(6)) and (strange[numbers : numbers + 2] == -1).all()
    assert strange[-1] == pytest.approx(past("binary")["target"].mean())


def test_gaps_are_filled_with_the_median_and_marked_where_the_past_has_any() -> None:
    frame = past("binary")
    seen, strange = encoded("filled", False, frame)
    numbers = len(tables.NUMBERS)
    for at, name in enumerate(("plain", "date.year"), start=numbers):
        np.testing.assert_array_equal(seen[:, at] == 1, frame[name].isna())
    assert seen.shape[1] == len(INPUTS) + 2
    assert strange[:numbers] == pytest.approx(frame[list(tables.NUMBERS)].median().to_numpy())
    assert (strange[numbers : numbers + 2] == 1).all()


def test_of_several_classes_the_levels_with_the_most_rows_have_a_column() -> None:
    seen, strange = encoded("scaled", True, past("multiclass"))
    gaps, levels = 2, 6 + 31 + encoders.LEVELS
    assert seen.shape[1] == len(tables.NUMBERS) + gaps + levels
    counts = past("multiclass")["many"].value_counts()
    assert len(counts) > encoders.LEVELS
    assert seen[:, -encoders.LEVELS :].sum() == counts.head(encoders.LEVELS).sum()
    assert not strange[-levels:].any()


def test_a_number_beyond_those_of_the_past_counts_as_the_largest_of_them() -> None:
    model, frame = fitted("log", "ridge"), unseen("log")
    largest = past("log")["skewed"].max()
    usual, strange = (
        model.predict(tables.rows_of(frame.assign(skewed=np.float32(value))))
        for value in (largest, 1000 * largest)
    )
    np.testing.assert_allclose(usual, strange, rtol=1e-6)  # clipped after it is scaled


def test_numbers_are_scaled_and_many_levels_are_means() -> None:
    seen, strange = encoded("scaled", False, past("binary"))
    numbers = len(tables.NUMBERS)
    assert seen[:, :numbers].mean(axis=0) == pytest.approx(0, abs=1e-4)
    assert seen[:, :numbers].std(axis=0) == pytest.approx(1, abs=1e-4)
    assert np.corrcoef(seen[:, -1], past("binary")["target"])[0, 1] > 0.05
    assert abs(strange[-1]) < 0.3


def test_boosting_of_scikit_learn_itself_has_stages() -> None:
    from sklearn.ensemble import GradientBoostingRegressor

    rows = np.nan_to_num(tables.rows_of(past("regression")))
    model = GradientBoostingRegressor(n_estimators=4).fit(rows, past("regression")["target"])
    assert [done for done, _ in stages.answers(model, rows, 2)] == [2, 4]
