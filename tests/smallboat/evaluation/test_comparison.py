"""Challenger against champion, on pairs whose right outcome is known."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from smallboat.evaluation import comparison, evaluation
from toy import metrics
from toy.problem import PROBLEM

GROUPS, SIZE, SAMPLES = 22, 20, 500
MARGIN = 0.25
OUTPUT = {"name": "rank", "unit": "place"}


def ranked(frame: pd.DataFrame, predicted: np.ndarray) -> np.ndarray:
    """The error of each row: by how many places its rank in its group is wrong."""
    groups = pd.Series(predicted).groupby(frame["group"].to_numpy())
    return np.abs(groups.rank(method="first").to_numpy() - frame["target"].to_numpy())


def resampled(
    frame: pd.DataFrame, predicted: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Its mean in each resample."""
    groups = pd.Series(ranked(frame, predicted)).groupby(frame["group"].to_numpy(), sort=False)
    return {"error": (counts @ groups.sum().to_numpy()) / (counts @ groups.size().to_numpy())}


def score(frame: pd.DataFrame, predicted: np.ndarray) -> dict[str, float]:
    return {"error": float(ranked(frame, predicted).mean())}


@pytest.fixture(scope="module", autouse=True)
def places() -> Iterator[None]:
    """Models are evaluated by the ranks that they give, whatever the project's metrics are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "PRIMARY", "error")
        for name, function in (("score", score), ("resampled", resampled)):
            patch.setattr(metrics, name, function)
        yield


def model(column: str, **changed: Any) -> comparison.EvaluationModel:
    """A model whose answers are a column of the table."""
    facts: dict[str, Any] = {"inputs": [column], "output": OUTPUT, "until": "2023-12-31"}
    return comparison.EvaluationModel(**(facts | changed), predict=lambda rows: rows[:, 0])


def sample(rng: np.random.Generator, extra: float) -> pd.DataFrame:
    """Groups of rows, which are ranked within their group, and two models' answers.

    Both know the rows' pace, err alike for most of it and apart for the rest, as two families
    trained on the same rows do: their errors are about 3.1 places, and apart by 0.2 places (one
    standard deviation) from group to group. `extra` is what the challenger errs more.
    """
    rows = GROUPS * SIZE
    pace = rng.normal(size=rows)
    group = np.repeat(np.arange(GROUPS), SIZE)
    seen = pace + 0.3 * rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "group": group.astype(str),
            "date": pd.Timestamp("2024-03-01") + pd.to_timedelta(7 * group, unit="D"),
            "target": pd.Series(pace + 0.7 * rng.normal(size=rows))
            .groupby(group)
            .rank()
            .to_numpy(),
            "champion": seen + 0.08 * rng.normal(size=rows),
            "challenger": seen + np.hypot(0.08, extra) * rng.normal(size=rows),
        }
    )
    return frame


def worse_by(extra: float) -> float:
    """How much worse that makes the challenger on average, from many samples."""
    rng = np.random.default_rng(99)
    means = []
    for _ in range(300):
        frame = sample(rng, extra)
        means.append(
            ranked(frame, frame["challenger"].to_numpy()).mean()
            - ranked(frame, frame["champion"].to_numpy()).mean()
        )
    return float(np.mean(means))


@cache
def samples(extra: float) -> list[pd.DataFrame]:
    rng = np.random.default_rng(1)
    return [sample(rng, extra) for _ in range(SAMPLES)]


def outcomes(extra: float, margin: float = MARGIN) -> list[str]:
    return [
        comparison.compare(PROBLEM, frame, model("challenger"), model("champion"), margin)[
            "outcome"
        ]
        for frame in samples(extra)
    ]


@pytest.fixture(scope="module")
def once() -> Iterator[None]:
    """The same answers for the same sample differ by the same: it is found once."""
    found: dict[bytes, Any] = {}
    difference = evaluation.difference

    def known(_: Any, frame: pd.DataFrame, *answers: np.ndarray, coverage: float) -> Any:
        asked = (frame["target"].to_numpy(), *answers, np.array(coverage))
        key = b"".join(each.tobytes() for each in asked)
        if key not in found:
            found[key] = difference(PROBLEM, frame, *answers, coverage=coverage)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "difference", known)
        yield


def test_of_two_equal_models_the_challenger_is_seldom_called_inferior(once: None) -> None:
    assert outcomes(extra=0.0).count("inferior") <= 0.05 * SAMPLES


def test_without_a_margin_noise_alone_seldom_makes_a_model_inferior(once: None) -> None:
    """Percentile intervals of 22 groups are a little narrow: one-sided 5 % become some 6 %."""
    assert 0.02 * SAMPLES <= outcomes(extra=0.0, margin=0.0).count("inferior") <= 0.08 * SAMPLES


EXTRA = 0.377


def test_a_model_worse_by_the_margin_and_a_fifth_is_caught() -> None:
    assert worse_by(EXTRA) == pytest.approx(1.2 * MARGIN, rel=0.05)
    assert outcomes(EXTRA).count("inferior") >= 0.8 * SAMPLES


@pytest.fixture
def frame() -> pd.DataFrame:
    return sample(np.random.default_rng(5), extra=0.0)


def test_a_clearly_worse_challenger_is_inferior_and_a_better_one_is_not(
    frame: pd.DataFrame,
) -> None:
    worse = frame.assign(challenger=-frame["champion"])
    told = comparison.compare(PROBLEM, worse, model("challenger"), model("champion"), MARGIN)
    assert told["outcome"] == "inferior"
    assert told["difference"]["low"] > MARGIN
    told = comparison.compare(PROBLEM, worse, model("champion"), model("challenger"), MARGIN)
    assert told["outcome"] == "not inferior"


def test_worse_for_sure_but_within_the_margin_is_not_inferior(frame: pd.DataFrame) -> None:
    """The two best-ranked rows of each group change places: a little worse, and always."""
    order = frame.groupby("group")["target"].rank()
    swapped = order.replace({1: 2, 2: 1})
    told = comparison.compare(
        PROBLEM,
        frame.assign(champion=order, challenger=swapped),
        model("challenger"),
        model("champion"),
        MARGIN,
    )
    assert told["difference"]["low"] > 0
    assert told["outcome"] == "not inferior"


def test_perhaps_worse_by_more_than_the_margin_is_not_inferior_while_it_may_be_noise(
    frame: pd.DataFrame,
) -> None:
    """One group goes wrong, the others are as good as the champion's: that is no evidence."""
    last = frame["group"] == frame["group"].iloc[-1]
    told = comparison.compare(
        PROBLEM,
        frame.assign(challenger=frame["champion"].where(~last, -frame["champion"])),
        model("challenger"),
        model("champion"),
        MARGIN,
    )
    assert told["difference"]["value"] > 0
    assert told["difference"]["high"] > MARGIN
    assert told["outcome"] == "not inferior"


def test_answers_that_are_not_finite_are_inferior_or_not_comparable(frame: pd.DataFrame) -> None:
    broken = frame.assign(challenger=np.nan)
    told = comparison.compare(PROBLEM, broken, model("challenger"), model("champion"), MARGIN)
    assert told["outcome"] == "inferior"
    told = comparison.compare(PROBLEM, broken, model("champion"), model("challenger"), MARGIN)
    assert told["outcome"] == "not comparable"


@pytest.mark.parametrize(("groups", "outcome"), [(9, "not comparable"), (10, "not inferior")])
def test_few_groups_tell_too_little(frame: pd.DataFrame, groups: int, outcome: str) -> None:
    few = frame[frame["group"].astype(int) < groups]
    told = comparison.compare(PROBLEM, few, model("champion"), model("champion"), MARGIN)
    assert told["outcome"] == outcome


def test_the_same_model_is_not_inferior_to_itself(frame: pd.DataFrame) -> None:
    told = comparison.compare(PROBLEM, frame, model("champion"), model("champion"), margin=0.0)
    assert told["outcome"] == "not inferior"
    assert told["difference"] == {"value": 0, "low": 0, "high": 0}


def test_only_rows_that_neither_has_seen_count(frame: pd.DataFrame) -> None:
    """What the challenger gets wrong before the later cut-off does not matter."""
    cut = "2024-05-10"
    assert (frame["date"] == cut).any()
    early = frame["date"] <= cut
    spoilt = frame.assign(challenger=frame["champion"].where(~early, -frame["champion"]))
    for challenger, champion in (("2023-12-31", cut), (cut, "2023-12-31")):
        told = comparison.compare(
            PROBLEM,
            spoilt,
            model("challenger", until=challenger),
            model("champion", until=champion),
            MARGIN,
        )
        assert told["outcome"] == "not inferior"
        assert told["groups"] == frame.loc[~early, "group"].nunique()


def test_a_champion_whose_signature_states_no_kind_is_compared(frame: pd.DataFrame) -> None:
    """It was trained by a library before 0.3."""
    challenger = model("challenger", output=OUTPUT | {"kind": "rank"})
    compared = comparison.compare(PROBLEM, frame, challenger, model("champion"), MARGIN)
    assert compared["outcome"] == "not inferior"


@pytest.fixture
def folded(frame: pd.DataFrame) -> pd.DataFrame:
    """Without dates; half of the rows of each group are in fold 9."""
    return frame.drop(columns="date").assign(period=np.arange(len(frame)) % 2 + 8)


@pytest.mark.parametrize("folds", [[(8, 9), (9, 9)], [(9, 9), (8, 9)], [(7, 9), (9, 9)]])
def test_without_dates_only_rows_of_folds_that_both_were_tested_on_count(
    folded: pd.DataFrame, folds: list[tuple[int, int]]
) -> None:
    """What the challenger gets wrong in the others does not matter."""
    tested = folded["period"] == 9
    spoilt = folded.assign(challenger=folded["champion"].where(tested, -folded["champion"]))
    challenger, champion = (
        model(name, until=None, folds=each)
        for name, each in zip(("challenger", "champion"), folds, strict=True)
    )
    told = comparison.compare(PROBLEM, spoilt, challenger, champion, MARGIN)
    assert told["difference"] == {"value": 0, "low": 0, "high": 0}
    assert challenger.unseen(spoilt).sum() == len(spoilt) / (1 if folds[0][0] < 9 else 2)


@pytest.mark.parametrize(
    ("champion", "message"),
    [
        ({}, "the champion's rows were split by time, these are by folds"),
        (
            {"until": None, "folds": (4, 4)},
            "the champion's rows were split into 5 folds, these are into 10",
        ),
        ({"until": None, "folds": (9, 9)}, None),
    ],
)
def test_models_of_other_splits_are_not_comparable(
    folded: pd.DataFrame, champion: dict[str, Any], message: str | None
) -> None:
    """Rows that one of five folds holds are in all of ten."""
    challenger = model("challenger", until=None, folds=(9, 9))
    told = comparison.compare(PROBLEM, folded, challenger, model("champion", **champion), MARGIN)
    assert told["outcome"] == ("not comparable" if message else "not inferior")
    assert told["message"] == message or message is None


def test_models_split_by_folds_are_not_comparable_on_rows_with_dates(frame: pd.DataFrame) -> None:
    folds = model("champion", until=None, folds=(9, 9))
    told = comparison.compare(PROBLEM, frame, model("challenger"), folds, MARGIN)
    assert told["message"] == "the champion's rows were split by folds, these are by time"


@pytest.mark.parametrize(
    ("champion", "message"),
    [
        (model("gone"), "needs gone, which no longer exist"),
        (model("champion", output={"name": "points", "unit": "1"}), "the champion answers"),
        (model("champion", output=OUTPUT | {"kind": "value"}), "the champion answers"),
        (model("champion", until="2024-12-31"), "0 groups that neither has seen"),
    ],
)
def test_what_can_not_be_compared_is_said(
    frame: pd.DataFrame, champion: comparison.EvaluationModel, message: str
) -> None:
    told = comparison.compare(PROBLEM, frame, model("challenger"), champion, MARGIN)
    assert told["outcome"] == "not comparable"
    assert message in told["message"]
