"""The ground from nothing, beside others and after trouble, and how it goes: by commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import templates
from bootstrapped import ACCOUNT, BUCKET, NAME_PREFIX, Bootstrapped, fill, other_place
from clouds import Cloud
from shown import exists
from smallboat.aws import aws
from smallboat.cloud import base_stacks, destruction, inventory
from smallboat.config import config
from toy.problem import PROBLEM


@pytest.fixture
def ground(cloud: Cloud, tmp_path: Path) -> Iterator[Bootstrapped]:
    """An environment of which there is nothing yet."""
    cloud.reset()
    yield Bootstrapped(tmp_path, cloud)
    cloud.reset()


def test_two_environments_and_the_account_live_side_by_side(ground: Bootstrapped) -> None:
    assert ground.run("bootstrap").returncode == 0
    other = ground.run("bootstrap", environment="prod")
    assert other.returncode == 0, other.stderr
    assert "mlops-account: no updates" in other.stdout
    assert ground.run("destroy", "--confirm", "staging").returncode == 0
    for name in ("foundation", "compute"):
        stacks = ground.client("cloudformation").describe_stacks(StackName=f"project-prod-{name}")
        assert stacks["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert exists(ground.client, "account", "ApiLogsRole")


def test_a_provider_that_somebody_else_made_is_used(ground: Bootstrapped) -> None:
    made = ground.client("iam").create_open_id_connect_provider(
        Url=f"https://{base_stacks.GITHUB}",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["a" * 40],
    )
    done = ground.run("bootstrap")
    assert done.returncode == 0, done.stderr
    there = ground.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert [each["Arn"] for each in there] == [made["OpenIDConnectProviderArn"]]
    stack = ground.client("cloudformation").describe_stacks(StackName=base_stacks.ACCOUNT_STACK)
    given = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Stacks"][0]["Parameters"]}
    assert given == {"MakeGithubProvider": "false", "MakeApiLogs": "true"}


def test_an_attempt_that_made_nothing_is_done_again(ground: Bootstrapped) -> None:
    ground.client("cloudformation").create_change_set(
        StackName=f"{NAME_PREFIX}-foundation",
        ChangeSetName="killed",
        ChangeSetType="CREATE",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
    )
    done = ground.run("bootstrap")
    assert done.returncode == 0, done.stderr
    assert "made nothing of it (REVIEW_IN_PROGRESS)" in done.stdout
    assert exists(ground.client, "foundation", "Artifacts")


def test_another_account_is_left_alone(ground: Bootstrapped) -> None:
    ground.change("staging", account="210987654321")
    for words in (["bootstrap"], ["destroy", "--confirm", "staging"]):
        ground.cloud.forget()
        done = ground.run(*words)
        assert done.returncode == 2
        assert "is for the AWS account 210987654321" in done.stderr
        assert [each["operation"] for each in ground.cloud.calls()] == ["GetCallerIdentity"]


def test_without_permission_a_sentence_says_who_may(ground: Bootstrapped) -> None:
    for service, operation in (
        ("iam", "ListOpenIDConnectProviders"),
        ("cloudformation", "CreateChangeSet"),
    ):
        ground.cloud.fail(service, operation, status=403, code="AccessDenied")
        done = ground.run("bootstrap")
        assert done.returncode == 4
        assert f"an administrator of the account {ACCOUNT}" in done.stderr
        assert "Traceback" not in done.stderr
    assert ground.run("bootstrap").returncode == 0


def test_without_a_default_vpc_nothing_is_made(ground: Bootstrapped) -> None:
    ec2 = ground.client("ec2")
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    done = ground.run("bootstrap")
    assert done.returncode == 2
    assert "has no subnet" in done.stderr
    ec2.delete_vpc(VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
    done = ground.run("bootstrap")
    assert done.returncode == 2
    assert "has no default VPC" in done.stderr
    assert ground.client("cloudformation").describe_stacks()["Stacks"] == []


def test_destroy_asks_somebody(ground: Bootstrapped) -> None:
    nobody = ground.run("destroy")
    assert nobody.returncode == 2
    assert "CONFIRM=staging" in nobody.stderr
    wrong = ground.run("destroy", "--confirm", "prod")
    assert wrong.returncode == 2
    assert "nothing was removed" in wrong.stderr


def test_destroy_names_what_stays_then_leaves_the_model_store_then_nothing(
    ground: Bootstrapped, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ground.run("bootstrap").returncode == 0
    things = fill(ground)
    assert {kind.name for kind in inventory.KINDS} == set(things)
    assert left(ground, monkeypatch) >= {
        *(f"{kind} {name}" for kind, name in things.items()),
        f"image {things['image'].replace('-train', '-model')}",
        f"bucket {BUCKET}",
        "object releases/a/model.tar.gz",
    }
    stays = other_place(ground)
    ground.cloud.fail("sagemaker", "DeleteModel", status=403, code="AccessDeniedException")
    first = ground.run("destroy", "--confirm", "staging")
    assert first.returncode == 4
    assert f"left on AWS: model {NAME_PREFIX}-a." in first.stderr
    second = ground.run("destroy", "--confirm", "staging")
    assert second.returncode == 0, second.stdout + second.stderr
    for kind, name in things.items():
        assert f"removed: {kind} {name}" in (second if kind == "model" else first).stdout
    assert f"kept: 1 objects of the model store in s3://{BUCKET}/store/" in second.stdout
    assert "nothing is left" in second.stdout
    third = ground.run("destroy", "--confirm", "staging")
    assert third.returncode == 0
    assert "nothing to do" in third.stdout
    assert ground.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    gone = {name: _there(ground, name) for name in ("foundation", "compute")}
    assert gone == {"foundation": ["Artifacts"], "compute": []}
    again = ground.run("bootstrap")  # takes the bucket over
    assert again.returncode == 0, again.stderr
    assert ground.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    forced = ground.run("destroy", "--confirm", "staging", "--force")
    assert forced.returncode == 0
    assert f"removed: bucket {BUCKET}" in forced.stdout
    assert _there(ground, "foundation") == []
    assert stays()


def left(ground: Bootstrapped, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What destroy would name as left."""
    for key, value in ground.cloud.environ.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(ground.folder)
    return set(destruction._left(aws.Environment(config.load(PROBLEM, "staging")), force=True))


def _there(ground: Bootstrapped, template: str) -> list[str]:
    return [each for each in templates.resources(template) if exists(ground.client, template, each)]
