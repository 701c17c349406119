"""From made-up files to probabilities: how near they come to the best that anybody could say."""

import numpy as np
import pandas as pd
import pytest
from coveo_tables import config
from sklearn.metrics import average_precision_score
from smallboat.samples import made_up
from smallboat.training import training

from {{ cookiecutter.project_slug }} import candidates, data, features
from {{ cookiecutter.project_slug }}.inputs import NAMES
from {{ cookiecutter.project_slug }}.problem import PROBLEM

SESSIONS, SEED = 50_000, 7
SIMPLEST = min(candidates.CANDIDATES, key=lambda each: each.complexity)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The feature table of made-up sessions: what came first, and the last fifth of the days."""
    folder = tmp_path_factory.mktemp("made-up")
    made_up.write(folder, SESSIONS, SEED, "parquet")
    (folder / "snapshot").mkdir()
    data.collect(config(folder), folder / "snapshot")
    frame = features.build(data.read(folder / "snapshot"))
    days = np.sort(frame["date"].unique())
    begins = days[len(days) * 4 // 5]
    return frame[frame["date"] < begins], frame[frame["date"] >= begins]


def reached(past: pd.DataFrame, later: pd.DataFrame) -> float:
    """Average precision on later sessions of a model that learns from past ones."""
    fitted = candidates.fit(SIMPLEST, SIMPLEST.grid[-1], past, NAMES, 1)
    return float(average_precision_score(later["target"], training.predict(PROBLEM, fitted, later)))


def test_the_simplest_model_reaches_nine_tenths_of_the_best_possible(
    parts: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    _, later = parts
    best = made_up.truth(SESSIONS, SEED).set_index(["session", "n"])["posterior"]
    known = best.loc[pd.MultiIndex.from_frame(later[["entity", "after"]])]
    possible = average_precision_score(later["target"], known)
    assert 0.9 * possible <= reached(*parts) <= possible + 0.05


def test_from_shuffled_labels_it_reaches_the_base_rate(
    parts: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    past, later = parts
    shuffled = past.assign(label=past["label"].sample(frac=1, random_state=1).to_numpy())
    base = later["target"].mean()
    assert base - 0.07 < reached(shuffled, later) < base + 0.07
