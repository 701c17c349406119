"""The protocol of a release on a SageMaker endpoint: real clients, real model servers."""

import io
import tarfile
from typing import Any

import pytest
from bundles import BETTER, PLAIN, WRONG
from releasing import INSTANCES, RULES, Project, read
from smallboat.errors import CloudError, IntegrityError, UserError
from smallboat.evaluation import gates
from smallboat.release.release import Releaser
from smallboat.release.targets import archives, lease
from smallboat.release.targets.configurations import Configurations
from smallboat.release.targets.hosting import Hosting
from toy.problem import PROBLEM


def released(project: Project, run: str, keep: int = 2, **more: Any) -> None:
    """Release a run with features that are newer than any before."""
    project.runs.keep(run, PLAIN, as_of=f"20{30 + int(run)}-01-01", **more)
    outcome = project.deploy(keep=keep)
    assert outcome.exit_code == 0, outcome.message
    assert project.served()[1] == run


def test_a_release_is_made_once_and_says_what_it_is(project: Project) -> None:
    project.runs.keep("1", PLAIN, commit="0123abc+")
    assert project.target().current() is None
    outcome = project.deploy()
    assert outcome.name == "released", outcome.message
    assert project.served() == ("1", "1")
    target, client = project.target(), project.cloud.client("sagemaker")
    facts = target.current()
    assert facts is not None
    assert target.folder().name == facts["release"] and target.previous() is None

    endpoint = project.endpoint()
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    (variant,) = config["ProductionVariants"]
    model = client.describe_model(ModelName=variant["ModelName"])
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 2}
    assert variant["ModelName"].startswith(f"{project.env.name_prefix}-")
    assert model["ExecutionRoleArn"] == project.env.sagemaker_role
    assert model["PrimaryContainer"]["Image"] == project.image
    assert model["PrimaryContainer"]["Environment"] == {"MODEL_WORKERS": "1"}
    about = {
        **project.env.tags,
        **{name: facts[name] for name in ("run", "release", "model_hash", "snapshot")},
        "commit": "0123abc+",
    }
    for made in (endpoint["EndpointArn"], config["EndpointConfigArn"], model["ModelArn"]):
        tags = client.list_tags(ResourceArn=made)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == about

    (event,) = project.history()
    assert event["config"] == endpoint["EndpointConfigName"]
    assert (event["run"], event["features_run"], event["reason"]) == ("1", "1", "the first release")
    assert (event["model_hash"], event["evaluation"]["value"]) == (facts["model_hash"], 1.0)

    url = model["PrimaryContainer"]["ModelDataUrl"]
    with tarfile.open(fileobj=io.BytesIO(read(url, project.cloud))) as archive:
        assert archive.getnames() == sorted(path.name for path in target.folder().iterdir())
    key = url.partition(f"{project.env.bucket}/")[2]
    stored = project.cloud.client("s3").head_object(Bucket=project.env.bucket, Key=key)
    assert stored["ServerSideEncryption"] == "AES256"
    assert archives.pack(target.folder()) == archives.pack(target.folder())

    project.cloud.forget()
    outcome = project.deploy()
    assert outcome.message.startswith("run 1 is the same")
    assert project.made() == []


def test_an_archive_that_was_changed_is_refused(project: Project) -> None:
    project.runs.keep("1", PLAIN)
    project.deploy()
    online = project.target().folder() / "online_features.json"
    whole = online.read_bytes()
    online.write_bytes(b"{}")
    assert project.target().folder() == online.parent and online.read_bytes() == whole

    packed = archives.pack(online.parent)
    middle = len(packed) // 2
    flipped = packed[:middle] + bytes([packed[middle] ^ 1]) + packed[middle + 1 :]
    online.write_bytes(b"{}")
    (key,) = project.archives()
    for content in (archives.pack(online.parent), flipped, packed[:middle], b""):
        project.cloud.client("s3").put_object(Bucket=project.env.bucket, Key=key, Body=content)
        with pytest.raises(IntegrityError, match=f"{key} was changed since it was written"):
            project.target().current()


def test_back_and_forth_by_the_same_configurations(project: Project, hasty: None) -> None:
    project.runs.keep("1", PLAIN)
    project.deploy()
    before = project.endpoint()["EndpointConfigName"]
    with pytest.raises(UserError, match="no earlier release"):
        project.roll_back()
    project.runs.keep("2", BETTER)
    assert project.deploy().name == "released"
    assert project.served() == ("2", "2")
    project.cloud.forget()
    assert project.roll_back().name == "rolled back"
    assert project.served() == ("1", "1")
    assert project.endpoint()["EndpointConfigName"] == before
    assert not [call for call in project.made() if "Create" in call]
    assert [event["event"] for event in project.history()] == [
        "released",
        "released",
        "rolled back",
    ]


def test_whatever_is_old_goes_and_what_can_be_rolled_back_to_stays(
    project: Project, hasty: None
) -> None:
    client = project.cloud.client("sagemaker")
    other = f"{project.env.name_prefix}-other-0123456789ab"
    client.create_model(
        ModelName=other,
        PrimaryContainer={"Image": project.image},
        ExecutionRoleArn=project.env.sagemaker_role,
    )
    images = [project.image.partition("@")[2]]
    for run in ("1", "2", "3"):
        released(project, run)
        images.append(project.push(f"after {run}"))
    kept = [event["config"] for event in project.history()][1:]
    assert project.names() == ({other, *kept}, set(kept))
    urls = [
        client.describe_model(ModelName=name)["PrimaryContainer"]["ModelDataUrl"] for name in kept
    ]
    bucket = f"s3://{project.env.bucket}/"
    assert project.archives() == {url.removeprefix(bucket) for url in urls}
    found = project.cloud.client("ecr").describe_images(repositoryName=project.env.image_repository)
    assert {each["imageDigest"] for each in found["imageDetails"]} == set(images[1:])

    assert project.roll_back().name == "rolled back"
    assert project.served() == ("1", "2")
    with pytest.raises(UserError, match="no earlier release"):
        project.roll_back()


def test_a_model_that_fails_on_the_endpoint_is_taken_back(project: Project, hasty: None) -> None:
    project.runs.keep("1", PLAIN)
    project.deploy()
    for run, how in (("2", "is wrong"), ("3", "is slow"), ("4", "crashes")):
        fault = {"where": ["endpoint"], "how": how}
        project.runs.keep(run, PLAIN, as_of=f"203{run}-01-01", fault=fault)
        rules = RULES.model_copy(update={"latency_ms": 200.0 if how == "is slow" else 2000.0})
        outcome = Releaser(PROBLEM, project.target(), rules).deploy(project.runs.root, run)
        assert (outcome.name, outcome.exit_code) == ("failed", 4)
        assert f"run {run} failed: post-switch check failed" in outcome.message
        assert project.served() == ("1", "1")
    assert len(project.history()) == 1


def test_the_endpoint_gets_the_features_of_a_run_that_failed_its_gates(project: Project) -> None:
    """Also of one without a model; then fails one whose features break the endpoint."""
    released(project, "1")
    fault = {"where": ["endpoint"], "how": "is wrong"}
    gate = gates.exact("parity", 0.3, "<=", 1e-4, "train without this candidate")
    project.runs.keep("2", BETTER, as_of="2032-01-01", passed=False, gates=[gate])
    project.runs.keep_without_model("3", as_of="2033-01-01")
    project.runs.keep("4", BETTER, as_of="2034-01-01", passed=False, gates=[gate], fault=fault)
    releaser = Releaser(PROBLEM, project.target(), RULES)
    for run, served, code in (("2", "2", 3), ("3", "3", 3), ("4", "3", 4)):
        outcome = releaser.refresh_features(project.runs.root, run)
        assert outcome.exit_code == code, outcome.message
        assert project.served() == ("1", served)
    assert len(project.history()) == 3
    assert project.roll_back().name == "rolled back"
    assert project.served() == ("1", "2")


def test_earlier_runs_are_tried_and_an_endpoint_that_never_was_good_is_removed(
    project: Project,
) -> None:
    project.runs.keep("1", PLAIN, fault={"where": ["endpoint"], "how": "is wrong"})
    outcome = project.deploy()
    assert outcome.name == "failed" and project.target().current() is None
    assert project.cloud.client("sagemaker").list_endpoints()["Endpoints"] == []
    project.runs.keep("2", PLAIN, as_of="2030-01-01")
    project.runs.keep("3", WRONG)
    assert project.deploy().name == "released"
    assert project.served() == ("2", "2")


def test_another_image_is_released_with_the_same_model_and_can_be_taken_back(
    project: Project, hasty: None
) -> None:
    project.runs.keep("1", PLAIN)
    project.deploy()
    before = project.image
    project.push("second")
    outcome = project.deploy()
    assert (
        outcome.name == "kept"
        and "redeployed with the current image and settings" in outcome.message
    )
    assert image(project) == project.image
    project.cloud.forget()
    project.deploy()
    assert project.made() == []
    project.roll_back()
    assert image(project) == before


def image(project: Project) -> str:
    """The image that serves."""
    client = project.cloud.client("sagemaker")
    name = project.endpoint()["EndpointConfigName"]
    found: str = client.describe_model(ModelName=name)["PrimaryContainer"]["Image"]
    return found


def test_from_serverless_to_instances_and_never_back(project: Project, hasty: None) -> None:
    project.runs.keep("1", PLAIN)
    project.deploy()
    serverless = dict(project.values["aws"])
    project.use_instances()
    project.runs.keep(
        "2", PLAIN, as_of="2030-01-01", fault={"where": ["endpoint"], "how": "is wrong"}
    )
    project.cloud.forget()
    assert project.deploy().exit_code == 4
    assert project.served() == ("1", "1")  # on instances: it can't become serverless again
    assert "DeploymentConfig" not in called(project, "UpdateEndpoint")[0]
    config = called(project, "CreateEndpointConfig")[0]
    capture = config["DataCaptureConfig"]
    assert capture["DestinationS3Uri"] == f"s3://{project.env.bucket}/capture/"
    assert capture["InitialSamplingPercentage"] == 25
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == INSTANCES["least"]
    scaled = called(project, "RegisterScalableTarget")[-1]
    assert scaled["ResourceId"] == f"endpoint/{project.env.endpoint}/variant/live"
    assert (scaled["MinCapacity"], scaled["MaxCapacity"]) == (2, 4)
    policy = called(project, "PutScalingPolicy")[-1]["TargetTrackingScalingPolicyConfiguration"]
    assert policy["TargetValue"] == INSTANCES["requests_a_minute"]

    project.cloud.forget()
    released(project, "3")
    (update,) = called(project, "UpdateEndpoint")
    assert update["RetainAllVariantProperties"] is True
    deployment = update["DeploymentConfig"]
    routing = deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing == {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
    }
    alarms = [each["AlarmName"] for each in deployment["AutoRollbackConfiguration"]["Alarms"]]
    assert alarms == [f"{project.env.name_prefix}-5xx", f"{project.env.name_prefix}-latency"]
    made = project.made()
    assert made.index("application-autoscaling:DeregisterScalableTarget") < made.index(
        "sagemaker:UpdateEndpoint"
    )

    assert project.roll_back().name == "rolled back"
    assert project.served() == ("1", "1")
    project.values["aws"] = serverless
    project.runs.keep("4", PLAIN, as_of="2034-01-01")
    project.cloud.forget()
    with pytest.raises(UserError, match=r"runs on instances, .* keep \[aws.instances\]"):
        project.deploy()
    assert project.made() == []
    assert project.served() == ("1", "1")


def test_a_canary_is_of_the_machines_that_run(project: Project) -> None:
    project.use_instances(least=2)
    hosting = Hosting(project.env, Configurations(project.env))
    for running, kind in ((1, "ALL_AT_ONCE"), (2, "CANARY")):
        policy = hosting._canary(running)["BlueGreenUpdatePolicy"]
        assert policy["TrafficRoutingConfiguration"]["Type"] == kind


def test_what_a_container_gets_depends_on_where_it_runs(project: Project) -> None:
    project.values["aws"]["serverless"]["provisioned_concurrency"] = 1
    project.runs.keep("1", PLAIN)
    assert project.deploy().exit_code == 0
    project.use_instances(least=1)
    project.runs.keep("2", PLAIN, as_of="2030-01-01")
    assert project.deploy().exit_code == 0
    serverless, instances = called(project, "CreateEndpointConfig")
    (variant,) = serverless["ProductionVariants"]
    assert variant["ServerlessConfig"]["ProvisionedConcurrency"] == 1
    assert "ContainerStartupHealthCheckTimeoutInSeconds" not in variant
    (variant,) = instances["ProductionVariants"]
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 180
    assert called(project, "CreateModel")[1]["PrimaryContainer"]["Environment"] == {}


def called(project: Project, operation: str) -> list[dict[str, Any]]:
    """The parameters of the calls of an operation, the oldest first."""
    calls = project.cloud.calls()
    return [call["parameters"] for call in calls if call["operation"] == operation]


def test_two_deployments_exclude_each_other(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.5)
    project.runs.keep("1", PLAIN)
    with project.target().locked():
        for command in (project.deploy, project.roll_back):
            with pytest.raises(
                UserError, match=r"@.*, process \d+ has been deploying to .* since 20"
            ):
                command()
    assert project.deploy().name == "released"


def test_who_lost_the_lease_changes_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 3600.0)  # a laptop that slept
    monkeypatch.setattr(lease, "LEASE_SECONDS", 2.0)
    project.runs.keep("1", PLAIN)
    slept = project.target()
    project.cloud.forget()
    with pytest.raises(CloudError, match=r"could not be renewed for 2 s"), slept.locked():
        lease.time.sleep(3)
        with project.target().locked():
            slept.update(tmp_path)
    assert project.made() == []
