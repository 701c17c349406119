"""What an environment costs a month: idle, by use, and at most, by `infra/prices.toml`."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, NonNegativeFloat, ValidationError

from ..aws.aws import STAGING
from ..config import config, sections
from ..config.access import DAY_SECONDS, MONTH_DAYS
from ..errors import UserError
from . import network

PRICES = Path("infra", "prices.toml")
HOURS, MONTH_SECONDS = 730, MONTH_DAYS * DAY_SECONDS
"""Of a month on average, and of the longest."""
REQUEST_SECONDS, LOG_BYTES = 0.1, 1_000
"""A request's time, and its lines in the logs of function and API."""
LAMBDA_GB, LAMBDA_SECONDS = 0.5, 29
"""The function's memory and timeout in serving/api/serverless.yml."""
REQUEST_TIME = f"{REQUEST_SECONDS * 1000:.0f} ms each"
ENDPOINT_SECONDS = 60
"""After this time SageMaker gives up a request."""
CAPTURED_BYTES, MOST_CAPTURED_BYTES = 3_000, 250_000
"""A captured line, and its most: capture.py shortens longer ones."""
PUBLIC_BYTES, ANSWER_BYTES = 100_000, 4_000_000
"""The largest answers: to requests without credentials, and of a serverless endpoint."""
GIGA = 1e9
OLD = f"{PRICES}: {{}} is missing: take this file of a newer template (`cruft update`)"
AT_MOST = "USD a month at most, if every request is made that [aws.limits] accepts"
ALARMS, METRICS = 7, 8
"""In every environment: the alarms of foundation.yaml, and the project's own metrics, if all are
written each hour."""

Item = tuple[float, str]


class Prices(BaseModel):
    """The content of prices.toml."""

    as_of: str
    region: str
    older: list[str]
    usd: dict[str, NonNegativeFloat]
    instances: dict[str, NonNegativeFloat]


def read() -> dict[str, Any]:
    """What prices.toml holds; UserError if it is missing, wrong, or of an older template."""
    try:
        return Prices.model_validate(tomllib.loads(PRICES.read_text())).model_dump()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{PRICES} can't be read: {error}") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(str(part) for part in wrong["loc"])
        if wrong["type"] == "missing":
            raise UserError(OLD.format(repr(key))) from error
        reason = wrong["msg"].lower()
        raise UserError(f"{PRICES}: {key} = {wrong['input']!r} is wrong: {reason}") from error


def table(settings: config.Settings) -> str:
    """What an environment costs idle, for 1,000 predictions, by other use, and at most."""
    assert settings.aws is not None
    prices = read()
    try:
        fixed, unknown = _fixed(settings, prices)
        parts = [
            ("USD a month, used or not", fixed),
            ("USD for 1,000 predictions", _thousand(settings, prices["usd"])),
            (f"{AT_MOST} without credentials", _public(settings.aws, prices["usd"])),
            (f"{AT_MOST} with credentials", _predictions(settings, prices)),
            ("USD by other use", _use(prices["usd"])),
        ]
    except KeyError as error:
        raise UserError(OLD.format(error)) from error
    lines = [line for title, items in parts for line in _lines(title, items)]
    most = sum(usd for part in (0, 2, 3) for usd, _ in parts[part][1])
    lines.append(f"Together at most {most:,.0f} USD a month, without other use{unknown}.")
    return "\n".join([*lines, _source(prices, settings.project.aws_region)])


def _lines(title: str, items: list[Item]) -> list[str]:
    total = sum(usd for usd, _ in items)
    digits = 4 if total < 1 else 2
    rows = items if title.startswith("USD by") else [*items, (total, "together")]
    return [f"{title}:", *(f"  {usd:9.{digits}f}  {what}" for usd, what in rows)]


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
        (5 * usd["s3_gb_month"], "5 GB in S3"),
        (2 * usd["ecr_gb_month"], "2 GB of images in ECR"),
    ]
    if settings.tracking.tracker != "none":
        items.append((usd["secret_month"], "secret for the tracker's key"))
    if aws.environment == STAGING and aws.github:
        items.append((usd["key_month"], "key that signs images"))
    if not aws.batch.public_addresses:
        count = len([each for each in network.services(settings) if each not in network.GATEWAYS])
        what = f"{count} VPC endpoints in one zone; none with a NAT gateway"
        items.append((count * usd["endpoint_hour"] * HOURS, what))
    if serverless := aws.serverless:
        if warm := serverless.provisioned_concurrency:
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
    captured = CAPTURED_BYTES * settings.api.capture_share * (settings.api.capture == "stdout")
    items = [
        (1000 * usd["api_request"], "API Gateway"),
        (1000 * _lambda(usd, 1, REQUEST_SECONDS), f"Lambda, {REQUEST_TIME}"),
        (1000 * usd["logs_gb"] * (LOG_BYTES + captured) / GIGA, "logs"),
    ]
    if serverless := settings.aws.serverless:
        what = f"endpoint, {REQUEST_TIME} at {serverless.memory_mb / 1024:.0f} GB"
        items.append((_endpoint(usd, serverless, 1000 * REQUEST_SECONDS), what))
    return items


def _use(usd: dict[str, float]) -> list[Item]:
    step = usd["fargate_cpu_hour"] + 4 * usd["fargate_gb_hour"] + usd["address_hour"]
    return [
        (step, "Fargate, an hour of a step with 1 core and 4 GB"),
        (1000 * usd["state_transition"], "Step Functions, a thousand steps"),
    ]


def _public(aws: sections.Aws, usd: dict[str, float]) -> list[Item]:
    """At most for requests that anybody can make: the page, its files, facts about the model."""
    count = aws.limits.most_requests(aws.access.auth)["public"]
    sent = count * PUBLIC_BYTES / GIGA
    return [
        (count * usd["api_request"], f"API Gateway, {count:,} requests"),
        (_lambda(usd, count, count * REQUEST_SECONDS), f"Lambda, {REQUEST_TIME}"),
        _logs(usd, count * LOG_BYTES),
        (sent * usd["traffic_gb"], f"traffic, {sent:,.0f} GB: {PUBLIC_BYTES // 1000} kB each"),
    ]


def _predictions(settings: config.Settings, prices: dict[str, Any]) -> list[Item]:
    """At most for predictions, each part at its own limit; concurrency limits the model's time."""
    assert settings.aws is not None
    aws, usd = settings.aws, prices["usd"]
    count = aws.limits.most_requests(aws.access.auth)["predict"]
    busy = count * LAMBDA_SECONDS
    if aws.serverless:
        busy = min(busy, aws.serverless.max_concurrency * MONTH_SECONDS)
    captured = MOST_CAPTURED_BYTES * settings.api.capture_share * (settings.api.capture == "stdout")
    sent = count * ANSWER_BYTES / GIGA
    return [
        (count * usd["api_request"], f"API Gateway, {count:,} requests"),
        (_lambda(usd, count, busy), "Lambda, waiting for the model"),
        _busy_endpoint(aws, prices, count),
        _logs(usd, count * (LOG_BYTES + captured)),
        (sent * usd["traffic_gb"], f"traffic, {sent:,.0f} GB: {ANSWER_BYTES // 10**6} MB each"),
    ]


def _logs(usd: dict[str, float], size: float) -> Item:
    return size / GIGA * usd["logs_gb"], f"logs, {size / GIGA:,.0f} GB"


def _busy_endpoint(aws: sections.Aws, prices: dict[str, Any], predict: int) -> Item:
    """What an endpoint costs more than idle, if it is busy all month."""
    if serverless := aws.serverless:
        seconds = min(predict * ENDPOINT_SECONDS, serverless.max_concurrency * MONTH_SECONDS)
        what = f"endpoint, {serverless.max_concurrency} requests at a time, all month"
        return _endpoint(prices["usd"], serverless, seconds), what
    assert aws.instances is not None
    more = aws.instances.most - aws.instances.least
    price = prices["instances"].get(aws.instances.type, 0)
    return price * HOURS * more, f"endpoint, {more} more {aws.instances.type}, all month"


def _lambda(usd: dict[str, float], requests: int, seconds: float) -> float:
    return requests * usd["lambda_request"] + seconds * LAMBDA_GB * usd["lambda_gb_second"]


def _endpoint(usd: dict[str, float], serverless: sections.Serverless, seconds: float) -> float:
    return seconds * serverless.memory_mb / 1024 * usd["serverless_gb_second"]
