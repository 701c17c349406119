"""Bootstrap and destroy, by their commands, against the emulator."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import templates
from clouds import Cloud
from ground import ACCOUNT, BUCKET, REGION, STEM, Ground, fill, other_place
from shown import exists, missing

from {{ cookiecutter.project_slug }}.errors import CloudError
from {{ cookiecutter.project_slug }}.mlops import aws, config, destruction, infra, leftovers

NOT_SHOWN = {
    "account": {"ApiLogs", "Github"},
    "foundation": {
        "Age",
        "AlarmsByEmail",
        "AlarmsPolicy",
        "Artifacts.lifecycle",
        "Artifacts.ownership",
        "Artifacts.public access",
        "Artifacts.versions",
        "ArtifactsPolicy",
        "Budget",
        "CometKey",
        "DeployRole.attached policies",
        "Errors",
        "Images.scan",
        "Latency",
    },
    "compute": {"GpuRole.attached policies"},
}
"""What the emulator's CloudFormation leaves out: only what reads the templates sees it."""


@pytest.fixture(scope="module")
def shared(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """An environment that was bootstrapped, with everything that can be in it."""
    cloud.reset()
    ground = Ground(tmp_path_factory.mktemp("ground"), cloud)
    add_batch(ground)
    done = ground.run("bootstrap")
    assert done.returncode == 0, done.stderr
    yield ground
    cloud.reset()


@pytest.fixture(scope="module")
def filled(shared: Ground) -> dict[str, str]:
    """One of each kind that deployments leave in it, by the kind's name."""
    return fill(shared)


@pytest.fixture
def ground(cloud: Cloud, tmp_path: Path) -> Iterator[Ground]:
    """An environment of which there is nothing yet."""
    cloud.reset()
    yield Ground(tmp_path, cloud)
    cloud.reset()


def add_batch(ground: Ground) -> None:
    file = ground.folder / "config" / "staging.toml"
    file.write_text(file.read_text() + '\n[aws.batch]\ngpu_instance = "g4dn.xlarge"\n')


@pytest.mark.parametrize("template", templates.NAMES)
def test_each_resource_exists_or_is_known_not_to_be_shown(shared: Ground, template: str) -> None:
    absent = [missing(shared.client, template, each) for each in templates.resources(template)]
    assert set().union(*absent) == NOT_SHOWN[template]


def test_stacks_are_tagged_and_their_outputs_name_what_metaflow_needs(shared: Ground) -> None:
    stacks = shared.client("cloudformation")
    for name in ("foundation", "compute"):
        stack = stacks.describe_stacks(StackName=f"{STEM}-{name}")["Stacks"][0]
        tags = {each["Key"]: each["Value"] for each in stack["Tags"]}
        assert (tags["project"], tags["environment"]) == ("project", "staging")
        assert tags["owner"]
    told = {each["Description"]: each["OutputValue"] for each in stack["Outputs"]}
    assert told["METAFLOW_DATASTORE_SYSROOT_S3"] == f"s3://{BUCKET}/metaflow"
    assert told["METAFLOW_BATCH_JOB_QUEUE"].endswith(f"job-queue/{STEM}")
    assert len([key for key in told if key.startswith("METAFLOW_")]) == 8


def test_github_deploys_from_this_repositorys_environment_only(shared: Ground) -> None:
    role = shared.client("iam").get_role(RoleName=f"{STEM}-deploy")["Role"]
    wanted = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]
    assert wanted["token.actions.githubusercontent.com:sub"] == [
        "repo:org/repo:environment:staging",
        "repo:org@11/repo@22:environment:staging",
    ]


def test_the_second_bootstrap_finds_nothing_to_do(shared: Ground) -> None:
    again = shared.run("bootstrap")
    assert again.returncode == 0, again.stderr
    for name in ("mlops-account", f"{STEM}-foundation", f"{STEM}-compute"):
        assert f"{name}: no updates" in again.stdout
    assert "nothing to do" in again.stdout
    assert "together" in again.stdout and "list prices" in again.stdout


def test_a_change_of_the_configuration_is_an_update(shared: Ground) -> None:
    file = shared.folder / "config" / "staging.toml"
    before = file.read_text()
    file.write_text(before.replace("model_age_days = 14", "model_age_days = 15"))
    changed = shared.run("bootstrap")
    file.write_text(before)
    assert changed.returncode == 0, changed.stderr
    assert f"{STEM}-foundation: updating" in changed.stdout
    assert f"{STEM}-compute: no updates" in changed.stdout


def test_the_age_of_a_release_is_measured(
    shared: Ground, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = templates.load("foundation")["Resources"]["AgeWatch"]["Properties"]
    names = {**shared.cloud.environ, "STEM": STEM, "AWS_DEFAULT_REGION": REGION}
    for key, value in names.items():
        monkeypatch.setenv(key, value)
    scope: dict[str, Any] = {}
    exec(function["Code"]["ZipFile"], scope)
    assert scope["handler"]({}, None) is None  # nothing is served yet
    request.getfixturevalue("filled")
    assert 0 <= scope["handler"]({}, None) < 0.01
    (metric,) = shared.client("cloudwatch").list_metrics(Namespace=STEM)["Metrics"]
    assert metric["MetricName"] == "ModelAgeDays"


def test_a_leftover_of_each_kind_is_named(
    shared: Ground, filled: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in shared.cloud.environ.items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(shared.folder)
    left = set(destruction._left(aws.Place(config.load("staging")), force=True))
    things = {f"{kind} {name}" for kind, name in filled.items()}
    assert things <= left
    assert {kind.name for kind in leftovers.KINDS} == set(filled)
    assert f"bucket {BUCKET}" in left
    assert "object releases/a/model.tar.gz" in left


def test_two_environments_and_the_account_live_side_by_side(ground: Ground) -> None:
    assert ground.run("bootstrap").returncode == 0
    other = ground.run("bootstrap", environment="prod")
    assert other.returncode == 0, other.stderr
    assert "mlops-account: no updates" in other.stdout
    assert ground.run("destroy", "--confirm", "staging").returncode == 0
    for name in ("foundation", "compute"):
        stacks = ground.client("cloudformation").describe_stacks(StackName=f"project-prod-{name}")
        assert stacks["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert exists(ground.client, "account", "ApiLogsRole")


def test_a_provider_that_somebody_else_made_is_used(ground: Ground) -> None:
    made = ground.client("iam").create_open_id_connect_provider(
        Url=f"https://{infra.GITHUB}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )
    done = ground.run("bootstrap")
    assert done.returncode == 0, done.stderr
    there = ground.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert [each["Arn"] for each in there] == [made["OpenIDConnectProviderArn"]]
    stack = ground.client("cloudformation").describe_stacks(StackName=infra.ACCOUNT_STACK)
    given = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Stacks"][0]["Parameters"]}
    assert given == {"MakeGithubProvider": "false", "MakeApiLogs": "true"}


def test_an_attempt_that_made_nothing_is_done_again(ground: Ground) -> None:
    ground.client("cloudformation").create_change_set(
        StackName=f"{STEM}-foundation",
        ChangeSetName="killed",
        ChangeSetType="CREATE",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
    )
    done = ground.run("bootstrap")
    assert done.returncode == 0, done.stderr
    assert "made nothing of it (REVIEW_IN_PROGRESS)" in done.stdout
    assert exists(ground.client, "foundation", "Artifacts")


def test_another_account_is_left_alone(ground: Ground) -> None:
    ground.change("staging", account="210987654321")
    for words in (["bootstrap"], ["destroy", "--confirm", "staging"]):
        ground.cloud.forget()
        done = ground.run(*words)
        assert done.returncode == 2
        assert "is for the AWS account 210987654321" in done.stderr
        assert [each["operation"] for each in ground.cloud.calls()] == ["GetCallerIdentity"]


def test_without_permission_a_sentence_says_who_may(ground: Ground) -> None:
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


def test_without_a_default_vpc_nothing_is_made(ground: Ground) -> None:
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


def test_destroy_asks_somebody(ground: Ground) -> None:
    nobody = ground.run("destroy")
    assert nobody.returncode == 2
    assert "CONFIRM=staging" in nobody.stderr
    wrong = ground.run("destroy", "--confirm", "prod")
    assert wrong.returncode == 2
    assert "nothing was removed" in wrong.stderr


def test_destroy_names_what_stays_then_leaves_the_model_store_then_nothing(
    ground: Ground,
) -> None:
    assert ground.run("bootstrap").returncode == 0
    things = fill(ground)
    stays = other_place(ground)
    ground.cloud.fail("sagemaker", "DeleteModel", status=403, code="AccessDeniedException")
    first = ground.run("destroy", "--confirm", "staging")
    assert first.returncode == 4
    assert f"left on AWS: model {STEM}-a." in first.stderr
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
    forced = ground.run("destroy", "--confirm", "staging", "--force")
    assert forced.returncode == 0
    assert f"removed: bucket {BUCKET}" in forced.stdout
    assert _there(ground, "foundation") == []
    assert stays()


def _there(ground: Ground, template: str) -> list[str]:
    return [each for each in templates.resources(template) if exists(ground.client, template, each)]


def test_a_bucket_that_was_kept_is_taken_over(ground: Ground) -> None:
    ground.run("bootstrap")
    ground.client("s3").put_object(Bucket=BUCKET, Key="store/runs/1/model.onnx", Body=b"1")
    ground.run("destroy", "--confirm", "staging")
    done = ground.run("bootstrap")
    assert done.returncode == 0, done.stderr
    assert ground.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_a_refusal_that_is_none_of_permission_stays_as_it_is() -> None:
    place: Any = argparse.Namespace(aws=argparse.Namespace(account=ACCOUNT))
    with pytest.raises(CloudError, match=r"^AWS can't be reached$"), infra.as_administrator(place):
        raise CloudError("AWS can't be reached")
