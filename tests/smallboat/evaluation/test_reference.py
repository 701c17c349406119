"""The sketch of held-out rows in a bundle, and the comparison of a window with it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from smallboat.errors import UserError
from smallboat.evaluation import drift_tests, reference, sketches
from smallboat.problem import Feature, Output
from smallboat.table import encoding

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = ("number", "skewed", "tied", "flag", "constant", "holes", "city")
OUTPUT = Output("answer", "1", "", "value")
ROWS = 4_000


def problem(*features: Feature, output: Output = OUTPUT) -> Any:
    """As much of a problem as a sketch needs."""
    return SimpleNamespace(
        features=SimpleNamespace(FEATURES=features), candidates=SimpleNamespace(OUTPUT=output)
    )


def feature(name: str) -> Feature:
    return Feature(name, "category" if name.startswith("city") else "1", "", 0.0, missing=True)


def made_up(rows: int, seed: int) -> dict[str, Array]:
    """Columns of all kinds."""
    random = np.random.default_rng(seed)
    number = random.normal(size=rows)
    texts = [f"city {place}" for place in random.zipf(1.6, rows).clip(max=400)]
    return {
        "number": number,
        "skewed": np.exp(2 * random.normal(size=rows)),
        "tied": np.where(random.random(rows) < 0.6, 0.0, random.exponential(size=rows)),
        "flag": (random.random(rows) < 0.03).astype(float),
        "constant": np.full(rows, 7.0),
        "holes": np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows)),
        "city": encoding.codes(texts).astype(float),
    }


def window(rows: int, seed: int, **changed: Any) -> Array:
    columns = made_up(rows, seed)
    for name, change in changed.items():
        columns[name] = change(columns[name])
    return np.column_stack([columns[name] for name in NAMES]).astype(np.float32)


def answers(rows: int, seed: int) -> Array:
    return np.random.default_rng(seed + 1_000).normal(size=rows)


@pytest.fixture(scope="module")
def kept() -> Any:
    """The reference of ROWS rows, after a round trip through JSON."""
    frame = pd.DataFrame(made_up(ROWS, seed=0)).assign(group=np.arange(ROWS) // 4)
    made = reference.sketch(problem(*map(feature, NAMES)), frame, answers(ROWS, 0))
    return json.loads(reference.to_json(made))


def moved(found: list[Any]) -> list[str]:
    return [each["name"] for each in found if each["drifted"]]


def test_windows_without_drift_are_quiet_and_the_p_values_keep_their_level(kept: Any) -> None:
    smallest = []
    for seed in range(1, 201):
        found = reference.compare(kept, window(500, seed), answers(500, seed), np.arange(500))
        assert moved(found) == []
        smallest.append(min(each["p_value"] for each in found))
    # 10 of 200 are expected below .05; 20 or more have a chance of .3 %.
    assert np.mean(np.array(smallest) < 0.05) < 0.1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("number", lambda column: column + 0.5),
        ("number", lambda column: column * 2),
        ("skewed", lambda column: column * 2),
        ("tied", lambda column: np.where(column == 0, -1, column)),
        ("flag", lambda column: np.arange(len(column)) % 5 == 0),
        ("constant", lambda column: column + 1),
        ("constant", lambda column: np.where(np.arange(len(column)) % 5 == 0, np.nan, column)),
        ("holes", lambda column: np.nan_to_num(column)),
        ("city", lambda column: np.where(np.arange(len(column)) % 5 == 0, 12345.0, column)),
        ("city", lambda column: np.where(np.arange(len(column)) % 5 == 0, 0.0, column)),
    ],
    ids=["shift", "spread", "unit", "below", "flag", "constant", "nulls", "filled", "new", "empty"],
)
def test_a_change_is_found_in_the_column_that_has_it(kept: Any, name: str, change: Any) -> None:
    changed = window(500, 1, **{name: change})
    found = reference.compare(kept, changed, answers(500, 1), np.arange(500))
    assert moved(found) == [name]
    assert reference.compare(kept, changed, answers(500, 1), np.arange(500), [name]) == [
        {**each, "p_value": pytest.approx(each["p_value"], rel=0.2)}
        for each in found
        if each["name"] != name
    ]


def test_a_shift_of_half_a_standard_deviation_is_found_and_named(kept: Any) -> None:
    """Twenty of the hundred tries of benchmarks/drift.py, by the default rule: 2 of 3 windows."""
    named = 0
    for start in range(0, 60, 3):
        windows = (window(500, start + at, number=lambda values: values + 0.5) for at in range(3))
        found = [
            moved(reference.compare(kept, rows, answers(500, start + at), np.arange(500)))
            for at, rows in enumerate(windows)
        ]
        named += sum(each == ["number"] for each in found) >= 2
    assert named >= 19


def test_values_that_move_over_time_in_the_reference_may_go_on_moving() -> None:
    random, weeks = np.random.default_rng(1), np.arange(4_000) // 100
    level = random.normal(size=60)
    frame = pd.DataFrame({"x": level[weeks] + random.normal(size=4_000) / 2, "group": weeks})
    said = random.normal(size=4_000)
    dated = frame.assign(date=pd.Timestamp("2024-01-01") + pd.to_timedelta(weeks * 7, "D"))
    made = reference.sketch(problem(feature("x")), dated, said)
    alarms = 0
    for week in range(40, 60):
        rows = level[week] + random.normal(size=(500, 1)) / 2
        found = reference.compare(made, rows.astype(np.float32), said[:500], np.arange(500))
        alarms += bool(moved(found))
        further = (rows + 8).astype(np.float32)
        assert moved(reference.compare(made, further, said[:500], np.arange(500))) == ["x"]
    assert alarms <= 1


def test_a_change_of_the_answers_is_told_as_one_of_the_output(kept: Any) -> None:
    found = reference.compare(kept, window(500, 1), answers(500, 1) + 1, np.arange(500))
    assert [(each["name"], each["of"]) for each in found if each["drifted"]] == [
        ("answer", "output")
    ]


def test_clusters_may_have_any_names(kept: Any) -> None:
    rows, said, numbers = window(500, 1), answers(500, 1), np.arange(500) // 4
    told = [
        reference.compare(kept, rows, said, clusters)
        for clusters in (
            numbers,
            10**9 * numbers,
            np.array([f"request {each}" for each in numbers]),
        )
    ]
    assert told[0] == told[1] == told[2]


def test_shares_and_means_are_told(kept: Any) -> None:
    half = np.arange(500) % 2 == 0
    changed = window(
        500,
        1,
        city=lambda column: np.where(half, 12345.0, column),
        holes=lambda column: np.where(half, np.nan, column + 1),
    )
    found = {
        each["name"]: each
        for each in reference.compare(kept, changed, answers(500, 1), np.arange(500))
    }
    city, holes = found["city"], found["holes"]
    assert city["unknown"]["reference"] < 0.4 < 0.5 <= city["unknown"]["current"]
    assert city["reference_mean"] is None and city["current_mean"] is None
    assert holes["unknown"] is None
    assert holes["missing"]["current"] == pytest.approx(0.6, abs=0.05)
    assert holes["current_mean"] == pytest.approx(1, abs=0.2)
    assert holes["reference_mean"] == pytest.approx(0, abs=0.1)


def test_rows_of_one_cluster_are_no_evidence_of_their_own(kept: Any) -> None:
    """25 rows that each stand 20 times say as much as 25, not as 500."""
    quiet = 0
    for seed in range(1, 101):
        rows, cluster = np.repeat(window(25, seed), 20, axis=0), np.repeat(np.arange(25), 20)
        said = np.repeat(answers(25, seed), 20)
        quiet += not moved(reference.compare(kept, rows, said, cluster))
        assert moved(reference.compare(kept, rows, said, np.arange(500)))
    assert quiet >= 95


def test_the_design_effect_of_equal_rows_is_the_size_of_a_cluster() -> None:
    places = np.repeat(np.random.default_rng(1).integers(0, 5, (1, 2_000)), 4, axis=1)
    rows, clusters = drift_tests.counts(places, 6), np.repeat(np.arange(2_000), 4)
    effects, held = drift_tests.design_effects(places, rows, clusters)
    assert effects[0, :5] == pytest.approx(4, rel=0.1)
    assert (held[0, :5] == rows[0, :5] / 4).all() and held[0, 5] == 0
    effects, held = drift_tests.design_effects(places, rows, np.arange(8_000))
    assert (effects == 1).all() and (held == rows).all()


def counted(*rows: float, effect: float = 1) -> drift_tests.Counts:
    return drift_tests.Counts(np.array([rows]), np.full((1, len(rows)), effect))


def test_the_statistics_are_those_of_scipy() -> None:
    before, now = [30.0, 50, 20, 0], [10.0, 60, 25, 0]
    expected = stats.chi2_contingency([before[:3], now[:3]], correction=False).pvalue
    found = drift_tests.p_values(counted(*before), counted(*now), 1e9)
    assert found == pytest.approx(expected, rel=1e-6)
    four = [4 * np.array(each) for each in (before, now)]
    found = drift_tests.p_values(*(counted(*each, effect=4) for each in four), 1e9)
    assert found == pytest.approx(expected, rel=1e-6)
    tail = stats.binom.sf(2, 13, 100 / 1_100)
    found = drift_tests.p_values(counted(990, 10), counted(97, 3), 1e9)
    assert found == pytest.approx(2 * tail)
    several = np.array([0.01, 0.04, 0.03, 0.5])
    assert drift_tests.holm(several) == pytest.approx([0.04, 0.09, 0.09, 0.5])


def test_sparse_bins_are_merged_but_a_newcomer_is_not_hidden() -> None:
    before = counted(500, 480, 8, 5, 4, 3, 0)
    usual, newcomer = (counted(51, 46, 1, 0, 1, 0, more) for more in (0, 8))
    assert drift_tests.p_values(before, usual, 1e9)[0] > 0.3
    assert drift_tests.p_values(before, newcomer, 1e9)[0] < 1e-6


COLUMN = st.integers(1, 80).flatmap(
    lambda size: arrays(
        np.float32,
        size,
        elements=st.floats(-1e6, 1e6, width=32)
        | st.just(float("nan"))
        | st.integers(0, 3).map(float),
    )
)


@settings(max_examples=200, deadline=None)
@given(COLUMN, COLUMN, st.booleans())
def test_any_column_can_be_kept_and_compared(before: Array, now: Array, category: bool) -> None:
    frame = pd.DataFrame({"x": before, "group": range(len(before))})
    stated = problem(Feature("x", "category" if category else "1", "", 0.0))
    made = json.loads(reference.to_json(reference.sketch(stated, frame, before * 0 + 1)))
    assert sum(made["inputs"]["x"]["counts"]) == len(before)
    (same, _) = reference.compare(made, before[:, None], before * 0 + 1, np.arange(len(before)))
    assert same["effect"] == 0 and not same["drifted"]
    (other, _) = reference.compare(made, now[:, None], now * 0 + 1, np.arange(len(now)))
    assert 0 <= other["p_value"] <= 1 and np.isfinite(other["effect"])


def test_it_keeps_no_row_no_extreme_and_nothing_rare(kept: Any) -> None:
    columns = made_up(ROWS, seed=0)
    for name in NAMES:
        sketch, values = kept["inputs"][name], columns[name].astype(np.float32)
        told = [*sketch.get("cuts", ()), *sketch.get("values", ()), *sketch.get("levels", ())]
        told += sketch.get("known", ())
        for value in np.float32(told):
            rows = int((values == value).sum())
            assert rows == 0 or rows >= sketches.LEAST, (name, value, rows)
    assert max(kept["inputs"]["skewed"]["cuts"]) < columns["skewed"].max() / 2


def test_the_code_of_a_missing_category_is_that_of_the_encoding() -> None:
    assert sketches.NO_TEXT == encoding.MISSING


@pytest.mark.parametrize("unit", ["1", "category"])
def test_a_reference_of_300_inputs_is_small(unit: str) -> None:
    random = np.random.default_rng(1)
    if unit == "1":
        values = random.normal(size=(20_000, 300)) * 1e5
    else:
        codes = encoding.codes([f"text {at}" for at in range(1_000)])
        values = codes[random.integers(0, 1_000, (20_000, 300))]
    names = [f"a longer name of an input {at}" for at in range(300)]
    frame = pd.DataFrame(values, columns=names).assign(group=np.arange(20_000) // 10)
    stated = problem(*(Feature(name, unit, "", 0.0) for name in names))
    made = reference.to_json(reference.sketch(stated, frame, values[:, 0]))
    assert len(made) <= 200_000


def test_wrong_windows_and_references_are_sentences(kept: Any, tmp_path: Path) -> None:
    rows = window(10, 1)
    with pytest.raises(UserError, match="a window without rows can't be compared"):
        reference.compare(kept, rows[:0], answers(0, 1), np.arange(0))
    with pytest.raises(UserError, match=r"the window has 6 columns of the inputs, .* has 7"):
        reference.compare(kept, rows[:, 1:], answers(10, 1), np.arange(10))
    assert reference.read(tmp_path) is None
    (tmp_path / "reference.json").write_text('{"schema": 0}')
    with pytest.raises(UserError, match="has schema 0, this version of smallboat reads 1: run"):
        reference.read(tmp_path)


def test_a_name_to_ignore_that_is_no_input_is_a_sentence() -> None:
    reference.check_ignored(problem(feature("season"), feature("city")), ["season"])
    with pytest.raises(UserError, match=r"monitor.ignored has 'seson', .* did you mean 'season'"):
        reference.check_ignored(problem(feature("season"), feature("city")), ["seson"])


def test_each_class_has_an_output_of_its_own() -> None:
    chances = np.random.default_rng(1).dirichlet([4, 2, 1], 1_000)
    output = Output("fate", "1", "", "probabilities", classes=("a", "b", "c"))
    frame = pd.DataFrame({"x": np.zeros(1_000), "group": range(1_000), "target": 1})
    made = reference.sketch(problem(feature("x"), output=output), frame, chances)
    assert len(made["calibration"]) == 3
    assert list(made["output"]) == ["a", "b", "c"]
    rows = np.zeros((500, 1), dtype=np.float32)
    mixed = chances[:500, [0, 2, 1]]
    assert moved(reference.compare(made, rows, mixed, np.arange(500))) == ["b", "c"]
