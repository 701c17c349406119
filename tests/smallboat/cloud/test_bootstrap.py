"""GitHub's subjects and the costs, from the configuration alone."""

import tomllib
from typing import Any

import pytest
from smallboat.cloud import base_stacks, costs
from smallboat.config import files, sections


def aws(**changed: Any) -> sections.Aws:
    values = tomllib.loads(files.path("staging").read_text())["aws"]
    return sections.Aws.model_validate(values | changed)


@pytest.mark.parametrize(
    ("github", "ids", "subjects"),
    [
        ("", "", []),
        ("org/repo", "", ["repo:org/repo:a:b"]),
        ("org/repo", "11/22", ["repo:org/repo:a:b", "repo:org@11/repo@22:a:b"]),
    ],
)
def test_github_is_known_by_names_and_by_ids(github: str, ids: str, subjects: list[str]) -> None:
    assert base_stacks.subjects(aws(github=github, github_ids=ids), "a:b") == subjects


def test_a_serverless_endpoint_is_paid_by_use() -> None:
    table = costs.table(aws(), "eu-west-1")
    fixed, use = table.split("USD by use:")
    assert "endpoint" not in fixed
    assert "4.00  endpoint, a million requests of 100 ms at 2 GB" in use
    assert "check them for eu-west-1" in use


def test_instances_are_paid_used_or_not() -> None:
    instances = {
        "type": "ml.m5.xlarge",
        "least": 2,
        "most": 4,
        "requests_a_minute": 100,
        "capture_share": 1.0,
        "canary_percent": 10,
        "canary_seconds": 300,
    }
    table = costs.table(aws(serverless=None, instances=instances), "us-east-1")
    assert "335.80  endpoint, 2 ml.m5.xlarge (at most 4)" in table
    assert "340.12  together" in table
    unknown = aws(serverless=None, instances=instances | {"type": "ml.new.large"})
    assert "without ml.new.large, which prices.toml does not list" in costs.table(unknown, "a")
