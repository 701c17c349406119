"""Which causes follow from windows, and when a retraining is asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from smallboat.config import sections
from smallboat.monitoring import decision, verdict

RULES = sections.Monitor(windows=3, needed=2)
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def window(day: int, *drifted: str, worse: bool | None = None) -> dict[str, Any]:
    """A window of a day in which these inputs have drifted."""
    drift = [
        {"name": name, "of": "input", "drifted": True, "effect": 0.3, "p_value": 0.0}
        for name in drifted
    ]
    still = {"name": "floor", "of": "input", "drifted": False, "effect": 0.0, "p_value": 1.0}
    return {
        "first": f"2026-11-{day:02}T00:00:00",
        "last": f"2026-11-{day:02}T23:00:00",
        "drift": [*drift, still],
        "worse": worse,
    }


@pytest.mark.parametrize(
    ("drifted", "names"),
    [
        ([], []),
        (["x"], []),
        (["x", "x"], ["x"]),
        (["x", "", "x"], ["x"]),
        (["x", "x", ""], []),
        (["x", "", "", "x"], []),
        (["x", "y", "x"], ["x"]),
    ],
)
def test_a_cause_shows_in_enough_of_the_last_windows_and_in_the_newest(
    drifted: list[str], names: list[str]
) -> None:
    windows = [window(day, *filter(None, [name])) for day, name in enumerate(drifted, 1)]
    assert [each["name"] for each in decision.causes(windows, RULES)] == names


def test_a_cause_says_since_when_and_how_often() -> None:
    windows = [window(1, "x"), window(2), window(3, "x"), window(4, "x")]
    (cause,) = decision.causes(windows, RULES)
    assert (cause["since"], cause["windows"]) == ("2026-11-03T00:00:00", 2)
    told = decision.sentence([cause], RULES.windows)
    assert told == "x has drifted (PSI 0.30), in 2 of the last 3 windows, since 2026-11-03"


def test_of_many_inputs_a_sentence_names_those_that_moved_most() -> None:
    names = [f"x{number}" for number in range(9)]
    causes = decision.causes([window(1, *names), window(2, *names)], RULES)
    assert len(causes) == 9
    told = decision.sentence(causes, RULES.windows)
    where = "in 2 of the last 3 windows, since 2026-11-01"
    assert told == f"x0, x1, x2 and 6 others have drifted (PSI up to 0.30), {where}"


def test_quality_is_judged_where_it_is_known_and_comes_first() -> None:
    """Outcomes come late: the newest windows have none."""
    windows = [
        window(1, worse=False), window(2, worse=True), window(3, worse=True), window(4, "x"),
        window(5, "x"),
    ]  # fmt: skip
    quality, moved = decision.causes(windows, RULES)
    assert (quality["kind"], quality["since"]) == ("quality", "2026-11-02T00:00:00")
    assert moved["name"] == "x"
    assert decision.causes(windows[:2], RULES) == []


def of(windows: list[Any], traffic: Any = ()) -> dict[str, Any]:
    return verdict.of(windows, list(traffic), 100.0, [], RULES)


def day(number: int, p95: float | None = 10.0, failed: int = 0) -> dict[str, Any]:
    """A day's traffic."""
    date = f"2026-11-{number:02}"
    return {"date": date, "requests": 200, "refused": 0, "failed": failed, "ms_p95": p95}


@pytest.mark.parametrize(
    ("windows", "traffic", "name", "told"),
    [
        ([], [], "healthy", "too few requests for a verdict"),
        ([window(1)], [day(1)], "healthy", "nothing has drifted in 1 window"),
        ([window(1) | {"drift": []}], [day(1)], "healthy", "drift is not measured: see the notes"),
        ([window(1, "x"), window(2, "x")], [], "drifted", "x has drifted"),
        ([window(1, worse=True), window(2, worse=True)], [], "degraded", "worse than promised"),
        ([window(1)], [day(1, 150.0), day(2, 150.0)], "unhealthy", "150 ms or more, the limit"),
        ([window(1)], [day(1), day(2, failed=9), day(3, failed=9)], "unhealthy", "9 of 200 req"),
        ([window(1)], [day(1, 150.0), day(2, None)], "healthy", "nothing has drifted"),
    ],
)
def test_the_verdict_names_the_worst(
    windows: list[Any], traffic: list[Any], name: str, told: str
) -> None:
    found = of(windows, traffic)
    assert found["verdict"] == name
    assert told in found["sentence"]


DRIFTED = of([window(1, "x"), window(2, "x")])


def ask(
    found: Any,
    before: Any,
    newest_run: str = "",
    hours: int = 0,
    model: str = "a",
    known: bool = True,
) -> Any:
    later = AT + timedelta(hours=hours)
    return verdict.request(found, model, before, newest_run, later, known)


def test_one_cause_is_asked_for_once() -> None:
    first, asked = ask(DRIFTED, None)
    assert asked and first["causes"] == ["input:x"] and "x has drifted" in first["reason"]
    assert ask(DRIFTED, first) == (first, False)
    run = (AT + timedelta(hours=1)).isoformat()
    assert ask(DRIFTED, first, run, hours=200) == (first, False)


def test_drift_stays_the_same_cause_until_it_is_gone() -> None:
    """A new model's hold-out holds few of the newest rows: it may have drifted at once."""
    first, _ = ask(DRIFTED, None)
    run = (AT + timedelta(hours=1)).isoformat()
    assert ask(DRIFTED, first, run, model="b") == (first, False)
    none = of([window(1), window(2)])
    assert ask(none, first, run, model="b", known=False) == (first, False)
    assert ask(none, first, run, model="b") == (None, False)
    assert ask(DRIFTED, None, run, hours=2, model="b")[1]


def test_another_input_and_a_worse_model_are_other_causes() -> None:
    first, _ = ask(DRIFTED, None)
    both, asked = ask(of([window(1, "x", "y"), window(2, "x", "y")]), first)
    assert asked and both["causes"] == ["input:x", "input:y"]
    worse = of([window(1, worse=True), window(2, worse=True)])
    first, asked = ask(worse, None)
    assert asked and not ask(worse, first)[1]
    assert ask(worse, first, model="b")[1]


def test_a_request_that_left_no_run_is_repeated_after_a_day() -> None:
    first, _ = ask(DRIFTED, None)
    assert not ask(DRIFTED, first, hours=23)[1]
    assert ask(DRIFTED, first, hours=25)[1]
    earlier = (AT - timedelta(hours=1)).isoformat()
    assert ask(DRIFTED, first, earlier, hours=25)[1]


def test_nothing_is_asked_for_without_a_cause() -> None:
    assert ask(of([window(1)]), None) == (None, False)
    assert ask(of([window(1)], [day(1, 150.0), day(2, 150.0)]), None) == (None, False)


@pytest.mark.parametrize(
    ("by_workflow", "commands"),
    [
        (False, ["make deploy ENV=prod RUN=7", "make retrain ENV=prod"]),
        (True, ["gh workflow run retrain.yml -f promote_only=true", "gh workflow run retrain.yml"]),
    ],
)
def test_what_to_do_next_is_allowed_there(by_workflow: bool, commands: list[str]) -> None:
    better = {"run": "7", "difference": {"value": -0.2, "low": -0.3, "high": -0.1}}
    found = DRIFTED | {"environment": "prod", "shadow": better, "request": None, "asked": False}
    told = verdict.following(found, by_workflow)
    assert [each.split("`")[1] for each in told] == commands
