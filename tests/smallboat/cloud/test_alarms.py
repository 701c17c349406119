"""The alarms: each watches a metric that exists, rings when it should, and tells somebody."""

import fnmatch
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import templates
import yaml
from clouds import ROOT
from smallboat.aws.aws import Environment
from smallboat.cloud import lambda_api
from smallboat.config import config
from smallboat.monitoring import cloudwatch
from smallboat.release.targets import configurations
from toy.problem import PROBLEM

Alarm = dict[str, Any]
LIMITS = {"LatencyMicroseconds": 250_000, "ModelAgeDays": 14, "RetrainingDays": 8, "QuietHours": 6}
DOCUMENTED = {
    ("AWS/SageMaker", "Invocation5XXErrors"): {"EndpointName", "VariantName"},
    ("AWS/SageMaker", "ModelLatency"): {"EndpointName", "VariantName"},  # in microseconds
    ("AWS/ApiGateway", "5XXError"): {"ApiName", "Stage"},
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
}
"""The dimensions of AWS's metrics, by the services' guides: "Monitor Amazon SageMaker AI with
CloudWatch", "Amazon API Gateway dimensions and metrics", "Types of metrics for Lambda functions".
"""
NAME = "project-staging"
CASES: dict[str, tuple[list[list[float]], list[list[float]]]] = {
    "5xx": ([[1]], [[0]]),
    "latency": ([[250_001], [9], [250_001], [9], [250_001]], [[250_000]] * 5),
    "api-5xx": ([[1]] + [[]] * 6 + [[1]] + [[0]] * 6 + [[1]], [[0]] * 13 + [[40], [40]]),
    "lambda-errors": ([[1, 0, 0]], [[0, 0]]),
    "lambda-throttles": ([[1]], [[]]),
    "quiet": ([[]] * 6, [[]] * 5 + [[1]]),
    "age": ([[14.1], []], [[13.9], [14.0]]),
    "retraining-overdue": ([[7.9, 8.1], []], [[7.9], [8.0]]),
    "retraining-due": ([[0, 1]], [[0]]),
}
"""For each alarm, samples by period, the oldest first: those that ring, and those that don't."""


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The values of the parameters that alarms compare with."""
    for name, value in LIMITS.items():
        monkeypatch.setitem(templates.PARAMETERS, name, value)


def alarms() -> dict[str, Alarm]:
    """The properties of each alarm by its name without the prefix."""
    template = templates.load("foundation")
    every = [
        templates.plain(each["Properties"], template)
        for each in template["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    return {each["AlarmName"].removeprefix(f"{NAME}-"): each for each in every}


def dimensions(alarm: Alarm) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}


def rings(alarm: Alarm, samples: list[list[float]]) -> bool:
    """Whether CloudWatch raises an alarm; missing periods are as its guide says."""
    periods = int(alarm["EvaluationPeriods"])
    newest = ([[]] * periods + samples)[-periods:]
    assert alarm["TreatMissingData"] in {"missing", "notBreaching", "breaching"}
    breaching = [
        _breaches(alarm, each) if each else alarm["TreatMissingData"] == "breaching"
        for each in newest
    ]
    return sum(breaching) >= int(alarm.get("DatapointsToAlarm", periods))


def _breaches(alarm: Alarm, samples: list[float]) -> bool:
    statistics: dict[str, Callable[[list[float]], float]] = {
        "Sum": sum, "Maximum": max, "p95": lambda each: float(np.percentile(each, 95)),
    }  # fmt: skip
    value = statistics[alarm.get("Statistic") or alarm["ExtendedStatistic"]](samples)
    threshold = float(alarm["Threshold"])
    return {
        "GreaterThanThreshold": value > threshold,
        "GreaterThanOrEqualToThreshold": value >= threshold,
        "LessThanThreshold": value < threshold,
    }[alarm["ComparisonOperator"]]


def recipe() -> tuple[dict[str, Any], dict[str, Any]]:
    """serverless.yml, and the values that it reads."""
    settings = config.load(PROBLEM, "staging")
    named = settings.model_copy(
        update={"project": settings.project.model_copy(update={"name": "project"})}
    )
    found = yaml.safe_load((ROOT / "serving" / "api" / "serverless.yml").read_text())
    return found, lambda_api._serverless_settings(Environment(named), named)


def resolved(text: str) -> str:
    """A text of serverless.yml with the values of its settings."""
    values = recipe()[1]
    return re.sub(r"\$\{self:custom\.(\w+)\}", lambda match: str(values[match[1]]), text)


def test_every_alarm_has_its_case() -> None:
    assert set(alarms()) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_it_rings_when_it_should_and_only_then(name: str) -> None:
    loud, silent = CASES[name]
    assert rings(alarms()[name], loud)
    assert not rings(alarms()[name], silent)


@pytest.mark.parametrize("name", CASES)
def test_it_tells_people_what_happened(name: str) -> None:
    alarm = alarms()[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] == ["Alarms"]
    assert len(alarm["AlarmDescription"]) > 30


@pytest.mark.parametrize("name", CASES)
def test_it_watches_a_metric_that_exists(name: str) -> None:
    alarm = alarms()[name]
    metric = alarm["Namespace"], alarm["MetricName"]
    if metric[0].startswith("AWS/"):
        assert set(dimensions(alarm)) == DOCUMENTED[metric]
    else:
        assert metric[0] == NAME and not dimensions(alarm)
        assert metric[1] in written()


def written() -> set[str]:
    """The metrics that the code writes: AgeWatch's are called in test_infra.py."""
    calls: list[dict[str, Any]] = []
    client = SimpleNamespace(put_metric_data=lambda **given: calls.append(given))
    env: Any = SimpleNamespace(name_prefix=NAME, client=lambda _: client)
    found = {"live": {}, "promise": {}, "causes": [], "collected": {"new": 0}}
    cloudwatch.put(env, found | {"release": {"model_hash": "a"}})
    assert calls[0]["Namespace"] == NAME
    (filtered,) = predictions()["MetricTransformations"]
    assert filtered["MetricNamespace"] == NAME
    own = {each["MetricName"] for each in calls[0]["MetricData"]}
    return {*own, filtered["MetricName"], "ModelAgeDays", "TrainingAgeDays"}


def predictions() -> Any:
    """The filter that counts predictions in the API's access log."""
    return recipe()[1]["resources"]["Predictions"]["Properties"]


def test_the_names_are_those_under_which_it_is_deployed() -> None:
    api, settings = recipe()
    found = alarms()
    assert dimensions(found["api-5xx"]) == {
        "ApiName": resolved(api["provider"]["apiName"]),
        "Stage": resolved(api["provider"]["stage"]),
    }
    for name in ("lambda-errors", "lambda-throttles"):
        assert dimensions(found[name]) == {
            "FunctionName": resolved(api["functions"]["api"]["name"])
        }
    for name in ("5xx", "latency"):
        wanted = {"EndpointName": settings["environment"]["ENDPOINT_NAME"],
                  "VariantName": configurations.VARIANT}  # fmt: skip
        assert dimensions(found[name]) == wanted


@pytest.mark.parametrize(
    ("path", "status", "counts"),
    [
        ("/staging/predict", 200, True),
        ("/staging/predict", 503, False),
        ("/staging/model", 200, False),
        ("/staging/predictions", 200, False),
    ],
)
def test_only_predictions_are_counted(path: str, status: int, counts: bool) -> None:
    """By the access log's own format, and the meaning of a filter's terms in CloudWatch's guide."""
    values = {"path": path, "status": str(status)}
    line = re.sub(r"\$context\.([\w.]+)", lambda m: values.get(m[1], "0"),
                  recipe()[0]["provider"]["logs"]["restApi"]["format"])  # fmt: skip
    event = json.loads(line)
    terms = re.findall(r"\(\$\.(\w+) = (\S+)\)", predictions()["FilterPattern"])
    assert len(terms) == predictions()["FilterPattern"].count("&&") + 1
    matched = [
        fnmatch.fnmatchcase(str(event[name]), value.strip('"'))
        and isinstance(event[name], str) == value.startswith('"')
        for name, value in terms
    ]
    assert all(matched) == counts


def test_the_dashboard_shows_every_alarm_and_its_metric() -> None:
    template = templates.load("foundation")
    text, more = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for there in (True, False):
        parts = {
            key: templates.plain(each["Fn::If"][1], template) if there else ""
            for key, each in more.items()
        }
        filled = text.replace("${Quiet}", parts["Quiet"]).replace("${Overdue}", parts["Overdue"])
        body = templates.plain({"Fn::Sub": filled}, template)
        widgets = [each["properties"] for each in json.loads(body)["widgets"]]
        shown = {arn.rpartition(":")[2] for each in widgets for arn in each.get("alarms", [])}
        always = set(alarms()) - {"quiet", "retraining-overdue"}
        assert shown == {f"{NAME}-{name}" for name in (alarms() if there else always)}
    metrics = [one for each in widgets for one in each.get("metrics", [])]
    for name in set(alarms()) - {"retraining-due"}:
        alarm = alarms()[name]
        pairs = [part for pair in dimensions(alarm).items() for part in pair]
        assert [alarm["Namespace"], alarm["MetricName"], *pairs] in metrics
