"""Captured requests on AWS: the function's log, the endpoint's data capture, a store on S3."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from captured_lines import START, record, refusal, text
from moto import mock_aws
from smallboat.aws import aws, captures
from smallboat.captured import archive
from smallboat.config import config
from smallboat.config.sections import Instances
from smallboat.errors import CloudError, UserError
from smallboat.store import request_index, s3_cache
from toy.problem import PROBLEM

Json = dict[str, Any]
NOW = int(1000 * time.time())


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[config.Settings]:
    """The settings of an environment on AWS, whose bucket and log group exist."""
    settings = config.load(PROBLEM, "staging")
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_DEFAULT_REGION", settings.project.aws_region)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        s3_cache._client.cache_clear()
        region = {"LocationConstraint": settings.project.aws_region}
        boto3.client("s3").create_bucket(Bucket=settings.bucket, CreateBucketConfiguration=region)
        boto3.client("logs").create_log_group(logGroupName=group(settings))
        yield settings
        s3_cache._client.cache_clear()


def group(settings: config.Settings) -> str:
    return f"/aws/lambda/{settings.name_prefix}-api"


def log(settings: config.Settings, stream: str, lines: list[str], at: int = NOW) -> None:
    """Write lines to a stream of the function's log, a millisecond apart."""
    logs = boto3.client("logs")
    if not logs.describe_log_streams(
        logGroupName=group(settings), logStreamNamePrefix=stream
    )["logStreams"]:  # fmt: skip
        logs.create_log_stream(logGroupName=group(settings), logStreamName=stream)
    events = [{"timestamp": at + n, "message": line} for n, line in enumerate(lines)]
    for start in range(0, len(events), 5000):
        logs.put_log_events(
            logGroupName=group(settings), logStreamName=stream,
            logEvents=events[start : start + 5000],
        )  # fmt: skip


def lines(*numbers: int) -> list[str]:
    return [text(record(number, hours=0.01)) for number in numbers]


def requests(settings: config.Settings) -> int:
    return int(archive.traffic(settings.store.root, None)["requests"].sum())


def test_the_functions_log_is_paged_through_once(staging: config.Settings) -> None:
    others = ["START RequestId: 1\n", "REPORT RequestId: 1\n", '{"level": "INFO"}\n']
    log(staging, "one", [*others, *lines(*range(10_500))], NOW - 20_000)
    found = archive.collect(PROBLEM, staging)
    assert found == archive.Collected(10_500, 0, group(staging), [])
    assert archive.collect(PROBLEM, staging).new == 0
    log(staging, "one", [*lines(10_501), '{"time":"2026-03-01T12:00:00+00:00","id":"to'])
    found = archive.collect(PROBLEM, staging)
    assert (found.new, found.unreadable) == (1, 1)
    # An instance of the function wrote before, and its events appear only now.
    log(staging, "two", [*lines(10_502, 10_501), text(refusal(10_503))], NOW - 60_000)
    assert archive.collect(PROBLEM, staging).new == 2
    assert requests(staging) == 10_503


def test_what_was_read_long_ago_is_not_read_again(
    staging: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(staging, "one", lines(*range(50)), NOW - 3_600_000)
    log(staging, "one", lines(*range(50, 60)), NOW)
    archive.collect(PROBLEM, staging)
    env = aws.Environment(staging)
    cursor = request_index.load(staging.store.root).cursors[group(staging)]
    assert [json.loads(line)["id"] for line, _ in captures.logged(env, cursor)] == [
        f"id-{number}" for number in range(50, 60)
    ]


def test_large_logs_are_spooled_in_pieces(
    staging: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smallboat.captured.sources.SPOOL_BYTES", 5000)
    log(staging, "one", lines(*range(100)))
    assert archive.collect(PROBLEM, staging).new == 100
    assert len(request_index.load(staging.store.root).parts) > 5
    (window,) = archive.windows(staging.store.root, None, 1000, 0)
    assert window.inputs[::2, 0].tolist() == list(range(100))


def test_a_log_group_that_is_gone_is_a_sentence(staging: config.Settings) -> None:
    log(staging, "one", lines(0))
    archive.collect(PROBLEM, staging)
    boto3.client("logs").delete_log_group(logGroupName=group(staging))
    with pytest.raises(UserError, match=r"no log group /aws/lambda/.*: `make deploy ENV=staging`"):
        archive.collect(PROBLEM, staging)
    assert requests(staging) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "no permission for FilterLogEvents"),
        ("ThrottlingException", "AWS throttles these calls: repeat the command in a minute"),
        ("ServiceUnavailableException", "AWS refused FilterLogEvents"),
    ],
)
def test_a_refusal_of_aws_is_a_sentence_and_nothing_is_half_collected(
    staging: config.Settings, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    log(staging, "one", lines(0))
    client = boto3.client("logs")
    calls = []

    def fails_later(**named: Any) -> Any:
        calls.append(named)
        if len(calls) == 1:
            return filter_log_events(**named) | {"nextToken": "more"}
        raise ClientError({"Error": {"Code": code, "Message": "told"}}, "FilterLogEvents")

    filter_log_events = client.filter_log_events
    monkeypatch.setattr(client, "filter_log_events", fails_later)
    with monkeypatch.context() as patch:
        patch.setattr(aws.Environment, "client", lambda *_: client)
        with pytest.raises(CloudError, match=message):
            archive.collect(PROBLEM, staging)
    assert request_index.load(staging.store.root).parts == []
    assert list(Path(".cache").rglob("spool")) == []
    assert archive.collect(PROBLEM, staging).new == 1


def test_calls_are_retried_by_botocore() -> None:
    assert aws.options().retries == {"mode": "standard", "total_max_attempts": 5}


def test_every_machine_sees_the_archive(
    staging: config.Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log(staging, "one", lines(0, 1))
    archive.collect(PROBLEM, staging)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert requests(staging) == 2
    log(staging, "one", lines(2))
    assert archive.collect(PROBLEM, staging).new == 1
    monkeypatch.chdir(tmp_path)
    (window,) = archive.windows(staging.store.root, None, 100, 0)
    assert window.rows == 6


def test_of_two_machines_at_once_one_collects_and_the_other_says_so(
    staging: config.Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log(staging, "one", lines(0, 1))
    load = request_index.load

    def loaded(root: str) -> request_index.Index:
        found = load(root)
        monkeypatch.setattr(request_index, "load", load)
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        assert archive.collect(PROBLEM, staging).new == 2  # the other machine, at that moment
        monkeypatch.chdir(tmp_path)
        return found

    monkeypatch.setattr(request_index, "load", loaded)
    with pytest.raises(UserError, match="nothing was collected: another command collects"):
        archive.collect(PROBLEM, staging)
    assert requests(staging) == 2
    assert archive.collect(PROBLEM, staging).new == 0


def on_instances(settings: config.Settings, share: float, capture: str) -> config.Settings:
    """The environment with an endpoint on instances."""
    instances = Instances(
        type="ml.m5.large", least=1, most=2, requests_a_minute=100, capture_share=share,
        canary_percent=10, canary_seconds=60,
    )  # fmt: skip
    assert settings.aws
    at = settings.aws.model_copy(update={"serverless": None, "instances": instances})
    api = settings.api.model_copy(update={"capture": capture})
    return settings.model_copy(update={"aws": at, "api": api})


def put(settings: config.Settings, name: str, *bodies: tuple[Json, Json]) -> None:
    """Write an object of data capture."""
    about = {"eventId": name, "inferenceTime": "2026-03-01T12:00:00Z"}
    content = [
        {
            "captureData": {
                "endpointInput": {"data": json.dumps(asked), "encoding": "JSON", "mode": "INPUT"},
                "endpointOutput": {"data": json.dumps(told), "encoding": "JSON", "mode": "OUTPUT"},
            },
            "eventMetadata": about,
            "eventVersion": "0",
        }
        for asked, told in bodies
    ]
    boto3.client("s3").put_object(
        Bucket=settings.bucket, Key=f"capture/{settings.name_prefix}/live/2026/03/01/{name}",
        Body="".join(json.dumps(line) + "\n" for line in content),
    )  # fmt: skip


def answered(*numbers: int) -> tuple[Json, Json]:
    """An invocation and its answer."""
    full = [record(number) for number in numbers]
    names = ("rows", "keys", "inputs", "outputs", "redacted", "features_run")
    results = [
        {
            "predictions": each["predictions"],
            "warnings": [],
            "captured": {name: each[name] for name in names},
        }
        for each in full
    ]
    return {"requests": [each["request"] for each in full]}, {
        "model": full[0]["model"], "results": results,
    }  # fmt: skip


def test_data_capture_is_read_if_the_api_captures_nothing(staging: config.Settings) -> None:
    settings = on_instances(staging, 1.0, "off")
    described = ({"describe": True}, {"release": {}})
    put(settings, "12/00-01-one.jsonl", answered(0), described, answered(1, 1))
    found = archive.collect(PROBLEM, settings)
    assert (found.new, found.unreadable) == (3, 0)
    assert found.source == f"s3://{settings.bucket}/capture/{settings.name_prefix}/"
    put(settings, "12/00-00-late.jsonl", answered(2))
    put(settings, "13/00-00-two.jsonl", answered(3))
    assert archive.collect(PROBLEM, settings).new == 2
    assert archive.collect(PROBLEM, settings).new == 0
    (window,) = archive.windows(settings.store.root, None, 100, 0)
    assert window.rows == 10
    assert window.facts["key"].iloc[0] == "van-0/a"
    assert window.first == START.replace(tzinfo=None)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"{}", b'{"captureData": {}, "eventMetadata": {}}', b'"x"', b"null"],
)
def test_what_is_no_data_capture_is_unreadable(line: bytes) -> None:
    assert list(captures.as_captured(line)) == ["unreadable"]


def test_the_apis_capture_comes_first(staging: config.Settings) -> None:
    settings = on_instances(staging, 1.0, "stdout")
    log(settings, "one", lines(0))
    put(settings, "12/00-01-one.jsonl", answered(5))
    assert archive.collect(PROBLEM, settings).source == group(settings)


@pytest.mark.parametrize("instances", [True, False])
def test_without_any_capture_the_message_says_how_to_get_one(
    staging: config.Settings, instances: bool
) -> None:
    settings = on_instances(staging, 0.0, "off") if instances else staging.model_copy(
        update={"api": staging.api.model_copy(update={"capture": "off"})}
    )  # fmt: skip
    with pytest.raises(UserError, match=r"set api\.capture in config/staging\.toml to stdout"):
        archive.collect(PROBLEM, settings)


def test_a_clock_ahead_does_not_move_the_cursor_beyond_now(staging: config.Settings) -> None:
    log(staging, "one", lines(0), NOW + 3_600_000)
    archive.collect(PROBLEM, staging)
    cursor = int(request_index.load(staging.store.root).cursors[group(staging)])
    assert cursor <= 1000 * datetime.now(UTC).timestamp()
