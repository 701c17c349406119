"""A visit on its way into the model and back: checks, the answer, reasons, what always holds."""

import copy
import json
from typing import Any

import example_visits
import fastjsonschema
import numpy as np
import pytest
from example_visits import event
from hypothesis import given
from hypothesis import strategies as st
from smallboat.errors import RequestError

from {{ cookiecutter.project_slug }} import service
from {{ cookiecutter.project_slug }}.inputs import NAMES, Array, prefix
from {{ cookiecutter.project_slug }}.service import topics

ONLINE = json.loads(json.dumps(example_visits.online_features()))
EVALUATION = {
    "calibration": {
        "predicted": [0.1, 0.3, 0.6],
        "observed": [0.12, 0.3, 0.7],
        "low": [0.05, 0.2, 0.5],
        "high": [0.2, 0.4, 0.8],
        "rows": [90, 60, 30],
    },
    "decision": {"threshold": 0.25, "contact_cost": 1.0, "missed_cost": 3.0},
}
VISIT = service.example(ONLINE)
EXAMPLES = [session["request"] for session in ONLINE["sessions"]]
VALID = fastjsonschema.compile(service.SCHEMA, use_default=False)
WEIGHTS = {"after": 0.1, "cart": 0.3, "removes": -0.3}


def _likes(values: Array, weights: Any = WEIGHTS) -> Array:
    """A model that believes in carts, and a little in who goes on."""
    columns = [NAMES.index(name) for name in weights]
    score = values[:, columns].astype(np.float64) @ list(weights.values())
    likely: Array = 1 / (1 + np.exp(1.5 - score))
    return likely


def _answer(request: Any, model: Any = _likes) -> dict[str, Any]:
    values, warnings = service.features(request, ONLINE)
    shown = service.predictions(request, model(values), values, EVALUATION)
    return {"predictions": shown, "warnings": warnings}


def _ask(requests: list[Any]) -> list[Any]:
    return [_answer(request) for request in requests]


def _broken(ask: Any) -> list[str]:
    return [name for name, ok, _ in service.invariants(ask, ONLINE) if not ok]


def test_every_example_is_a_valid_request_that_is_known_by_its_name() -> None:
    assert len(service.questions(ONLINE)) == len(ONLINE["sessions"]) / 2 == 6
    for session in ONLINE["sessions"]:
        VALID(session["request"])
        service.check(session["request"], ONLINE)
        assert service.known(ONLINE, {"session": session["name"]}) == session["request"]


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"session": "nobody"}, "session", "is no example session"),
        ({"session": None}, "session", "is no example session"),
        ({"session": "nobody", "day": 1}, "day", "is not known; known is session"),
        ({"": 1}, "''", "is not known"),
        ({}, "session", "is missing"),
    ],
)
def test_a_session_that_is_not_known_is_refused_by_its_field(
    asked: Any, field: str, message: str
) -> None:
    with pytest.raises(RequestError) as refused:
        service.known(ONLINE, asked)
    assert refused.value.field == field
    assert refused.value.message.startswith(message)


ADD = event("add", 5, sku="a")


@pytest.mark.parametrize(
    ("events", "field", "message"),
    [
        ([event("view", 1)], "events", "no add to cart"),
        ([event("purchase", 1), ADD], "events", "no add to cart before a purchase"),
        ([ADD, {**ADD, "time": 1_555_250_400}], "events[1].time", "looks like seconds"),
        ([ADD, {**ADD, "time": 0}], "events[1].time", "looks like seconds"),
        ([{**ADD, "time": 10**15}, ADD], "events[0].time", "looks like microseconds"),
    ],
)
def test_what_a_schema_can_not_say_is_refused_by_its_field(
    events: list[Any], field: str, message: str
) -> None:
    VALID({"events": events})
    with pytest.raises(RequestError) as refused:
        service.check({"events": events}, ONLINE)
    assert refused.value.field == field
    assert message in refused.value.message


ACTIONS = st.sampled_from(["view", "detail", "add", "remove", "search", "purchase"])


@given(st.lists(st.tuples(ACTIONS, st.integers(0, 5)), min_size=1, max_size=8))
def test_who_has_a_cart_is_answered_and_nobody_else(drawn: list[tuple[str, int]]) -> None:
    events = [event(action, second) for action, second in drawn]
    if any(each.action == "add" for each in prefix(events)):
        service.check({"events": events}, ONLINE)
        assert 0 < _answer({"events": events})["predictions"][0]["probability"] < 1
    else:
        with pytest.raises(RequestError, match="no add to cart"):
            service.check({"events": events}, ONLINE)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"action": "buy"}, r"events\[0\].action"),
        ({"action": ["add"]}, r"events\[0\].action"),
        ({"time": -1}, r"events\[0\].time"),
        ({"time": 1.5}, r"events\[0\].time"),
        ({"time": 2**53}, r"events\[0\].time"),
        ({"time": True}, r"events\[0\].time"),
        ({"sku": ""}, r"events\[0\].sku"),
        ({"sku": 7}, r"events\[0\].sku"),
        ({"sku": "x" * 129}, r"events\[0\].sku"),
        ({"clicks": -1}, r"events\[0\].clicks"),
        ({"url": "x"}, r"events\[0\]"),
    ],
)
def test_an_event_that_is_none_is_refused(change: dict[str, Any], place: str) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match=rf"data\.{place}"):
        VALID({"events": [ADD | change]})


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (400, True), (401, False)])
def test_1_to_400_events_are_answered(count: int, fits: bool) -> None:
    request = {"events": [event("add", second, sku=None) for second in range(count)]}
    if not fits:
        with pytest.raises(fastjsonschema.JsonSchemaValueException, match=r"data\.events"):
            VALID(request)
        return
    VALID(request)
    service.check(request, ONLINE)
    assert _answer(request)["predictions"][0]["events_after"] == count - 1


@pytest.mark.parametrize(
    ("probability", "decision", "low", "high"),
    [
        (0.0, "wait", 0.05, 0.2),
        (0.2, "wait", 0.125, 0.3),
        (0.2499, "wait", 0.1624, 0.35),
        (0.25, "approach", 0.1625, 0.35),
        (1.0, "approach", 0.5, 0.8),
    ],
)
def test_the_answer_tells_how_sure_it_is_and_what_to_do(
    probability: float, decision: str, low: float, high: float
) -> None:
    (shown,) = _answer(VISIT, lambda values: np.array([probability]))["predictions"]
    assert shown == {
        "probability": probability,
        "low": pytest.approx(low, abs=1e-4),
        "high": pytest.approx(high, abs=1e-4),
        "decision": decision,
        "threshold": 0.25,
        "events_after": 14,
    }
    assert json.loads(json.dumps(shown)) == shown


def test_without_stated_costs_who_is_likelier_to_buy_than_not_is_approached() -> None:
    values, _ = service.features(VISIT, ONLINE)
    evaluation = {"calibration": EVALUATION["calibration"]}
    told = [
        service.predictions(VISIT, np.array([chance]), values, evaluation) for chance in (0.49, 0.5)
    ]
    assert [(each["threshold"], each["decision"]) for (each,) in told] == [
        (0.5, "wait"),
        (0.5, "approach"),
    ]


def test_each_feature_belongs_to_one_topic() -> None:
    told = [name for topic in topics.TOPICS for name in topic.features]
    assert sorted(told) == sorted(NAMES)


def test_the_types_of_pages_are_told_as_far_as_they_are_known() -> None:
    seen = [ADD, event("view", 9, page="checkout"), event("view", 10, page="home")]
    values, _ = service.features({"events": seen}, ONLINE)
    (looks,) = (topic for topic in topics.TOPICS if topic.name == "looks")
    row = dict(zip(NAMES, values[0].tolist(), strict=True))
    assert looks.message(row) == "0 products, 2 other pages (checkout 1, other 1)"


def _explained(events: list[Any], model: Any = _likes) -> list[dict[str, Any]]:
    values, _ = service.features({"events": events}, ONLINE)
    (reasons,) = service.explain(model(values), values, model, ONLINE)
    return reasons


def test_the_topics_that_decide_are_the_reasons_and_their_signs_are_right() -> None:
    many = [event("view", second) for second in range(10, 110, 10)]
    full = [event("add", second, sku=f"s{second}") for second in (1, 2, 3, 4)]
    emptied = [event("add", 1, sku="a"), event("remove", 2, sku="a"), event("remove", 3, sku="b")]
    found = [
        {each["topic"]: each["points"] for each in _explained(events)}
        for events in ([ADD, *many], full, emptied)
    ]
    assert [set(each) for each in found] == [{"after"}, {"cart", "after"}, {"cart", "after"}]
    assert found[0]["after"] > 5
    assert found[1]["cart"] > 5 > 0 > found[1]["after"]
    assert found[2]["cart"] < found[2]["after"] < 0


def test_a_reason_is_how_far_the_answer_lies_from_that_with_an_ordinary_topic() -> None:
    (reason,) = _explained([ADD], lambda values: _likes(values, {"after": 0.1}))
    expected = 100 * (1 / (1 + np.exp(1.5)) - 1 / (1 + np.exp(1.0)))
    assert reason == {
        "topic": "after",
        "about": "What follows the first add",
        "says": "nothing yet",
        "ordinary": "5 events, 3 pages and 2 products looked at",
        "points": round(expected, 1),
    }


def test_every_topic_has_words_for_any_visit() -> None:
    requests = [*EXAMPLES, {"events": [ADD]}, {"events": [event("add", 1)]}]
    rows = [service.features(request, ONLINE)[0][0].tolist() for request in requests]
    for row in rows:
        values = dict(zip(NAMES, row, strict=True))
        said = [topic.message(values) for topic in topics.TOPICS]
        assert all(said) and "nan" not in " ".join(said)


def test_reasons_of_many_visits_are_those_of_each() -> None:
    rows = [service.features(request, ONLINE)[0] for request in EXAMPLES]
    table = np.concatenate(rows)
    together = service.explain(_likes(table), table, _likes, ONLINE)
    assert together == [service.explain(_likes(row), row, _likes, ONLINE)[0] for row in rows]
    assert all(1 <= len(each) <= 6 for each in together)


def test_who_is_ordinary_needs_no_reason() -> None:
    assert _explained(VISIT["events"], lambda values: np.full(len(values), 0.3)) == []


def test_csv_rows_of_one_session_are_one_request() -> None:
    rows = [
        {"session": session, "action": action, "time": str(example_visits.BEGINS + second),
         "sku": sku, "clicks": clicks}
        for session, action, second, sku, clicks in (
            ("one", "search", 0, "", "2"), ("one", "add", 5, "12", ""), ("two", "add", 6, "", ""),
            ("one", "add", 7, "", ""),
        )
    ]  # fmt: skip
    requests = service.from_csv(rows)
    assert [len(request["events"]) for request in requests] == [2, 1, 1]
    assert requests[0]["events"] == [
        {"action": "search", "time": example_visits.BEGINS, "clicks": 2},
        {"action": "add", "time": example_visits.BEGINS + 5, "sku": "12"},
    ]
    assert [request["session"] for request in requests] == ["one", "two", "one"]
    assert [service.keys(request) for request in requests] == [["one/0"], ["two/0"], ["one/0"]]
    for request in requests:
        VALID(request)


def test_a_key_counts_the_events_that_the_model_sees_after_the_add() -> None:
    assert service.keys(VISIT) == [""]
    named = {**VISIT, "session": "a/b"}
    VALID(named)
    values, _ = service.features(named, ONLINE)
    assert service.keys(named) == [f"a/b/{int(values[0, NAMES.index('after')])}"]
    later = {"action": "detail", "time": VISIT["events"][-1]["time"] + 5000}
    bought = {"action": "purchase", "time": later["time"] + 1}
    events = [*VISIT["events"], later, later, bought, {**later, "time": bought["time"] + 1}]
    (key,) = service.keys({**named, "events": events[::-1]})
    assert int(key.rpartition("/")[2]) == values[0, NAMES.index("after")] + 1
    assert (service.features(named, ONLINE)[0] == service.features(VISIT, ONLINE)[0]).all()


@pytest.mark.parametrize("cell", ["nan", "1.5", "x", "2019-04-14", "9" * 5000])
def test_a_csv_cell_that_is_no_time_is_left_to_the_schema(cell: str) -> None:
    (request,) = service.from_csv([{"session": "one", "action": "add", "time": cell}])
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match="time"):
        VALID(request)


def test_a_good_model_passes_the_invariants() -> None:
    found = service.invariants(_ask, ONLINE)
    assert [(name, message) for name, ok, message in found if not ok] == []
    assert len(found) == 7


NAMED = {
    "order": "the order of the events does not matter",
    "twice": "an event that was sent twice counts once",
    "after": "what follows the purchase does not matter",
    "batch": "a batch is answered as its requests are one by one",
    "cart": "who empties the cart is not likelier to buy",
    "within": "a probability lies within 0 and 1",
    "unknown": "unknown products are answered with a warning",
}


def _wrongly(wrong: Any) -> Any:
    """Answers whose probability is changed by the request and the number of requests."""

    def ask(requests: list[Any]) -> list[Any]:
        answers = copy.deepcopy(_ask(requests))
        for request, answer in zip(requests, answers, strict=True):
            answer["predictions"][0]["probability"] += wrong(request["events"], len(requests))
        return answers

    return ask


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (lambda events, size: 0.001 * (events[0]["time"] > events[-1]["time"]), "order"),
        (lambda events, size: 0.1 * (events[0] in events[1:]), "twice"),
        (lambda events, size: 0.1 * any(e["action"] == "purchase" for e in events), "after"),
        (lambda events, size: 0.001 * size, "batch"),
        (lambda events, size: 2.0, "within"),
        (lambda events, size: -2.0, "within"),
    ],
)
def test_an_answer_that_looks_at_what_does_not_matter_breaks_an_invariant(
    wrong: Any, broken: str
) -> None:
    assert _broken(_wrongly(wrong)) == [NAMED[broken]]


def test_a_model_that_has_carts_backwards_breaks_an_invariant() -> None:
    wrong = {"cart": -0.5, "removes": 0.5}
    found = _broken(lambda requests: [_answer(r, lambda v: _likes(v, wrong)) for r in requests])
    assert found == [NAMED["cart"]]


def test_a_model_that_hides_its_guesses_breaks_an_invariant() -> None:
    found = _broken(lambda requests: [{**answer, "warnings": []} for answer in _ask(requests)])
    assert found == [NAMED["unknown"]]


def test_the_page_offers_the_examples_and_only_their_products() -> None:
    page = service.page(ONLINE)
    assert page["sessions"] == ONLINE["sessions"]
    assert set(page) == {"sessions", "catalog", "ordinary"}
    seen = {e.get("sku") for each in page["sessions"] for e in each["request"]["events"]}
    assert set(page["catalog"]) == seen & set(ONLINE["catalog"])
    assert set(ONLINE["catalog"]) - set(service.page({**ONLINE, "sessions": []})["catalog"])
    assert all(page["catalog"][sku] == ONLINE["catalog"][sku] for sku in page["catalog"])
