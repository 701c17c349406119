"""What an environment costs a month, by the list prices in `infra/prices.toml`."""

import tomllib
from pathlib import Path
from typing import Any

from ..config import sections

PRICES = Path("infra", "prices.toml")
SECONDS_A_REQUEST = 0.1


def table(settings: sections.Aws, region: str) -> str:
    """The fixed part, with its sum, and what is paid by use."""
    prices = tomllib.loads(PRICES.read_text())
    fixed = [(each["what"], each["usd"]) for each in prices["fixed"]]
    use = [(each["what"], each["usd"]) for each in prices["use"]]
    unknown = ""
    if settings.serverless is not None:
        use.insert(0, _serverless(settings.serverless, prices))
    elif settings.instances is not None and settings.instances.type in prices["instances"]:
        fixed.insert(0, _machines(settings.instances, prices))
    elif settings.instances is not None:
        unknown = f"; without {settings.instances.type}, which prices.toml does not list"
    total = sum(usd for _, usd in fixed)
    return "\n".join(
        [
            "USD a month, used or not:",
            *map(_line, fixed),
            _line((f"together{unknown}", total)),
            "USD by use:",
            *map(_line, use),
            f"These are list prices of {prices['region']} as of {prices['as_of']}, without tax and "
            f"free tier: check them for {region} at https://aws.amazon.com/pricing.",
        ]
    )


def _serverless(endpoint: sections.Serverless, prices: dict[str, Any]) -> tuple[str, float]:
    gigabytes = endpoint.memory_mb / 1024
    usd = prices["serverless"]["gigabyte_second"] * gigabytes * SECONDS_A_REQUEST * 1e6
    milliseconds = round(SECONDS_A_REQUEST * 1000)
    return f"endpoint, a million requests of {milliseconds} ms at {gigabytes:.0f} GB", usd


def _machines(endpoint: sections.Instances, prices: dict[str, Any]) -> tuple[str, float]:
    usd = prices["instances"][endpoint.type] * prices["hours"] * endpoint.least
    return f"endpoint, {endpoint.least} {endpoint.type} (at most {endpoint.most})", usd


def _line(item: tuple[str, float]) -> str:
    what, usd = item
    return f"  {usd:9.2f}  {what}"
