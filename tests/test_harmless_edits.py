"""The shipped tests survive what the README invites: settings, candidates, an alarm, a route."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Project

SETTINGS = {
    "base.toml": {
        "workers": "1",
        "memory": "3000",
        "retries": "0",
        "latency_ms": "15",
        "slice_rows": "50",
    },
    "staging.toml": {"monthly_budget_usd": "70"},
}
CANDIDATES = {
    "f1": """

def _elastic_net(seed: int, **chosen: Any) -> Any:
    from sklearn.linear_model import ElasticNet
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), ElasticNet(random_state=seed, **chosen))


CANDIDATES = (
    *(each for each in CANDIDATES if each.name != "adaboost"),
    Candidate("elastic_net", 8, settings(alpha=[0.01, 0.1]), _elastic_net),
)
""",
    "intent": """

def _forest(seed: int, **chosen: Any) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_jobs=1, random_state=seed, **chosen)


CANDIDATES = (
    *(each for each in CANDIDATES if each.name != "extra_trees"),
    Candidate(
        "random_forest", 8, settings(n_estimators=[60], max_depth=[8], max_features=[0.3]), _forest
    ),
)
""",
    "tabular": """
CANDIDATES = (
    *(each for each in CANDIDATES if each.name != "random_forest"),
    Candidate(
        "extra_trees", 2, settings(n_estimators=[30], min_samples_leaf=[5]),
        family("sklearn.ensemble.ExtraTrees*", n_jobs=1), inputs="filled", most_rows=60_000,
    ),
)  # fmt: skip
""",
}
ALARM = """
  Refusals:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub "${NamePrefix}-4xx"
      Namespace: AWS/SageMaker
      MetricName: Invocation4XXErrors
      Dimensions:
        - {Name: EndpointName, Value: !Ref NamePrefix}
      Statistic: Sum
      Period: 300
      EvaluationPeriods: 1
      Threshold: 100
      ComparisonOperator: GreaterThanOrEqualToThreshold
      AlarmActions: [!Ref Alarms]
"""
ROUTE = """
  terms:
    handler: handler.handler
    events:
      - http: GET /terms

"""


def edit(file: Path, pattern: str, new: str) -> None:
    text, found = re.subn(pattern, lambda _: new, file.read_text(), flags=re.MULTILINE)
    assert found, f"{file} has no {pattern}"
    file.write_text(text)


@pytest.fixture
def edited(project: Project, tmp_path: Path) -> Project:
    """A copy of the project with all of the edits."""
    kept = shutil.ignore_patterns("store", "endpoint", ".cache", "__pycache__")
    copied = shutil.copytree(project.path, tmp_path / "edited", symlinks=True, ignore=kept)
    for name, values in SETTINGS.items():
        for key, value in values.items():
            edit(copied / "config" / name, rf"^{key} = \S+", f"{key} = {value}")
    with (copied / project.path.name / "candidates.py").open("a") as file:
        file.write(CANDIDATES[project.use_case])
    edit(copied / "infra" / "foundation.yaml", r"^\n(?=  Latency:)", f"{ALARM}\n")
    edit(copied / "serving" / "api" / "serverless.yml", r"^(?=resources:)", ROUTE)
    return replace(project, path=copied)


def test_the_shipped_tests_pass_after_harmless_edits(edited: Project) -> None:
    done = edited.make("test")
    assert done.returncode == 0, done.stdout[-5000:]
