"""Bootstrap by its command, against the emulator."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import templates
from bootstrapped import BUCKET, NAME_PREFIX, REGION, Bootstrapped, serve
from clouds import Cloud
from shown import missing

NOT_SHOWN = {
    "account": {"ApiLogs", "Github"},
    "foundation": {
        "Age",
        "AlarmsByEmail",
        "AlarmsPolicy",
        "ApiErrors",
        "Artifacts.lifecycle",
        "Artifacts.ownership",
        "Artifacts.public access",
        "Artifacts.versions",
        "ArtifactsPolicy",
        "BuildRole.attached policies",
        "DeployRole.attached policies",
        "Errors",
        "FunctionErrors",
        "FunctionThrottles",
        "Images.scan",
        "Latency",
        "MonitorRole.attached policies",
        "PreviewImages.lifecycle",
        "PreviewImages.scan",
        "PreviewRole.attached policies",
        "Overdue",
        "Quiet",
        "RetrainingDue",
        "TrainingImages.lifecycle",
        "TrainingImages.scan",
    },
    "budget": {"Budget"},
    "compute": {"GpuRole.attached policies", "StepRole.attached policies"},
}
"""What the emulator's CloudFormation leaves out: test_templates.py checks it."""


@pytest.fixture(scope="module")
def shared(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bootstrapped]:
    """An environment that was bootstrapped, with everything that can be in it."""
    cloud.reset()
    environment = Bootstrapped(tmp_path_factory.mktemp("bootstrapped"), cloud)
    add_everything(environment)
    done = environment.run("bootstrap")
    assert done.returncode == 0, done.stderr
    yield environment
    cloud.reset()


def add_everything(environment: Bootstrapped) -> None:
    environment.configure("staging", '[aws.batch]\ngpu_instance = "g4dn.xlarge"\n')
    acl = templates.PARAMETERS["WebAcl"]
    environment.configure("staging", f'[aws.access]\nweb_acl = "{acl}"\n')


@pytest.mark.parametrize("template", templates.NAMES)
def test_each_resource_exists_or_is_known_not_to_be_shown(
    shared: Bootstrapped, template: str
) -> None:
    absent = [missing(shared.client, template, each) for each in templates.resources(template)]
    assert set().union(*absent) == NOT_SHOWN[template]


def test_stacks_are_tagged_and_their_outputs_name_what_metaflow_needs(shared: Bootstrapped) -> None:
    stacks = shared.client("cloudformation")
    for name in ("foundation", "compute"):
        stack = stacks.describe_stacks(StackName=f"{NAME_PREFIX}-{name}")["Stacks"][0]
        tags = {each["Key"]: each["Value"] for each in stack["Tags"]}
        assert (tags["project"], tags["environment"]) == ("project", "staging")
        assert tags["owner"]
    outputs = {each["Description"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs["METAFLOW_DATASTORE_SYSROOT_S3"] == f"s3://{BUCKET}/metaflow"
    assert outputs["METAFLOW_BATCH_JOB_QUEUE"].endswith(f"job-queue/{NAME_PREFIX}")
    assert len([key for key in outputs if key.startswith("METAFLOW_")]) == 8


def test_github_deploys_from_this_repositorys_environment_only(shared: Bootstrapped) -> None:
    role = shared.client("iam").get_role(RoleName=f"{NAME_PREFIX}-deploy")["Role"]
    wanted = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]
    assert wanted["token.actions.githubusercontent.com:sub"] == [
        "repo:org/repo:environment:staging",
        "repo:org@11/repo@22:environment:staging",
    ]


def test_the_second_bootstrap_finds_nothing_to_do(shared: Bootstrapped) -> None:
    again = shared.run("bootstrap")
    assert again.returncode == 0, again.stderr
    for name in ("mlops-account", *(f"{NAME_PREFIX}-{each}" for each in templates.NAMES[1:])):
        assert f"{name}: no updates" in again.stdout
    assert "nothing to do" in again.stdout
    assert "Together at most" in again.stdout and "list prices" in again.stdout
    assert "nobody is told" not in again.stdout


def test_a_change_of_the_configuration_is_an_update(shared: Bootstrapped) -> None:
    file = shared.folder / "config" / "staging.toml"
    before = file.read_text()
    file.write_text(before.replace("model_age_days = 14", "model_age_days = 15"))
    changed = shared.run("bootstrap")
    file.write_text(before)
    back = shared.run("bootstrap")
    for done in (changed, back):
        assert done.returncode == 0, done.stderr
        assert f"{NAME_PREFIX}-foundation: updating" in done.stdout
        assert f"{NAME_PREFIX}-compute: no updates" in done.stdout


def test_the_newest_training_images_stay(shared: Bootstrapped) -> None:
    client = shared.client("ecr")
    given = templates.load("foundation")["Resources"]["TrainingImages"]["Properties"]
    text = given["LifecyclePolicy"]["LifecyclePolicyText"]
    client.put_lifecycle_policy(repositoryName=f"{NAME_PREFIX}-train", lifecyclePolicyText=text)
    (rule,) = json.loads(text)["rules"]
    assert rule["selection"] == {
        "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20,
    }  # fmt: skip


def test_the_ages_of_release_and_run_are_measured(
    shared: Bootstrapped, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = templates.load("foundation")["Resources"]["AgeWatch"]["Properties"]
    names = {"NAME_PREFIX": NAME_PREFIX, "BUCKET": BUCKET, "AWS_DEFAULT_REGION": REGION}
    names |= shared.cloud.environ
    for key, value in names.items():
        monkeypatch.setenv(key, value)
    scope: dict[str, Any] = {}
    exec(function["Code"]["ZipFile"], scope)
    assert scope["handler"]({}, None) == {}  # nothing is trained or served yet
    s3 = shared.client("s3")
    s3.put_object(Bucket=BUCKET, Key="store/runs/1/model.onnx", Body=b"")
    assert scope["handler"]({}, None) == {}  # the run is not whole
    s3.put_object(Bucket=BUCKET, Key="store/runs/1/evaluation.json", Body=b"{}")
    assert 0 <= scope["handler"]({}, None)["TrainingAgeDays"] < 0.01
    serve(shared)
    measured = scope["handler"]({}, None)
    assert set(measured) == {"ModelAgeDays", "TrainingAgeDays"}
    assert all(0 <= age < 0.01 for age in measured.values())
    metrics = shared.client("cloudwatch").list_metrics(Namespace=NAME_PREFIX)["Metrics"]
    assert {each["MetricName"] for each in metrics} == set(measured)


def test_doctor_finds_it_ready_once_an_image_is_there(shared: Bootstrapped) -> None:
    shared.bring("local")
    shared.link("serving", "toy", "vendor")
    shared.push("staging")
    found = shared.doctor()
    stacks = ("mlops-account", *(f"{NAME_PREFIX}-{each}" for each in templates.NAMES[1:]))
    assert {found[stack].state for stack in stacks} == {"ok"}
    assert found[stacks[1]].found.endswith(" complete")
    assert found["image"].state == "ok"
    assert found["image"].found.startswith(f"{NAME_PREFIX}-model@sha256:")
    assert found["quota"][1:3] == ("ok", "max_concurrency = 2")
    assert found["releases"][1:3] == ("ok", "by anybody AWS allows")
    assert found["alarms"][1:3] == ("ok", "by mail")
    assert found["release"].found == "none yet"
