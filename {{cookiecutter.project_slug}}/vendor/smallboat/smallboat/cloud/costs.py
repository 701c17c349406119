"""What an environment costs a month: idle, by use, and at most, by `infra/prices.toml`."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..config import config, sections
from ..errors import UserError

PRICES = Path("infra", "prices.toml")
HOURS, MONTH_SECONDS = 730, 31 * 86_400
"""Of a month on average, and of the longest."""
REQUEST_SECONDS, LOG_BYTES = 0.1, 1_000
"""A request's time, and its lines in the logs of function and API."""
LAMBDA_GB, LAMBDA_SECONDS = 0.5, 29
"""The function's memory and timeout in serving/api/serverless.yml."""
ENDPOINT_SECONDS = 60
"""After this time SageMaker gives up a request."""
CAPTURED_BYTES, MOST_CAPTURED_BYTES = 3_000, 250_000
"""A captured line, and its most: capture.py shortens longer ones."""
PUBLIC_BYTES, ANSWER_BYTES = 100_000, 4_000_000
"""The largest answers: to requests without credentials, and of a serverless endpoint."""
GIGA = 1e9
ALARMS, METRICS = 7, 8
"""In every environment: the alarms of foundation.yaml, and the project's own metrics, if all are
written each hour."""

Item = tuple[float, str]


def table(settings: config.Settings) -> str:
    """What an environment costs idle, for 1,000 predictions, by other use, and at most."""
    assert settings.aws is not None
    prices = tomllib.loads(PRICES.read_text())
    try:
        fixed, unknown = _fixed(settings, prices)
        usd = prices["usd"]
        parts = [
            ("USD a month, used or not", fixed, f"together{unknown}"),
            ("USD for 1,000 predictions", _thousand(settings, usd), "together"),
            ("USD by other use", _use(usd), ""),
            (
                "USD of a month at most, if every request is made that [aws.limits] accepts",
                _worst(settings, prices), f"together with what is due anyhow{unknown}",
            ),
        ]  # fmt: skip
    except KeyError as error:
        raise UserError(f"{PRICES}: {error} is missing: take this file of a newer template") from error
    anyhow = sum(cost for cost, _ in fixed)
    lines = [
        line
        for number, (title, items, sum_) in enumerate(parts)
        for line in _lines(title, items, sum_, anyhow if number == len(parts) - 1 else 0)
    ]
    return "\n".join([*lines, _source(prices, settings.project.aws_region)])


def requests_usd(aws: sections.Aws, usd: dict[str, float]) -> list[Item]:
    """What API Gateway takes at most a month: for anybody's requests, and for credentials'."""
    counts = _counts(aws)
    names = {"public": "without credentials", "predict": "with credentials"}
    return [
        (count * usd["api_request"], f"API Gateway: {count:,} requests {names[who]}")
        for who, count in counts.items()
    ]


def _counts(aws: sections.Aws) -> dict[str, int]:
    return aws.limits.most_requests(aws.access.auth)


def _lines(title: str, items: Iterable[Item], sum_: str, more: float) -> list[str]:
    items = list(items)
    if sum_:
        items.append((sum(cost for cost, _ in items) + more, sum_))
    digits = 4 if items[-1][0] < 1 else 2
    return [f"{title}:", *(f"  {cost:9.{digits}f}  {what}" for cost, what in items)]


def _source(prices: dict[str, Any], region: str) -> str:
    older = prices["older"]
    kept = f", without {', '.join(older)}, which are older" if older else ""
    other = "" if region == prices["region"] else f" They are not those of {region}."
    return (
        f"These are list prices of {prices['region']} as of {prices['as_of']}{kept}, without tax "
        f"and free tier.{other} `make prices` refreshes them."
    )


def _fixed(settings: config.Settings, prices: dict[str, Any]) -> tuple[list[Item], str]:
    """What is paid all month, and a remark if an instance's price is not known."""
    assert settings.aws is not None
    usd, aws = prices["usd"], settings.aws
    alarms = ALARMS + (aws.quiet_hours > 0) + (settings.schedule is not None)
    items = [
        (alarms * usd["alarm_month"], f"{alarms} alarms"),
        (METRICS * usd["metric_month"], f"{METRICS} metrics"),
        (usd["dashboard_month"], "dashboard"),
        (usd["secret_month"], "secret for Comet's key"),
        (5 * usd["s3_gb_month"], "5 GB in S3"),
        (2 * usd["ecr_gb_month"], "2 GB of images in ECR"),
    ]
    if serverless := aws.serverless:
        if warm := getattr(serverless, "provisioned_concurrency", 0):
            cost = usd["provisioned_gb_second"] * serverless.memory_mb / 1024 * HOURS * 3600
            items.insert(0, (warm * cost, f"endpoint, {warm} kept warm"))
        return items, ""
    assert aws.instances is not None
    instances, price = aws.instances, prices["instances"].get(aws.instances.type)
    if price is None:
        return items, f", without {instances.type}, which prices.toml does not list"
    what = f"endpoint, {instances.least} {instances.type} (at most {instances.most})"
    return [(price * HOURS * instances.least, what), *items], ""


def _thousand(settings: config.Settings, usd: dict[str, float]) -> list[Item]:
    assert settings.aws is not None
    time = f"{REQUEST_SECONDS * 1000:.0f} ms each"
    captured = CAPTURED_BYTES * settings.api.capture_share * (settings.api.capture == "stdout")
    items = [
        (1000 * usd["api_request"], "API Gateway"),
        (1000 * _lambda(usd, 1, REQUEST_SECONDS), f"Lambda, {time}"),
        (1000 * usd["logs_gb"] * (LOG_BYTES + captured) / GIGA, "logs"),
    ]
    if serverless := settings.aws.serverless:
        what = f"endpoint, {time} at {serverless.memory_mb / 1024:.0f} GB"
        items.append((_endpoint(usd, serverless, 1000 * REQUEST_SECONDS), what))
    return items


def _use(usd: dict[str, float]) -> list[Item]:
    step = usd["fargate_cpu_hour"] + 4 * usd["fargate_gb_hour"] + usd["address_hour"]
    return [
        (step, "Fargate, an hour of a step with 1 core and 4 GB"),
        (1000 * usd["state_transition"], "Step Functions, a thousand steps"),
    ]


def _worst(settings: config.Settings, prices: dict[str, Any]) -> list[Item]:
    """Each part at its own limit; the model's time is limited by its concurrency."""
    assert settings.aws is not None
    aws, usd = settings.aws, prices["usd"]
    public, predict = _counts(aws).values()
    busy = predict * LAMBDA_SECONDS
    if aws.serverless:
        busy = min(busy, aws.serverless.max_concurrency * MONTH_SECONDS)
    captured = MOST_CAPTURED_BYTES * settings.api.capture_share * (settings.api.capture == "stdout")
    logged = ((public + predict) * LOG_BYTES + predict * captured) / GIGA
    sent = (public * PUBLIC_BYTES + predict * ANSWER_BYTES) / GIGA
    return [
        *requests_usd(aws, usd),
        (_lambda(usd, public + predict, public * REQUEST_SECONDS + busy), "Lambda, waiting for the model"),
        *_busy_endpoint(aws, prices, predict),
        (logged * usd["logs_gb"], f"logs, {logged:,.0f} GB"),
        (sent * usd["traffic_gb"], f"traffic, {sent:,.0f} GB: the largest answers"),
    ]


def _busy_endpoint(aws: sections.Aws, prices: dict[str, Any], predict: int) -> list[Item]:
    """What an endpoint costs more than idle, if it is busy all month."""
    if serverless := aws.serverless:
        seconds = min(predict * ENDPOINT_SECONDS, serverless.max_concurrency * MONTH_SECONDS)
        what = f"endpoint, {serverless.max_concurrency} requests at a time, all month"
        return [(_endpoint(prices["usd"], serverless, seconds), what)]
    assert aws.instances is not None
    more = aws.instances.most - aws.instances.least
    price = prices["instances"].get(aws.instances.type, 0)
    return [(price * HOURS * more, f"endpoint, {more} more {aws.instances.type}, all month")]


def _lambda(usd: dict[str, float], requests: int, seconds: float) -> float:
    return requests * usd["lambda_request"] + seconds * LAMBDA_GB * usd["lambda_gb_second"]


def _endpoint(usd: dict[str, float], serverless: sections.Serverless, seconds: float) -> float:
    return seconds * serverless.memory_mb / 1024 * usd["serverless_gb_second"]
