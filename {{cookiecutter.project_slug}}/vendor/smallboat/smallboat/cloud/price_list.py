"""`make prices`: refreshes `infra/prices.toml` from AWS's price list, which needs no account."""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from .. import disk
from ..config import config
from ..errors import CloudError
from ..problem import Problem
from . import costs
from .costs import PRICES

URL = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"
TIMEOUT = 120.0
Json = dict[str, Any]


class Listed(NamedTuple):
    """Where the price list has a price: the service's code and the end of the usage type."""

    service: str
    usage: str


LISTED = {
    "alarm_month": Listed("AmazonCloudWatch", "CW:AlarmMonitorUsage"),
    "metric_month": Listed("AmazonCloudWatch", "CW:MetricMonitorUsage"),
    "dashboard_month": Listed("AmazonCloudWatch", "DashboardsUsageHour"),
    "secret_month": Listed("AWSSecretsManager", "AWSSecretsManager-Secrets"),
    "key_month": Listed("awskms", "KMS-Keys"),
    "s3_gb_month": Listed("AmazonS3", "TimedStorage-ByteHrs"),
    "ecr_gb_month": Listed("AmazonECR", "TimedStorage-ByteHrs"),
    "api_request": Listed("AmazonApiGateway", "ApiGatewayRequest"),
    "lambda_request": Listed("AWSLambda", "Request-ARM"),
    "lambda_gb_second": Listed("AWSLambda", "Lambda-GB-Second-ARM"),
    "serverless_gb_second": Listed("AmazonSageMaker", "ServerlessInf:Mem-1GB"),
    "provisioned_gb_second": Listed("AmazonSageMaker", "ProvisionedConcurrency:Mem-1GB"),
    "logs_gb": Listed("AmazonCloudWatch", "DataProcessing-Bytes"),
    "traffic_gb": Listed("AWSDataTransfer", "DataTransfer-Out-Bytes"),
    "fargate_cpu_hour": Listed("AmazonECS", "Fargate-vCPU-Hours:perCPU"),
    "fargate_gb_hour": Listed("AmazonECS", "Fargate-GB-Hours"),
    "address_hour": Listed("AmazonVPC", "PublicIPv4:InUseAddress"),
    "endpoint_hour": Listed("AmazonVPC", "VpcEndpoint-Hours"),
    "state_transition": Listed("AmazonStates", "StateTransition"),
}
"""By the name in prices.toml."""


def refresh(problem: Problem, environment: str) -> int:
    """Write today's prices of the project's region; one that AWS does not list stays."""
    region = config.load(problem, environment).project.aws_region
    before, text = costs.read(), PRICES.read_text()
    wanted = {name: LISTED[name] for name in before["usd"] if name in LISTED}
    wanted |= {name: Listed("AmazonSageMaker", f"Host:{name}") for name in before["instances"]}
    found = _found(wanted, region)
    if not found:
        raise CloudError(f"AWS's price list has no price for {region}: {PRICES} stays as it is")
    older = [name for name in (*before["usd"], *before["instances"]) if name not in found]
    _write(text, found, older, region)
    for name in older:
        print(f"{name}: not in the price list of {region}: the price in {PRICES} stays")
    print(f"{PRICES}: {len(found)} prices of {region}; `make bootstrap ENV=…` prints the costs")
    return 0


def _found(wanted: dict[str, Listed], region: str) -> dict[str, float]:
    found = {}
    for service in sorted({each.service for each in wanted.values()}):
        offer = _offer(service, region)
        for name, listed in wanted.items():
            price = _price(offer, listed.usage) if listed.service == service else None
            if price is not None:
                found[name] = price
    return found


def _offer(service: str, region: str) -> Json:
    """The price list of a service in a region; an empty one, with a line, if AWS gives none.

    Raises:
        CloudError: the price list can't be reached.
    """
    print(f"reading the prices of {service}", flush=True)
    try:
        answer = requests.get(f"{URL}/{service}/current/{region}/index.json", timeout=TIMEOUT)
        answer.raise_for_status()
        offer: Json = answer.json()
        return {"products": offer["products"], "OnDemand": offer["terms"]["OnDemand"]}
    except (requests.ConnectionError, requests.Timeout) as error:
        host = urlsplit(URL).hostname
        raise CloudError(f"{host} can't be reached: {PRICES} stays as it is") from error
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        print(f"{service} has no price list for {region}: {error}")
        return {"products": {}, "OnDemand": {}}


def _price(offer: Json, usage: str) -> float | None:
    """The price of the first unit; the highest, if several products have the usage type.

    A usage type begins with a code of the region, as `EUW1-`, or its name. The prices of `Global-`
    are the free tier.
    """
    pattern = re.compile(rf"([A-Z]{{2,4}}\d?-|[a-z]+(-[a-z]+)+-\d-)?{re.escape(usage)}")
    prices = [
        float(each["pricePerUnit"]["USD"])
        for sku, product in offer["products"].items()
        if pattern.fullmatch(product["attributes"].get("usagetype", ""))
        for term in offer["OnDemand"].get(sku, {}).values()
        for each in term["priceDimensions"].values()
        if each.get("beginRange", "0") == "0" and "USD" in each["pricePerUnit"]
    ]
    return max(prices, default=0) or None


def _write(text: str, found: dict[str, float], older: list[str], region: str) -> None:
    """Change the values only, and the file at once."""
    for name, price in found.items():
        number = f"{price:.12f}".rstrip("0")
        text = _set(text, name, number + "0" * number.endswith("."))
    text = _set(text, "as_of", f'"{datetime.now(UTC).date()}"')
    text = _set(text, "region", f'"{region}"')
    text = _set(text, "older", str(older).replace("'", '"'))
    disk.replace(PRICES, text)


def _set(text: str, name: str, value: str) -> str:
    """The text with another value behind a key; what follows on the line stays."""
    pattern = rf'^("?{re.escape(name)}"? = )(\[[^\]]*\]|"[^"]*"|\S+)'
    return re.sub(pattern, lambda match: match[1] + value, text, flags=re.M)
