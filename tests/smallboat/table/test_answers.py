"""Answers of each kind, their reasons, and what a release is asked."""

import json
from dataclasses import replace
from typing import Any

import fastjsonschema
import numpy as np
import pytest
from smallboat.table import answers, features, requests
from typed_tables import BINARY, MULTICLASS, REGRESSION, nothing, rows

BAND = {"low": -2.0, "high": 3.0, "coverage": 0.9, "relative": False}
EVALUATION = {"calibration": {"interval": BAND}, "decision": {"threshold": 0.3}}
CHANCES = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])


def test_a_binary_answer_is_decided_by_the_threshold() -> None:
    found = answers.predictions(BINARY, np.array([0.29, 0.3]), EVALUATION)
    assert found == [
        {"prediction": "no", "probability": 0.29, "threshold": 0.3},
        {"prediction": "yes", "probability": 0.3, "threshold": 0.3},
    ]
    (without,) = answers.predictions(BINARY, np.array([0.49]), {"calibration": {}})
    assert (without["prediction"], without["threshold"]) == ("no", 0.5)


def test_a_multiclass_answer_names_the_likeliest_class() -> None:
    one, other = answers.predictions(MULTICLASS, CHANCES, EVALUATION)
    assert one == {"prediction": "low", "probabilities": {"low": 0.7, "mid": 0.2, "high": 0.1}}
    assert other["prediction"] == "high"


def test_a_number_comes_with_its_interval() -> None:
    (found,) = answers.predictions(REGRESSION, np.array([10.0]), EVALUATION)
    assert found == {"prediction": 10.0, "low": 8.0, "high": 13.0}
    relative = {"calibration": {"interval": {**BAND, "low": 0.5, "high": 2.0, "relative": True}}}
    (found,) = answers.predictions(REGRESSION, np.array([10.0]), relative)
    assert found == {"prediction": 10.0, "low": 5.0, "high": 20.0}


def test_the_columns_that_batch_scoring_writes_say_the_same() -> None:
    found = answers.columns(MULTICLASS, CHANCES, EVALUATION)
    assert list(found) == [
        "prediction", "probability of low", "probability of mid", "probability of high",
    ]  # fmt: skip
    assert found["prediction"].tolist() == ["low", "high"]


def by_age(inputs: Any) -> Any:
    """A model that looks at the age alone."""
    return np.nan_to_num(inputs[:, 0], nan=50.0) / 100


@pytest.mark.parametrize("table", [BINARY, MULTICLASS])
def test_the_column_that_decides_is_the_only_reason(table: Any) -> None:
    online = features.online_features(table, rows(table))
    typical = online["columns"]["age"]["typical"]
    request = {"rows": [{"age": typical + 10, "city": "Köln"}, {"age": typical}]}
    inputs, _ = requests.features(table, nothing, request, online)

    def ask(inputs: Any) -> Any:
        chance = by_age(inputs)
        return chance if table is BINARY else np.column_stack([1 - chance, chance, 0 * chance])

    first, second = answers.explain(table, ask(inputs), inputs, ask, nothing, online)
    (reason,) = first
    sign = 1 if ask(inputs).ndim == 1 or ask(inputs)[0].argmax() == 1 else -1
    assert reason == {"column": "age", "typical": typical, "effect": pytest.approx(sign * 0.1)}
    assert second == []


def test_reasons_count_what_is_computed_of_a_column_as_its_own() -> None:
    def derive(inputs: Any) -> dict[str, Any]:
        return {"double": 2 * inputs["age"]}

    online = features.online_features(BINARY, rows(BINARY))
    request = {"rows": [{"age": online["columns"]["age"]["typical"] + 10}]}
    inputs, _ = requests.features(BINARY, derive, request, online)

    def ask(inputs: Any) -> Any:
        return np.nan_to_num(inputs[:, -1]) / 100

    ((reason,),) = answers.explain(BINARY, ask(inputs), inputs, ask, derive, online)
    assert (reason["column"], reason["effect"]) == ("age", pytest.approx(0.2))


def test_the_page_offers_choices_ranges_and_units() -> None:
    online = features.online_features(BINARY, rows(BINARY))
    page = answers.page(replace(BINARY, decimal=","), online)
    assert page == json.loads(json.dumps(page))
    assert (page["csv"]["decimal"], page["csv"]["mark"]) == (",", ".")
    fields = {field["name"]: field for field in page["columns"]}
    assert fields["age"]["unit"] == "years" and fields["age"]["range"] == [0, 120]
    assert fields["MS SubClass"]["range"] == [1.0, 8.0]
    assert fields["city"]["choices"] == sorted(online["columns"]["city"]["levels"])


def answering(table: Any, warn: bool = True, drift: float = 0.0) -> Any:
    """A model server's answers to requests; wrong ones, if asked for."""
    online = features.online_features(table, rows(table))

    def ask(asked: list[Any]) -> list[Any]:
        found = []
        for request in asked:
            inputs, warnings = requests.features(table, nothing, request, online)
            chance = by_age(inputs) + drift * (len(inputs) > 1)
            told = answers.predictions(table, chance, EVALUATION)
            found.append({"predictions": told, "warnings": warnings if warn else []})
        return found

    return ask, online


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        ({}, []),
        ({"drift": 2e-6}, []),  # as a batch is added up in another order
        ({"warn": False}, ["an unknown category is answered with a warning"]),
        ({"drift": 0.05}, ["a row alone and among others is answered alike"]),
        ({"drift": 7.0}, [
            "a row alone and among others is answered alike", "answers are possible",
        ]),
    ],
)  # fmt: skip
def test_each_invariant_fails_for_a_model_that_breaks_it(wrong: Any, broken: list[str]) -> None:
    ask, online = answering(BINARY, **wrong)
    assert [name for name, holds, _ in answers.invariants(BINARY, ask, online) if not holds] == (
        broken
    )


def test_questions_are_valid_requests() -> None:
    columns = (replace(BINARY.columns[0], required=True), *BINARY.columns[1:])
    table = replace(BINARY, columns=columns)
    online = features.online_features(table, rows(table))
    asked = answers.questions(table, online)
    assert len(asked) == 6
    valid = fastjsonschema.compile(requests.schema(table))
    for request in asked:
        valid(request)
        requests.check(table, request)


def test_a_class_may_differ_only_where_its_probability_nearly_does() -> None:
    one = {"prediction": "no", "probability": 0.2999999, "threshold": 0.3}
    assert answers._alike(one, {**one, "prediction": "yes", "probability": 0.3000001})
    assert not answers._alike(one, {**one, "probability": 0.301})
    three = {"prediction": "a", "probabilities": {"a": 0.6, "b": 0.4}}
    assert not answers._alike(three, {"prediction": "a", "probabilities": {"a": 0.61, "b": 0.39}})
    number = {"prediction": 1e6, "low": 9e5, "high": 1.1e6}
    assert answers._alike(number, {**number, "prediction": 1e6 + 10})
    assert not answers._alike(number, {**number, "prediction": 1e6 + 1000})
