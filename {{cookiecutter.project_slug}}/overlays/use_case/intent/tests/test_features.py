"""The feature table: its rows and labels, and what a release knows of products and sessions."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import visits

from {{ cookiecutter.project_slug }} import features, metrics
from {{ cookiecutter.project_slug }}.inputs import NAMES, prefix
from {{ cookiecutter.project_slug }}.warehouse import Warehouse

DAYS = {date: visits.day(date, 150, seed=7) for date in ("2018-12-31", "2019-01-06", "2019-01-07")}
LABELS = ["period", "group", "date", "entity", "weekday", "target", "label"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> features.Tables:
    return Warehouse(visits.write(tmp_path_factory.mktemp("features") / "snapshot", DAYS))


@pytest.fixture(scope="module")
def frame(tables: features.Tables) -> pd.DataFrame:
    return features.build(tables)


@pytest.fixture(scope="module")
def online(tables: features.Tables) -> dict[str, object]:
    return features.online_features(tables)


def test_labels_come_first_then_every_feature_a_finite_float32(frame: pd.DataFrame) -> None:
    assert list(frame) == [*LABELS, *NAMES]
    assert len(frame) > 300
    assert (frame[list(NAMES)].dtypes == np.float32).all()
    assert np.isfinite(frame[list(NAMES)]).all(axis=None)


def test_a_row_for_each_two_events_that_a_session_has(frame: pd.DataFrame) -> None:
    cells = frame.groupby("entity")["after"].apply(list)
    assert all(rows == list(range(0, 2 * len(rows), 2)) for rows in cells)
    assert frame["after"].max() == 10


def test_rows_are_those_of_the_sessions_that_add_before_they_purchase(frame: pd.DataFrame) -> None:
    expected = {
        name: any(event["action"] == "purchase" for event in events)
        for made in DAYS.values()
        for name, events in visits.requests(made).items()
        if any(event.action == "add" for event in prefix(events))
    }
    found = frame.drop_duplicates("entity").set_index("entity")["target"]
    assert found.astype(bool).to_dict() == expected
    assert frame.groupby("entity")["target"].nunique().eq(1).all()
    assert (frame["label"] == frame["target"]).all()


def test_a_week_belongs_to_its_iso_year(frame: pd.DataFrame) -> None:
    of_day = frame.drop_duplicates("group").set_index("group")[["period", "weekday"]]
    assert of_day.to_dict("index") == {
        "2018-12-31": {"period": 201901, "weekday": "Mon"},
        "2019-01-06": {"period": 201901, "weekday": "Sun"},
        "2019-01-07": {"period": 201902, "weekday": "Mon"},
    }
    assert (frame["date"].dt.strftime("%Y-%m-%d") == frame["group"]).all()
    assert frame["date"].is_monotonic_increasing


def test_building_again_gives_the_same_frame(frame: pd.DataFrame, tables: features.Tables) -> None:
    pd.testing.assert_frame_equal(features.build(Warehouse(tables.folder)), frame)


def test_the_online_features_are_json_and_know_the_newest_day(online: dict[str, object]) -> None:
    assert json.loads(json.dumps(online, allow_nan=False)) == online
    assert online["as_of"] == "2019-01-07"
    assert online["catalog"] == {
        sku: [price, category and category.partition("/")[0]]
        for sku, (price, category) in visits.CATALOG.items()
    }


def test_typical_is_the_mean_of_the_newest_rows(
    online: dict[str, dict[str, float]], frame: pd.DataFrame
) -> None:
    assert tuple(online["typical"]) == NAMES
    means = frame[list(NAMES)].to_numpy(dtype=np.float64).mean(axis=0)
    np.testing.assert_allclose(list(online["typical"].values()), means, rtol=1e-12)


def test_examples_are_a_mix_of_sessions_to_replay(online: dict[str, list[dict]]) -> None:
    examples = online["sessions"]
    assert len(examples) == 12
    assert len({example["name"] for example in examples}) == 12
    assert {example["date"] for example in examples} <= set(DAYS)
    assert [example["date"] for example in examples] == sorted(
        (example["date"] for example in examples), reverse=True
    )
    assert sum(example["purchased"] for example in examples) == 6
    for example in examples:
        events = example["request"]["events"]
        assert 8 <= len(events) <= 40
        actions = [event["action"] for event in events]
        assert "add" in actions
        assert "purchase" not in actions
        assert len(prefix(events)) == len(events)


def test_a_snapshot_without_a_cart_has_no_rows(tmp_path: Path) -> None:
    made = visits.Day([("one", None, None, 1_546_300_800_000, None)])
    empty = Warehouse(visits.write(tmp_path / "none", {"2019-01-01": made}, {}))
    frame = features.build(empty)
    assert list(frame) == [*LABELS, *NAMES]
    assert frame.empty


def test_the_truth_of_a_session_is_its_purchase_whatever_was_seen_of_it(
    tables: features.Tables, frame: pd.DataFrame
) -> None:
    once = frame.drop_duplicates("entity").set_index("entity")
    keys = [f"{name}/{after}" for name in once.index for after in (0, 3, 14)]
    found = features.truth(tables, ["unknown/0", "", *keys, keys[0]])
    assert sorted(found.index) == sorted(keys)
    assert (found["target"] == once["target"].reindex(found["entity"]).to_numpy()).all()
    assert found["target"].nunique() == 2
    same = ["period", "group", "date", "weekday", "label"]
    expected = once[same].loc[found["entity"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[same].reset_index(drop=True), expected)
    assert (found["known_at"] > found["date"]).all()
    assert list(features.truth(tables, [])) == list(found) and features.truth(tables, []).empty


def test_live_metrics_need_no_more_than_the_inputs_and_the_truth(
    tables: features.Tables, frame: pd.DataFrame
) -> None:
    keys = frame["entity"] + "/" + frame["after"].astype(int).astype(str)
    told = features.truth(tables, list(keys)).loc[keys].reset_index(drop=True)
    live = pd.concat([frame[list(NAMES)], told], axis=1)
    chance = np.linspace(0.05, 0.95, len(frame))
    assert metrics.score(live, chance) == metrics.score(frame, chance)
    assert all(name in live for name in metrics.SLICES)
