"""Whether AWS will accept the endpoint that an environment is configured to have."""

from ..aws import aws
from ..errors import CloudError

SERVERLESS = {"ServiceCode": "sagemaker", "QuotaCode": "L-96300102"}
"""The concurrency of all serverless endpoints of an account in a region; 10 in a new account."""


def shortage(env: aws.Environment) -> str | None:
    """What is wrong with the account's quota, and what to do; None if it suffices."""
    if env.aws.serverless is None:
        return None
    wanted = env.aws.serverless.max_concurrency
    try:
        with aws.aws_errors():
            quota = env.client("service-quotas").get_service_quota(**SERVERLESS)
            allowed = int(quota["Quota"]["Value"])
            others = _reserved_by_others(env)
    except CloudError as error:
        return f"the quota of serverless endpoints was not checked: {error}"
    if others + wanted <= allowed:
        return None
    return (
        f"SageMaker will refuse the endpoint: this account may have {allowed} concurrent "
        f"serverless invocations in {env.region}, other endpoints reserve {others}, and "
        f"max_concurrency is {wanted}. Lower it in config/{env.aws.environment}.toml, or ask for "
        "more: aws service-quotas request-service-quota-increase --service-code "
        f"{SERVERLESS['ServiceCode']} --quota-code {SERVERLESS['QuotaCode']} --desired-value "
        f"{others + wanted} --region {env.region}"
    )


def _reserved_by_others(env: aws.Environment) -> int:
    """The sum of the concurrency of the region's other serverless endpoints."""
    client = env.client("sagemaker")
    pages = client.get_paginator("list_endpoints").paginate()
    names = [name for name in pages.search("Endpoints[].EndpointName") if name != env.endpoint]
    found = (client.describe_endpoint(EndpointName=name) for name in names)
    variants = [each for endpoint in found for each in endpoint.get("ProductionVariants", [])]
    reserved = (each.get("CurrentServerlessConfig", {}) for each in variants)
    return sum(each.get("MaxConcurrency", 0) for each in reserved)
