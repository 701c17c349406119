"""Bootstrap and destroy by their commands: from nothing, with others, after failures."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import templates
from bootstrapped import BUCKET, NAME_PREFIX, Bootstrapped, fill, other_environment
from clouds import Cloud
from shown import exists
from smallboat.aws import aws
from smallboat.cloud import base_stacks, destruction, inventory
from smallboat.config import config
from toy.problem import PROBLEM


@pytest.fixture
def environment(cloud: Cloud, tmp_path: Path) -> Iterator[Bootstrapped]:
    """An environment that is not bootstrapped."""
    cloud.reset()
    yield Bootstrapped(tmp_path, cloud)
    cloud.reset()


def test_an_existing_provider_is_used(environment: Bootstrapped) -> None:
    made = environment.client("iam").create_open_id_connect_provider(
        Url=f"https://{base_stacks.GITHUB}",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["a" * 40],
    )
    environment.change("staging", alert_email="")
    done = environment.run("bootstrap")
    assert done.returncode == 0, done.stderr
    assert (
        "\nnobody is told of alarms, failed retrainings and the budget: set alert_email in "
        "config/staging.toml and run `make bootstrap ENV=staging` again\n" in done.stdout
    )
    found = environment.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert [each["Arn"] for each in found] == [made["OpenIDConnectProviderArn"]]
    stack = environment.client("cloudformation").describe_stacks(
        StackName=base_stacks.ACCOUNT_STACK
    )
    given = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Stacks"][0]["Parameters"]}
    assert given == {
        "MakeGithubProvider": "false",
        "MakeApiLogs": "true",
        "RolePath": "/",
        "PermissionsBoundary": "",
    }


def test_an_attempt_that_created_nothing_is_repeated(environment: Bootstrapped) -> None:
    environment.client("cloudformation").create_change_set(
        StackName=f"{NAME_PREFIX}-foundation",
        ChangeSetName="killed",
        ChangeSetType="CREATE",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
    )
    done = environment.run("bootstrap")
    assert done.returncode == 0, done.stderr
    assert "was not completed (REVIEW_IN_PROGRESS)" in done.stdout
    assert exists(environment.client, "foundation", "Artifacts")


def test_another_account_is_left_alone(environment: Bootstrapped) -> None:
    environment.change("staging", account="210987654321")
    for words in (["bootstrap"], ["destroy", "--confirm", "staging"]):
        environment.cloud.forget()
        done = environment.run(*words)
        assert done.returncode == 2
        assert "is for the AWS account 210987654321" in done.stderr
        assert [each["operation"] for each in environment.cloud.calls()] == ["GetCallerIdentity"]


def test_without_a_default_vpc_nothing_is_made(environment: Bootstrapped) -> None:
    ec2 = environment.client("ec2")
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    done = environment.run("bootstrap")
    assert done.returncode == 2
    assert "has no subnet" in done.stderr
    ec2.delete_vpc(VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
    done = environment.run("bootstrap")
    assert done.returncode == 2
    assert "has no default VPC" in done.stderr
    assert environment.client("cloudformation").describe_stacks()["Stacks"] == []


def test_destroy_needs_a_confirmation(environment: Bootstrapped) -> None:
    unconfirmed = environment.run("destroy")
    assert unconfirmed.returncode == 2
    assert "CONFIRM=staging" in unconfirmed.stderr
    wrong = environment.run("destroy", "--confirm", "prod")
    assert wrong.returncode == 2
    assert "nothing was deleted" in wrong.stderr


def test_destroy_lists_what_stays_then_keeps_the_model_store_then_nothing(
    environment: Bootstrapped, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.run("bootstrap").returncode == 0
    resources = fill(environment)
    assert {kind.name for kind in inventory.KINDS} == {kind for kind, _ in resources}
    assert remaining(environment, monkeypatch) == {
        *(f"{kind} {name}" for kind, name in resources),
        f"bucket {BUCKET}",
        "object releases/a/model.tar.gz",
    }
    other_exists = other_environment(environment)
    environment.cloud.fail("sagemaker", "DeleteModel", status=403, code="AccessDeniedException")
    first = environment.run("destroy", "--confirm", "staging")
    assert first.returncode == 4
    assert f"left on AWS: model {NAME_PREFIX}-a." in first.stderr
    second = environment.run("destroy", "--confirm", "staging")
    assert second.returncode == 0, second.stdout + second.stderr
    for kind, name in resources:
        assert f"deleted: {kind} {name}" in (second if kind == "model" else first).stdout
    assert f"kept: 1 objects of the model store in s3://{BUCKET}/store/" in second.stdout
    assert "nothing is left" in second.stdout
    third = environment.run("destroy", "--confirm", "staging")
    assert third.returncode == 0
    assert "nothing to do" in third.stdout
    assert environment.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    assert existing(environment, "foundation") == ["Artifacts"]
    assert existing(environment, "compute") == existing(environment, "budget") == []
    with_stacks = environment.client("secretsmanager"), environment.client("logs")
    assert with_stacks[0].list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
    assert with_stacks[1].describe_log_groups()["logGroups"] == []
    again = environment.run("bootstrap")  # imports the bucket
    assert again.returncode == 0, again.stderr
    assert environment.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    forced = environment.run("destroy", "--confirm", "staging", "--force")
    assert forced.returncode == 0
    assert f"deleted: bucket {BUCKET}" in forced.stdout
    assert existing(environment, "foundation") == []
    assert other_exists()


def remaining(environment: Bootstrapped, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What destroy would list as left."""
    for key, value in environment.cloud.environ.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(environment.folder)
    env = aws.Environment(config.load(PROBLEM, "staging"))
    return set(destruction._remaining(env, force=True))


def existing(environment: Bootstrapped, template: str) -> list[str]:
    """The resources of a template that exist."""
    names = templates.resources(template)
    return [name for name in names if exists(environment.client, template, name)]


def test_roles_and_policies_have_the_configured_path_and_boundary(
    environment: Bootstrapped,
) -> None:
    iam = environment.client("iam")
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
    )
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=document)["Policy"]["Arn"]
    file = environment.folder / "config" / "staging.toml"
    own = f'[aws]\nrole_path = "/mlops/team/"\npermissions_boundary = "{boundary}"\n'
    file.write_text(file.read_text().replace("[aws]\n", own))
    done = environment.run("bootstrap")
    assert done.returncode == 0, done.stderr
    made = 0
    for template in templates.NAMES:
        for each in templates.load(template)["Resources"].values():
            given = templates.plain(each["Properties"], template)
            if each["Type"] == "AWS::IAM::Role" and not given["RoleName"].endswith("-gpu"):
                role = iam.get_role(RoleName=given["RoleName"])["Role"]
                assert role["Arn"].endswith(f":role/mlops/team/{given['RoleName']}")
                assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
                made += 1
    assert made == 16
    names = (
        "import json\n"
        "from smallboat.aws import aws\n"
        "from smallboat.config import config\n"
        "from toy.problem import PROBLEM\n"
        "env = aws.Environment(config.load(PROBLEM, 'staging'))\n"
        "print(env.deploy_role, env.role('step'), env.cloudformation_role)"
    )
    for arn in environment.python(names).stdout.split():
        assert iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]["Arn"] == arn
    again = environment.run("bootstrap")
    assert "nothing to do" in again.stdout, again.stderr


def test_the_account_keeps_the_path_of_the_first_project(environment: Bootstrapped) -> None:
    assert environment.run("bootstrap").returncode == 0
    file = environment.folder / "config" / "prod.toml"
    file.write_text(file.read_text().replace("[aws]\n", '[aws]\nrole_path = "/b/"\n'))
    done = environment.run("bootstrap", environment="prod")
    assert done.returncode == 0, done.stderr
    assert "mlops-account: no updates" in done.stdout
