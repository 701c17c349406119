"""Where remote steps run, and whether they reach AWS without public addresses."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from smallboat.cloud import costs, network
from smallboat.config import config
from smallboat.config.sections import Batch
from smallboat.errors import UserError
from toy.problem import PROBLEM


def settings(**batch: Any) -> config.Settings:
    """Of staging, with a table [aws.batch]."""
    found = config.load(PROBLEM, "staging")
    assert found.aws
    aws = found.aws.model_copy(update={"batch": Batch(**batch)})
    return found.model_copy(update={"aws": aws})


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the region."""
    region = settings().project.aws_region
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "123456789012")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("ec2", region_name=region)


@pytest.fixture
def private(ec2: Any) -> tuple[str, str]:
    """A VPC with a subnet that has no way out."""
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    return vpc, subnet


def chosen(vpc: str, subnet: str) -> config.Settings:
    return settings(vpc=vpc, subnets=[subnet], public_addresses=False)


def missing(vpc: str, subnet: str) -> list[str]:
    """The services that bootstrap says are missing; none if it goes on."""
    try:
        assert network.of(chosen(vpc, subnet)) == (vpc, [subnet])
    except UserError as error:
        return str(error).partition("don't reach ")[2].partition(":")[0].split(", ")
    return []


def test_with_public_addresses_nothing_is_asked_of_the_routes(private: tuple[str, str]) -> None:
    vpc, subnet = private
    assert network.of(settings(vpc=vpc, subnets=[subnet])) == (vpc, [subnet])


def test_endpoints_of_all_services_are_enough(ec2: Any, private: tuple[str, str]) -> None:
    needed = ["dynamodb", "s3", "ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts"]
    assert missing(*private) == needed
    for number, service in enumerate(needed, 1):
        name = f"com.amazonaws.{ec2.meta.region_name}.{service}"
        ec2.create_vpc_endpoint(VpcId=private[0], ServiceName=name)
        assert missing(*private) == needed[number:]


def test_a_nat_gateway_is_enough_and_an_internet_gateway_is_not(
    ec2: Any, private: tuple[str, str]
) -> None:
    vpc, subnet = private
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    everywhere = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**everywhere, GatewayId=gateway)
    assert "ecr.dkr" in missing(vpc, subnet)
    ec2.delete_route(**everywhere)
    nat = ec2.create_nat_gateway(SubnetId=subnet)["NatGateway"]["NatGatewayId"]
    ec2.create_route(**everywhere, NatGatewayId=nat)
    assert missing(vpc, subnet) == []


def test_routes_of_the_vpc_are_those_of_a_subnet_without_its_own(
    ec2: Any, private: tuple[str, str]
) -> None:
    vpc, subnet = private
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    (table,) = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    nat = ec2.create_nat_gateway(SubnetId=subnet)["NatGateway"]["NatGatewayId"]
    ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat
    )
    assert missing(vpc, subnet) == []


def test_the_message_says_what_to_do(private: tuple[str, str]) -> None:
    with pytest.raises(UserError, match="give the subnets a route to a NAT gateway, or VPC end"):
        network.of(chosen(*private))


@pytest.mark.parametrize(
    ("gpu", "scheduled", "more"),
    [
        ("", False, set()),
        ("g4dn.xlarge", False, {"ecs", "ecs-agent", "ecs-telemetry"}),
        ("", True, {"monitoring", "sagemaker.api", "sagemaker.runtime", "sns", "states"}),
    ],
)
def test_what_steps_do_decides_what_they_must_reach(
    gpu: str, scheduled: bool, more: set[str]
) -> None:
    found = settings(gpu_instance=gpu)
    if scheduled:
        assert found.schedule
        by = found.schedule.model_copy(update={"by": "stepfunctions"})
        found = found.model_copy(update={"schedule": by})
    assert set(network.services(found)) == {*network.GATEWAYS, *network.STEP, *more}


def test_the_endpoints_are_priced() -> None:
    table = costs.table(settings(public_addresses=False))
    assert "    36.50  5 VPC endpoints in one zone; none with a NAT gateway" in table
    assert "VPC" not in costs.table(settings())
