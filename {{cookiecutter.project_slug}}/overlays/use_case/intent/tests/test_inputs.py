"""A request gets the very features that training would have made of its session."""

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import visits
from hypothesis import given, settings
from hypothesis import strategies as st
from smallboat.errors import RequestError

from {{ cookiecutter.project_slug }} import features
from {{ cookiecutter.project_slug }}.events import ACTIONS, COUNTED, PAGES
from {{ cookiecutter.project_slug }}.inputs import (
    FEATURES,
    MOST_AFTER,
    NAMES,
    SEQUENCE,
    assemble,
    complete,
    prefix,
    raw,
)
from {{ cookiecutter.project_slug }}.warehouse import Warehouse

CATALOG = {"cheap": [1, "shoes"], "dear": [9, "shoes"], "odd": [None, "hats"], "bare": [None, None]}
ONLINE = {"catalog": CATALOG}
MONDAY = 1_547_424_000_000
"""2019-01-14, midnight UTC."""


def _event(action: str, second: float, sku: str = "", **more: Any) -> dict[str, Any]:
    event = {"action": action, "time": MONDAY + int(second * 1000), **more}
    return event | ({"sku": sku} if sku else {})


VISIT = [
    _event("search", 0, clicks=2),
    _event("detail", 10, "cheap"),
    _event("detail", 40, "dear"),
    _event("detail", 100, "dear"),
    _event("add", 130, "dear"),
    _event("view", 140),
    _event("detail", 200, "dear"),
    _event("add", 260, "odd"),
    _event("remove", 261, "dear"),
]


def _row(events: list[dict[str, Any]]) -> dict[str, float]:
    values, warnings = assemble({"events": events}, ONLINE)
    assert warnings == []
    return dict(zip(NAMES, values[0].tolist(), strict=True))


def test_a_visit_counted_by_hand() -> None:
    row = _row(VISIT)
    expected = {
        "events": 9, "after": 4, "place": 5, "searches": 1, "views": 1, "details": 4, "adds": 2,
        "removes": 1, "after_views": 1, "after_details": 1, "after_adds": 1, "after_removes": 1,
        "after_searches": 0, "cart": 1, "skus": 3, "skus_repeated": 4, "skus_added": 2,
        "added_again": 2, "added_seen": 2, "clicks": 2, "product_share": 7 / 9, "seconds": 261,
        "seconds_to_add": 130, "seconds_since_add": 131, "gap_last": 1, "gap_mean": 261 / 8,
        "gap_longest": 60, "hour": 0, "day_of_week": 0, "weekend": 0, "price": 9, "price_known": 1,
        "price_seen": 7, "price_difference": 2, "categories": 2, "category_share": 6 / 7,
        "events_log": np.log(10), "seconds_log": np.log(262), "hour_sin": 0, "hour_cos": 1,
        "search_to_detail": 1, "detail_to_detail": 2, "detail_to_add": 2, "add_to_view": 1,
        "view_to_detail": 1, "add_to_remove": 1, "last_remove": 1, "previous_add": 1,
    }  # fmt: skip
    for name, value in expected.items():
        assert row[name] == np.float32(value), name
    order = {name for name in SEQUENCE if row[name]}
    assert order == set(SEQUENCE) & set(expected)


def test_pages_are_counted_by_their_type() -> None:
    pages = ["checkout", " Checkout ", "home", "account", "", None, "cart"]
    before = [_event("view", 101 + at, page=page) for at, page in enumerate(pages)]
    after = [_event("view", 500, page="checkout"), _event("detail", 501, "odd", page="checkout")]
    row = _row([*before, *VISIT, *after])
    found = {name: row[name] for name in NAMES if "page_" in name and row[name]}
    assert found == {"page_checkout": 3, "page_other": 2, "page_cart": 1, "after_page_checkout": 1}
    assert row["views"] == 1 + len(before) + 1
    assert not any(value for name, value in _row(VISIT).items() if "page_" in name)


def test_two_pages_at_once_are_two_views() -> None:
    at_once = [_event("view", 5, page=page) for page in ("search", None, "checkout", "search")]
    assert [event.page for event in prefix(at_once)] == [None, "checkout", "search"]


def test_one_event_is_enough() -> None:
    row = _row([_event("add", 86_400 * 5 + 3_600 * 13, "bare")])
    assert (row["events"], row["after"], row["hour"], row["weekend"]) == (1, 0, 13, 1)
    assert row["price_known"] == row["gap_last"] == row["gap_longest"] == row["seconds"] == 0
    assert (row["last_add"], sum(row[f"previous_{each}"] for each in ACTIONS[:-1])) == (1, 0)


def test_names_are_100_or_so_and_sequence_is_their_end() -> None:
    assert 60 <= len(NAMES) <= 100
    assert len(set(NAMES)) == len(NAMES)
    assert NAMES[-len(SEQUENCE) :] == SEQUENCE
    assert len(SEQUENCE) == 25 + 2 * 5
    assert all(np.isfinite(each.default) and each.description for each in FEATURES)


def test_an_events_order_is_that_of_time_action_and_product() -> None:
    at_once = [_event(action, 5, sku) for action, sku in [
        ("remove", "dear"), ("add", "odd"), ("add", ""), ("add", "dear"), ("search", ""),
        ("detail", "odd"),
    ]]  # fmt: skip
    assert [(event.action, event.sku) for event in prefix([*at_once, _event("view", 4)])] == [
        ("view", None), ("search", None), ("detail", "odd"), ("add", None), ("add", "dear"),
        ("add", "odd"), ("remove", "dear"),
    ]  # fmt: skip


def test_a_view_at_the_time_of_a_products_event_is_that_event() -> None:
    events = [_event("view", 1), _event("detail", 1, "odd"), _event("view", 2), _event("search", 2)]
    assert [event.action for event in prefix(events)] == ["detail", "search", "view"]
    assert [event.action for event in prefix([_event("purchase", 1), _event("view", 1)])] == []


def test_an_event_told_twice_counts_once() -> None:
    twice = prefix([*VISIT, *VISIT, _event("search", 0, clicks=5)])
    assert len(twice) == len(VISIT)
    assert twice[0].clicks == 5


def test_a_purchase_cuts_with_a_warning() -> None:
    more = [_event("purchase", 262, "odd"), _event("add", 263, "cheap"), _event("view", 300)]
    values, warnings = assemble({"events": VISIT + more}, ONLINE)
    assert np.array_equal(values, assemble({"events": VISIT}, ONLINE)[0])
    assert warnings == ["the first purchase and what follows it were left out"]


@pytest.mark.parametrize(
    "events",
    [[_event("view", 0)], [_event("purchase", 0), *VISIT[1:]], [_event("wish", 0)], []],
    ids=["no add", "purchase first", "unknown", "none"],
)
def test_a_session_without_an_add_is_refused(events: list[dict[str, Any]]) -> None:
    with pytest.raises(RequestError, match="no add to cart") as refused:
        assemble({"events": events}, ONLINE)
    assert refused.value.field == "events"
    bought = any(event["action"] == "purchase" for event in events)
    assert ("before the first purchase" in refused.value.message) == bought


def test_more_events_than_were_learned_from_are_answered_with_a_warning() -> None:
    more = [_event("view", 300 + second) for second in range(MOST_AFTER - 4)]
    assert _row(VISIT + more)["after"] == MOST_AFTER
    values, warnings = assemble({"events": [*VISIT, *more, _event("view", 999)]}, ONLINE)
    assert values[0, NAMES.index("after")] == MOST_AFTER + 1
    assert warnings == ["11 events after the first add to cart: the model learned from 10"]


def test_unknown_products_are_counted_in_one_warning() -> None:
    strange = [_event("detail", 300, "x"), _event("detail", 301, "y"), _event("detail", 302, "x")]
    _, warnings = assemble({"events": VISIT + strange}, ONLINE)
    assert warnings == ["products that are not in the catalogue: 2"]


def test_400_events_with_odd_times_are_answered_with_numbers() -> None:
    chance = random.Random(1)
    events = [
        {"action": chance.choice(ACTIONS[:-1]), "time": chance.choice([0, -5, 10**12, 10**15 + n])}
        for n in range(400)
    ]
    values, _ = assemble({"events": events}, ONLINE)
    assert values.shape == (1, len(NAMES))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


EVENTS = st.lists(
    st.builds(
        dict,
        action=st.sampled_from(ACTIONS),
        time=st.integers(0, 50),
        sku=st.sampled_from([None, "", *CATALOG, "other"]),
        page=st.sampled_from([None, "", "checkout", "Search", "home"]),
        clicks=st.integers(0, 4),
    ),
    min_size=1,
    max_size=60,
)


@given(EVENTS, st.randoms())
@settings(max_examples=200)
def test_the_order_in_which_events_are_told_does_not_matter(
    events: list[dict[str, Any]], chance: random.Random
) -> None:
    mixed = chance.sample(events, len(events))
    assert prefix(mixed) == prefix(events)


@given(EVENTS)
@settings(max_examples=200)
def test_counts_hang_together(events: list[dict[str, Any]]) -> None:
    known = prefix(events)
    assert known == sorted(
        known,
        key=lambda each: (each.time, ACTIONS.index(each.action), each.sku or "", each.page or ""),
    )
    assert all(one != other for one, other in pairwise(known))
    if not any(event.action == "add" for event in known):
        return
    counted = raw(known, CATALOG)
    assert set(counted) == set(COUNTED)
    assert sum(counted[f"page_{name}"] for name in PAGES) <= counted["views"]
    assert sum(counted[f"after_page_{name}"] for name in PAGES) <= counted["after_views"]
    kinds = ("searches", "views", "details", "adds", "removes")
    assert sum(counted[name] for name in kinds) == counted["events"] == len(known)
    assert sum(counted[f"after_{name}"] for name in kinds) == len(known) - counted["place"]
    assert sum(counted[name] for name in COUNTED if "_to_" in name and name[:3] != "ms_") == (
        len(known) - 1
    )
    assert counted["category_same"] <= counted["category_known"]
    assert np.isfinite(complete(np.array([[counted[name] for name in COUNTED]]))).all()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    days = {date: visits.day(date, 120, seed=5) for date in visits.DAYS[:2]}
    return Warehouse(visits.write(tmp_path_factory.mktemp("inputs") / "snapshot", days))


def test_serving_makes_what_training_made(warehouse: Warehouse) -> None:
    frame = features.build(warehouse)
    online = json.loads(json.dumps(features.online_features(warehouse)))
    rows = frame.set_index(["entity", "after"], drop=False)[list(NAMES)]
    sessions: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(warehouse.folder.glob("browsing-*")):
        made = visits.Day(*(_told(path.parent / f"{kind}{path.name[8:]}") for kind in
                            ("browsing", "search")))  # fmt: skip
        sessions |= visits.requests(made)
    checked = 0
    for (name, after), expected in rows.iterrows():
        known = prefix(sessions[name])
        seen = [event.action for event in known].index("add") + 1 + int(after)
        told = [
            {
                "action": event.action, "time": event.time, "sku": event.sku,
                "clicks": event.clicks, "page": event.page,
            }
            for event in known[:seen]
        ]  # fmt: skip
        served, _ = assemble({"events": told}, online)
        differs = served[0] != expected.to_numpy(dtype=np.float32)
        assert not differs.any(), [n for n, bad in zip(NAMES, differs, strict=True) if bad]
        checked += 1
    assert checked > 300


def _told(path: Path) -> list[Any]:
    rows = pd.read_parquet(path).drop(columns=["event_type"], errors="ignore")
    return list(rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None))


def test_an_example_session_is_answered(warehouse: Warehouse) -> None:
    online = json.loads(json.dumps(features.online_features(warehouse)))
    for example in online["sessions"]:
        values, warnings = assemble(example["request"], online)
        assert np.isfinite(values).all()
        assert not any("purchase" in warning for warning in warnings)
