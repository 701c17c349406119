"""What an environment costs a month, by the list prices in `infra/prices.toml`."""

import tomllib
from pathlib import Path

from ..config import sections

PRICES = Path("infra", "prices.toml")
REQUEST_SECONDS = 0.1


def table(settings: sections.Aws, region: str) -> str:
    """The fixed costs, with their sum, and the costs by use, in USD."""
    prices = tomllib.loads(PRICES.read_text())
    fixed, use = ([(item["what"], item["usd"]) for item in prices[key]] for key in ("fixed", "use"))
    unknown = ""
    if serverless := settings.serverless:
        gigabytes = serverless.memory_mb / 1024
        usd = prices["serverless"]["gigabyte_second"] * gigabytes * REQUEST_SECONDS * 1e6
        request = f"{REQUEST_SECONDS * 1000:.0f} ms at {gigabytes:.0f} GB"
        use.insert(0, (f"endpoint, a million requests of {request}", usd))
    elif instances := settings.instances:
        price = prices["instances"].get(instances.type)
        if price is None:
            unknown = f"; without {instances.type}, which prices.toml does not list"
        else:
            what = f"endpoint, {instances.least} {instances.type} (at most {instances.most})"
            fixed.insert(0, (what, price * prices["hours"] * instances.least))
    fixed.append((f"together{unknown}", sum(usd for _, usd in fixed)))
    return "\n".join(
        [
            "USD a month, used or not:",
            *(f"  {usd:9.2f}  {what}" for what, usd in fixed),
            "USD by use:",
            *(f"  {usd:9.2f}  {what}" for what, usd in use),
            f"These are list prices of {prices['region']} as of {prices['as_of']}, without tax and "
            f"free tier: check them for {region} at https://aws.amazon.com/pricing.",
        ]
    )
