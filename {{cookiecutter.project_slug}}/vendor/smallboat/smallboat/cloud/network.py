"""The VPC and the subnets of remote steps, and whether steps reach AWS from there."""

from collections.abc import Iterable
from typing import Any

from ..aws import aws
from ..config import config
from ..errors import UserError

GATEWAYS = ("dynamodb", "s3")
"""The services whose VPC endpoints are free: routes to a gateway."""
STEP = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts")
RELEASING = ("monitoring", "sagemaker.api", "sagemaker.runtime", "sns", "states")
INSTANCES = ("application-autoscaling",)
GPUS = ("ecs", "ecs-agent", "ecs-telemetry")

Json = dict[str, Any]


def services(settings: config.Settings) -> list[str]:
    """The services that steps call, as names of VPC endpoints end; GATEWAYS come first."""
    assert settings.aws is not None
    found = [*GATEWAYS, *STEP]
    if settings.on_step_functions:
        found += [*RELEASING, *(INSTANCES if settings.aws.instances else ())]
    return [*found, *(GPUS if settings.aws.batch.gpu_instance else ())]


def of(settings: config.Settings) -> tuple[str, list[str]]:
    """The configured VPC and subnets, else the region's default ones.

    UserError if there are none, or if steps without public addresses could not reach AWS.
    """
    env = aws.Environment(settings)
    with aws.aws_errors():
        vpc, subnets = _chosen(env)
        public = env.aws.batch.public_addresses
        missing = [] if public else _missing(settings, env, vpc, subnets)
    if missing:
        raise UserError(
            f"config/{env.aws.environment}.toml: aws.batch.public_addresses = false, but from the "
            f"subnets of {vpc} steps don't reach {', '.join(missing)}: give the subnets a route to "
            "a NAT gateway, or VPC endpoints of these services, or set it to true"
        )
    return vpc, subnets


def _chosen(env: aws.Environment) -> tuple[str, list[str]]:
    ec2, vpc, subnets = env.client("ec2"), env.aws.batch.vpc, env.aws.batch.subnets
    if not vpc:
        default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])
        vpc = next((found["VpcId"] for found in default["Vpcs"]), "")
    if not vpc:
        raise UserError(
            f"{env.region} has no default VPC: name one as `vpc` under [aws.batch] in "
            f"config/{env.aws.environment}.toml, or `aws ec2 create-default-vpc`"
        )
    if not subnets:
        found = ec2.describe_subnets(Filters=_in(vpc))
        subnets = sorted(subnet["SubnetId"] for subnet in found["Subnets"])
    if not subnets:
        raise UserError(
            f"the VPC {vpc} has no subnet: see the library's docs/aws.md for what it needs"
        )
    return vpc, subnets


def _missing(
    settings: config.Settings, env: aws.Environment, vpc: str, subnets: Iterable[str]
) -> list[str]:
    """The services that steps don't reach, where a subnet has no way out but a public address."""
    ec2 = env.client("ec2")
    tables = ec2.describe_route_tables(Filters=_in(vpc))["RouteTables"]
    if all(_goes_out(_table(tables, subnet)) for subnet in subnets):
        return []
    found = ec2.describe_vpc_endpoints(Filters=_in(vpc))["VpcEndpoints"]
    there = {each["ServiceName"].partition(f".{env.region}.")[2] for each in found}
    return [service for service in services(settings) if service not in there]


def _in(vpc: str) -> list[Json]:
    return [{"Name": "vpc-id", "Values": [vpc]}]


def _table(tables: list[Json], subnet: str) -> Json:
    """The routes of a subnet: its own, else the main ones of the VPC."""
    main: Json = {}
    for table in tables:
        for each in table.get("Associations", []):
            if each.get("SubnetId") == subnet:
                return table
            if each.get("Main"):
                main = table
    return main


def _goes_out(table: Json) -> bool:
    """Whether traffic leaves without a public address: not by an internet gateway."""
    return any(
        route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and not route.get("GatewayId", "").startswith("igw-")
        and route.get("State") != "blackhole"
        for route in table.get("Routes", [])
    )
