"""GitHub's subjects and the costs, from the configuration alone."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import templates
import yaml
from clouds import ROOT
from smallboat.cloud import base_stacks, costs
from smallboat.config import config, files, sections
from smallboat.errors import UserError
from smallboat.serving.api import capture
from toy.problem import PROBLEM

INSTANCES = {
    "type": "ml.m5.xlarge",
    "least": 2,
    "most": 4,
    "requests_a_minute": 100,
    "capture_share": 1.0,
    "canary_percent": 10,
    "canary_seconds": 300,
}


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


def table(api: dict[str, Any] | None = None, **changed: Any) -> dict[str, dict[str, float]]:
    """The USD of each line of the table, by title and what it is for; staging's settings."""
    found: dict[str, dict[str, float]] = {}
    title = ""
    for line in text(api, **changed).splitlines():
        if match := re.fullmatch(r"  +([\d.]+)  (.+)", line):
            found[title][match[2]] = float(match[1])
        else:
            title = line.removesuffix(":")
            found[title] = {}
    return found


def text(api: dict[str, Any] | None = None, **changed: Any) -> str:
    """The table of staging, with other values in [aws] and [api]."""
    settings = config.load(PROBLEM, "staging")
    update: dict[str, Any] = {"aws": aws(**changed)}
    if api:
        update["api"] = settings.api.model_copy(update=api)
    return costs.table(settings.model_copy(update=update))


IDLE, THOUSAND = "USD a month, used or not", "USD for 1,000 predictions"
PUBLIC, PREDICT = f"{costs.AT_MOST} without credentials", f"{costs.AT_MOST} with credentials"


def test_a_serverless_endpoint_is_paid_by_use() -> None:
    found = table({"capture": "off"})
    assert list(found)[:5] == [IDLE, THOUSAND, PUBLIC, PREDICT, "USD by other use"]
    assert not [what for what in found[IDLE] if "endpoint" in what]
    assert found[IDLE]["together"] == 6.92
    assert found[THOUSAND] == {
        "API Gateway": 0.0035,
        "Lambda, 100 ms each": 0.0009,
        "endpoint, 100 ms each at 2 GB": 0.004,
        "logs": 0.0005,
        "together": 0.0089,
    }


def test_what_is_kept_warm_is_paid_used_or_not() -> None:
    kept = {"memory_mb": 2048, "max_concurrency": 3, "provisioned_concurrency": 2}
    assert table(serverless=kept)[IDLE]["endpoint, 2 kept warm"] == 52.56


def test_requests_under_the_default_limits_cost_at_most_25_usd_a_month() -> None:
    found = table()
    requests = {
        what: usd
        for title in (PUBLIC, PREDICT)
        for what, usd in found[title].items()
        if what.startswith("API Gateway")
    }
    assert requests == {
        "API Gateway, 2,678,600 requests": 9.38,
        "API Gateway, 3,100,000 requests": 10.85,
    }
    assert sum(requests.values()) <= 25


def starting(items: dict[str, float], word: str) -> float:
    """The USD of the line that begins with a word."""
    (usd,) = (usd for what, usd in items.items() if what.startswith(word))
    return usd


def test_the_worst_month_follows_the_limits() -> None:
    one = {"requests_per_second": 1, "burst": 1, "requests_per_day": 1,
           "public_requests_per_second": 0.1, "public_burst": 20}  # fmt: skip
    few, many = table(limits=one), table()
    assert starting(few[PREDICT], "endpoint") == 0.0744  # 31 requests of 60 s at 2 GB
    assert starting(many[PREDICT], "endpoint") == 214.27  # 2 at a time, 2,678,400 s, 2 GB
    assert starting(few[PUBLIC], "API Gateway") == 0.94
    assert many[PUBLIC]["together"] == 37.14


def test_captured_requests_are_part_of_the_worst_month() -> None:
    off = table({"capture": "off"})[PREDICT]
    everything = table({"capture": "stdout", "capture_share": 1.0})[PREDICT]
    assert starting(off, "logs") == 1.55
    assert starting(everything, "logs") == 389.05  # 778 GB, by the longest lines


def test_the_worst_month_is_the_sum_of_its_parts_and_of_what_is_due_anyhow() -> None:
    found = table()
    parts = sum(found[title]["together"] for title in (IDLE, PUBLIC, PREDICT))
    assert f"Together at most {parts:,.0f} USD a month, without other use." in text()


def test_instances_are_paid_used_or_not() -> None:
    found = table(serverless=None, instances=INSTANCES)
    assert found[IDLE]["endpoint, 2 ml.m5.xlarge (at most 4)"] == 335.80
    assert found[PREDICT]["endpoint, 2 more ml.m5.xlarge, all month"] == 335.80
    unknown = text(serverless=None, instances=INSTANCES | {"type": "ml.new.large"})
    assert ", without ml.new.large, which prices.toml does not list." in unknown


def test_the_prices_say_when_and_where_they_are_from() -> None:
    last = text().splitlines()[-1]
    assert last.startswith("These are list prices of us-east-1 as of 2025-06, without tax")
    region = config.load(PROBLEM, "staging").project.aws_region
    assert ("They are not those of" in last) == (region != "us-east-1")


def test_the_key_that_signs_images_is_paid_where_they_are_built() -> None:
    built = table(github="org/repo")[IDLE]
    assert built["key that signs images"] == 1
    assert "key that signs images" not in table(github="org/repo", environment="prod")[IDLE]
    assert "key that signs images" not in table()[IDLE]


def test_every_alarm_is_paid() -> None:
    kinds = templates.load("foundation")["Resources"].values()
    alarms = [each for each in kinds if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert len([each for each in alarms if "Condition" not in each]) == costs.ALARMS
    assert "9 alarms" in " ".join(table(quiet_hours=6)[IDLE])
    assert len(alarms) == 9


def test_the_table_counts_with_what_is_deployed() -> None:
    recipe = yaml.safe_load((ROOT / "serving" / "api" / "serverless.yml").read_text())
    api = recipe["functions"]["api"]
    assert (api["memorySize"] / 1024, api["timeout"]) == (costs.LAMBDA_GB, costs.LAMBDA_SECONDS)
    assert costs.MOST_CAPTURED_BYTES == capture.MAX_EVENT_BYTES


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("secret_month", "secret", "'secret_month' is missing: take this file of a newer template"),
        ("[usd]", "[fixed]", "'usd' is missing: take this file of a newer template"),
        ("[usd]", "[usd", "can't be read: "),
    ],
)
def test_a_file_of_prices_that_lacks_something_is_refused(
    right: str, wrong: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(costs.PRICES.read_text().replace(right, wrong, 1))
    monkeypatch.setattr(costs, "PRICES", file)
    with pytest.raises(UserError, match=re.escape(message)):
        text()
