"""Splits respect time; the search keeps the best; what is exported answers as what was fitted."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from smallboat.errors import UserError
from smallboat.evaluation import bootstrap
from smallboat.store import bundle
from smallboat.training import splits, training
from toy import candidates, features, metrics
from toy.problem import PROBLEM

OPTIONS = {"validation_periods": 1, "test_periods": 1, "smallest_period": 10, "gap_days": 0}
SIMPLEST = min(candidates.CANDIDATES, key=lambda each: each.complexity).name
BOOSTED = [each.name for each in candidates.CANDIDATES if "learning_rate" in each.grid[0]]


def table(groups_a_period: list[int], rows_a_group: int = 3) -> pd.DataFrame:
    """Periods of so many groups, one a day."""
    rows = [
        (2000 + i, f"{i}-{n}", row)
        for i, groups in enumerate(groups_a_period)
        for n in range(groups)
        for row in range(rows_a_group)
    ]
    frame = pd.DataFrame(rows, columns=["period", "group", "target"])
    day = (frame["group"] != frame["group"].shift()).cumsum()
    return frame.assign(date=pd.Timestamp("2000-01-01") + pd.to_timedelta(day, unit="D"))


def changes(message: str) -> dict[str, int]:
    """The settings that the message of a split says to change."""
    found = re.findall(r"(\w+) = (\d+)", message.partition("; set ")[2])
    assert found and message.endswith("under [training] in config/base.toml")
    return {name: int(value) for name, value in found}


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=9),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 20),
)
def test_a_split_cuts_all_rows_by_time_or_says_what_it_needs(
    groups: list[int], validation: int, test: int, smallest: int
) -> None:
    frame = table(groups)
    options = {
        "validation_periods": validation,
        "test_periods": test,
        "smallest_period": smallest,
        "gap_days": 0,
    }
    few = [groups[at] < smallest and len(groups) > 1 for at in (0, -1)]
    whole = len(groups) - sum(few) if len(groups) > 2 or not all(few) else 0
    try:
        parts = splits.split(frame, options)
    except UserError as error:
        message = str(error)
        if "the data has" in message:
            assert whole <= validation + test
        else:
            assert whole > validation + test and "part would have" in message
        if "bring more data" not in message:
            splits.split(frame, options | changes(message))
        return
    assert whole > validation + test
    for part in vars(parts).values():
        assert part["group"].nunique() >= smallest and len(part) >= splits.FEWEST_ROWS
    pieces = [parts.train, parts.validation, parts.test]
    pd.testing.assert_frame_equal(pd.concat(pieces), frame)
    spans = parts.periods
    assert spans["train"][1] < spans["validation"][0] <= spans["validation"][1] < spans["test"][0]
    assert spans["validation"][1] - spans["validation"][0] == validation - 1


@given(st.lists(st.integers(25, 32), min_size=3, max_size=6), st.integers(1, 7))
def test_a_gap_leaves_out_the_days_before_the_next_part_and_no_others(
    groups: list[int], gap: int
) -> None:
    frame = table(groups)
    whole = splits.split(frame, OPTIONS | {"smallest_period": 1})
    parts = splits.split(frame, OPTIONS | {"smallest_period": 1, "gap_days": gap})
    pd.testing.assert_frame_equal(parts.test, whole.test)
    for part, before, after in (
        (parts.train, whole.train, whole.validation),
        (parts.validation, whole.validation, whole.test),
    ):
        skipped = before[~before.index.isin(part.index)]["date"].unique()
        begins = after["date"].min()
        assert list(skipped) == [begins - pd.Timedelta(days=d) for d in range(gap, 0, -1)]
    assert parts.past["date"].max() == parts.test["date"].min() - pd.Timedelta(days=gap + 1)


def test_periods_of_the_calendar_have_names() -> None:
    frame = table([20] * 10)
    dates = pd.to_datetime(frame["period"].astype(str) + "-08-05")
    months = frame.assign(date=dates, period=frame["period"] * 100 + 8)
    names = splits.split(months, OPTIONS).period_names
    assert names["test"] == f"August {frame['period'].max()}"


def test_a_table_without_dates_is_split_by_folds() -> None:
    frame = table([20] * 10).drop(columns="date").sample(frac=1, random_state=1)
    folds = frame.assign(period=frame["period"] - 2000)
    parts = splits.split(folds, OPTIONS)
    assert (parts.by, parts.periods["test"], parts.period_names) == ("folds", [9, 9], {})
    grown = pd.concat([folds, folds.assign(target=7)])
    again = splits.split(grown, OPTIONS)
    for part, larger in zip(vars(parts).values(), vars(again).values(), strict=True):
        assert part.index.isin(larger.index).all()
    with pytest.raises(UserError, match=r"gap_days = 3 needs dates, .* has no column date: set g"):
        splits.split(folds, OPTIONS | {"gap_days": 3})
    message = r"the data has 10 whole folds \(0 to 9\): to hold out 10, training needs at least 11"
    with pytest.raises(UserError, match=f"{message}; set validation_periods = 8 under"):
        splits.split(folds, OPTIONS | {"validation_periods": 9})
    few = r"the validation part would have 8 groups and 24 rows: it needs at least 10 \(training"
    with pytest.raises(UserError, match=f"{few}.*; bring more data: no other setting under"):
        splits.split(folds[folds["group"].str[-1] < "4"], OPTIONS | {"validation_periods": 1})


@pytest.mark.parametrize("groups", [1000, 1001])
def test_more_groups_than_can_be_drawn_are_refused_before_a_model_is_trained(groups: int) -> None:
    frame = table([50, 1000, groups])
    if groups == 1000:
        assert splits.split(frame, OPTIONS).held_out["group"].nunique() == bootstrap.MOST_GROUPS
        return
    with pytest.raises(
        UserError, match=r"2,001 groups are more than the 2,000 .*: make the column"
    ):
        splits.split(frame, OPTIONS)
    with pytest.raises(UserError, match="2,001 groups are more"):
        bootstrap.counts(2001)


WEEKS = {"validation_periods": 2, "test_periods": 2, "smallest_period": 5, "gap_days": 1}
ONE_OF_EACH = "set validation_periods = 1 and test_periods = 1 under [training] in config/base.toml"


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        # November 2019, whose first week has three days; OTTO's four weeks; two of them.
        ([3, 7, 7, 7, 6], WEEKS, f"has 4 whole periods (2001 to 2004): .* 5; {ONE_OF_EACH}"),
        ([7, 7, 7, 7], WEEKS, f"has 4 whole periods (2000 to 2003): .* at least 5; {ONE_OF_EACH}"),
        ([7, 7], WEEKS, "has 2 whole periods (2000 to 2001): .* at least 5; bring more data"),
        ([7], WEEKS, "the data has 1 whole period (2000): to hold out 4, training needs"),
        ([4, 4], WEEKS, "the data has 0 whole periods: to hold out 4, training needs at least 5"),
        (
            [30] * 3,
            OPTIONS | {"gap_days": 29},
            "the train part would have 1 group (races, days) and 20 rows: it needs at "
            r"least 10 (training.smallest_period) and 50 rows; set gap_days = 0 under [training]",
        ),
        ([2, 2, 2], OPTIONS | {"smallest_period": 1}, "train part .* 2 groups .* 40 rows: .* bri"),
    ],
)  # fmt: skip
def test_data_that_is_too_short_is_refused_with_what_to_change(
    groups: list[int], options: dict[str, int], message: str
) -> None:
    with pytest.raises(UserError, match=re.sub(r"[()\[\]]", r"\\\g<0>", message)) as raised:
        splits.split(table(groups, 20), options)
    if "; set " in str(raised.value):
        parts = splits.split(table(groups, 20), options | changes(str(raised.value)))
        assert min(part["group"].nunique() for part in vars(parts).values()) >= 5


def test_the_days_of_an_oldest_period_that_is_not_whole_are_trained_on() -> None:
    parts = splits.split(table([3, 7, 7, 7, 7], 20), WEEKS | {"validation_periods": 1})
    assert parts.periods == {
        "train": [2000, 2001],
        "validation": [2002, 2002],
        "test": [2003, 2004],
    }


@given(st.lists(st.integers(1, 5), min_size=1, max_size=9), st.integers(1, 12))
def test_recent_rows_are_those_of_the_newest_periods(groups: list[int], periods: int) -> None:
    frame = table(groups)
    kept = splits.recent(frame, periods)
    assert sorted(kept["period"].unique()) == sorted(frame["period"].unique())[-periods:]
    assert len(kept) == 3 * sum(groups[-periods:])


def test_a_season_under_way_is_judged_with_the_one_before_it() -> None:
    assert splits.split(table([20, 20, 20, 9], 5), OPTIONS).periods["test"] == [2002, 2003]
    assert splits.split(table([20, 20, 20, 10], 5), OPTIONS).periods["test"] == [2003, 2003]


def test_the_search_keeps_the_setting_that_validates_best(parts: splits.Split) -> None:
    result = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    scores = [trial["score"] for trial in result["trials"]]
    assert len(scores) == len(PROBLEM.candidate(SIMPLEST).grid)
    assert result["score"] == min(scores)
    assert result["settings"] == result["trials"][int(np.argmin(scores))]["settings"]
    assert result["disqualified"] is None


@pytest.mark.parametrize("name", BOOSTED)
def test_a_learning_curve_ends_at_the_score_of_the_whole_model(
    name: str, parts: splits.Split
) -> None:
    result = training.search(PROBLEM, name, parts.train.tail(600), parts.validation, seed=1)
    rounds = [done for done, _ in result["learning_curve"]]
    assert rounds == [5, 10, 15, 20]
    assert result["learning_curve"][-1][1] == pytest.approx(result["score"])
    assert len({score for _, score in result["learning_curve"]}) > 3


def test_a_family_without_rounds_has_no_curve(parts: splits.Split) -> None:
    assert (
        training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)["learning_curve"]
        == []
    )


@pytest.mark.parametrize("name", training.candidate_names(PROBLEM))
def test_every_candidate_answers_the_same_as_onnx_and_in_the_same_bytes(
    name: str, parts: splits.Split
) -> None:
    settings = PROBLEM.candidate(name).grid[0]
    train = parts.train.tail(600)
    graphs = []
    for _ in range(2):
        fitted = training.fit(PROBLEM, name, settings, train, 1)
        graphs.append(training.export(PROBLEM, fitted, parts.test))
    assert graphs[0]["parity"] <= 1e-4
    assert graphs[0]["onnx"] == graphs[1]["onnx"]


def test_a_classifier_of_three_classes_is_refused(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before kinds, the probability of its second class was served as the answer."""

    def fit(candidate: object, settings: object, frame: pd.DataFrame, *_: object) -> object:
        rows = training.inputs(PROBLEM, frame)
        return LogisticRegression().fit(rows, np.digitize(frame["target"], [20, 30]))

    output = replace(candidates.OUTPUT, kind="probability")
    monkeypatch.setattr(candidates, "OUTPUT", output)
    monkeypatch.setattr(candidates, "fit", fit)
    with pytest.raises(UserError, match="it has the classes 0, 1, 2, but an output of kind prob"):
        training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)


def test_what_can_not_be_served_is_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    output = replace(candidates.OUTPUT, kind="probabilities", classes=("fast", "fast"))
    monkeypatch.setattr(candidates, "OUTPUT", output)
    with pytest.raises(UserError, match=r"OUTPUT: kind probabilities needs at least two classes"):
        training.candidate_names(PROBLEM)


def test_the_signature_states_what_is_predicted(frame: pd.DataFrame) -> None:
    winner = {"candidate": SIMPLEST, "settings": {}}
    assert training.signature(PROBLEM, winner, frame)["output"] == {
        "type": "float32",
        "name": "minutes",
        "unit": "min",
        "description": "from the depot to the door",
        "kind": "value",
    }


def test_the_signature_states_that_an_input_may_be_missing_and_else_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So models keep their hash in a library that did not know missing inputs."""
    distance = {
        "type": "float32",
        "name": "distance",
        "unit": "km",
        "description": "from the depot to the door",
        "default": 5.0,
    }
    assert training.interface(PROBLEM)["inputs"][0] == distance
    changed = (replace(features.FEATURES[0], missing=True), *features.FEATURES[1:])
    monkeypatch.setattr(features, "FEATURES", changed)
    assert training.interface(PROBLEM)["inputs"][0] == distance | {"missing": True}


def test_the_judged_model_is_fitted_on_all_of_the_past(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    fitted, fit = [], candidates.fit
    monkeypatch.setattr(
        candidates, "fit", lambda *given: [fitted.append(len(given[2])), fit(*given)][1]
    )
    training.evaluate_winner(PROBLEM, winner, parts, 1, 60)
    assert fitted == [len(parts.train) + len(parts.validation)]


def test_the_test_rows_are_not_seen_before_they_are_judged(parts: splits.Split) -> None:
    """Absurd test targets change the score of the winner, and nothing else about it."""
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    told = training.evaluate_winner(PROBLEM, winner, parts, 1, 60)
    flipped = parts.test.assign(target=parts.test["target"].to_numpy()[::-1])
    other = training.evaluate_winner(
        PROBLEM, winner, splits.Split(parts.train, parts.validation, flipped), 1, 60
    )
    assert other["onnx"] == told["onnx"]
    assert other["score"] > told["score"]


def test_the_served_model_has_seen_all_rows(frame: pd.DataFrame, parts: splits.Split) -> None:
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    served = training.refit(PROBLEM, winner, frame, seed=1)
    assert served["signature"]["trained_until"] == str(frame["date"].max().date())
    assert served["signature"]["trained_rows"] == len(frame)
    assert [i["name"] for i in served["signature"]["inputs"]] == training.columns(PROBLEM)
    changed = frame.assign(target=frame["target"].to_numpy()[::-1])
    assert training.refit(PROBLEM, winner, changed, seed=1)["onnx"] != served["onnx"]


def test_the_judged_score_is_that_of_the_kept_graph(parts: splits.Split) -> None:
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    evaluated = training.evaluate_winner(PROBLEM, winner, parts, 1, 60)
    answers = bundle.predict(evaluated["onnx"], parts.test[training.columns(PROBLEM)].to_numpy())
    assert metrics.score(parts.test, answers) == pytest.approx(evaluated["metrics"])
    baseline = metrics.score(parts.test, metrics.baseline(parts.test))
    assert evaluated["baseline"] == baseline
    share = evaluated["relative_error"]["value"]
    assert share == pytest.approx(evaluated["score"] / baseline[metrics.PRIMARY])
    for name, value in evaluated["difference"].items():
        assert value["value"] == pytest.approx(evaluated["metrics"][name] - baseline[name])


def test_slices_are_of_all_rows_that_the_judged_models_had_not_seen(parts: splits.Split) -> None:
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    evaluated = training.evaluate_winner(PROBLEM, winner, parts, 1, 60)
    slices = evaluated["slices"]
    periods = {int(part["value"]): part for part in slices if part["by"] == "period"}
    rows = parts.held_out["period"].value_counts()
    assert {period: part["rows"] for period, part in periods.items()} == dict(rows[rows >= 60])
    newest = parts.test[parts.test["period"] == max(periods)]
    predicted = bundle.predict(evaluated["onnx"], newest[training.columns(PROBLEM)].to_numpy())
    errors = metrics.loss(newest, predicted)
    assert periods[max(periods)]["error"] == pytest.approx(errors.mean(), abs=1e-4)
    assert all(part["rows"] >= 60 for part in slices)
    assert {*metrics.SLICES} == {part["by"] for part in slices}


def test_a_decision_is_made_on_validation_and_only_where_it_has_costs(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    costs = {"contact_cost": 1.0, "missed_cost": 2.0}

    def decide(frame: pd.DataFrame, predicted: candidates.Array, given: object) -> object:
        assert frame is parts.validation and given is costs
        assert predicted is winner["held_out"]["predicted"]
        return "from here on"

    monkeypatch.setattr(metrics, "decide", decide, raising=False)
    assert (
        training.evaluate_winner(PROBLEM, winner, parts, 1, 60, costs)["decision"] == "from here on"
    )
    assert "decision" not in training.evaluate_winner(PROBLEM, winner, parts, 1, 60)
    monkeypatch.delattr(metrics, "decide")
    with pytest.raises(UserError, match=r"a table \[decision\], but metrics\.py has no"):
        training.evaluate_winner(PROBLEM, winner, parts, 1, 60, costs)


def test_what_people_are_shown_is_judged_on_test_rows_that_it_was_not_fitted_on(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    evaluated = training.evaluate_winner(PROBLEM, winner, parts, 1, 60)
    predicted = bundle.predict(
        evaluated["onnx"], parts.test[training.columns(PROBLEM)].to_numpy(dtype=np.float32)
    )
    calibration = metrics.calibration(parts.validation, winner["held_out"]["predicted"])
    model, trivial = metrics.calibration_metrics(parts.test, predicted, calibration, parts.past)
    found = evaluated["calibration_metrics"]
    assert found["metrics"] == pytest.approx(dict(model.mean()), abs=1e-3)
    assert found["baseline"] == pytest.approx(dict(trivial.mean()))
    assert 0.7 < found["metrics"]["band_coverage"] < 0.9
    served = metrics.calibration(
        parts.held_out, np.concatenate([winner["held_out"]["predicted"], predicted])
    )
    assert evaluated["calibration"]["error"] == pytest.approx(served["error"], abs=1e-3)
    assert served != calibration
    monkeypatch.delattr(metrics, "calibration_metrics")
    assert "calibration_metrics" not in training.evaluate_winner(PROBLEM, winner, parts, 1, 60)


def test_a_judged_model_says_how_far_it_has_seen(parts: splits.Split) -> None:
    winner = training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
    evaluated = training.evaluate_winner(PROBLEM, winner, parts, 1, 60)
    assert evaluated["evaluation_trained_until"] == str(parts.past["date"].max().date())


def test_predictions_that_are_not_finite_fail_the_candidate(
    parts: splits.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "answers", lambda *_: np.full(len(parts.validation), np.nan))
    with pytest.raises(ValueError, match="not finite"):
        training.search(PROBLEM, SIMPLEST, parts.train, parts.validation, seed=1)
