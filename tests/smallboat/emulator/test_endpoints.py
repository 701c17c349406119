"""SageMaker's endpoints with real containers, by AWS's own clients."""

import io
import json
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bundles
import pytest
import requests
from botocore.exceptions import ClientError, ReadTimeoutError
from clouds import Cloud
from smallboat.aws import captures
from smallboat.store import release_bundle

Json = dict[str, Any]
BUCKET, REPOSITORY = "emulator-test", "emulator-test"
ROLE = "arn:aws:iam::123456789012:role/some-role"
VARIANT = {
    "VariantName": "AllTraffic",
    "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5},
}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"digest": "sha256:1", "size": 1},
    "layers": [],
}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Archives of two releases, and what is none."""
    runs = bundles.empty(tmp_path_factory.mktemp("store"))
    folders = {"first": runs.keep("1", bundles.PLAIN), "second": runs.keep("2", bundles.BETTER)}
    made = {
        name: _release(folder, tmp_path_factory.mktemp(name)) for name, folder in folders.items()
    }
    return {**made, "none": b"no archive"}


@pytest.fixture(scope="module")
def image(cloud: Cloud, releases: dict[str, bytes]) -> Iterator[str]:
    """A bucket with the releases, and an image; its address."""
    cloud.reset()
    s3, ecr = cloud.client("s3"), cloud.client("ecr")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    for name, content in releases.items():
        s3.put_object(Bucket=BUCKET, Key=f"{name}.tar.gz", Body=content)
    ecr.create_repository(repositoryName=REPOSITORY)
    image = ecr.put_image(repositoryName=REPOSITORY, imageManifest=json.dumps(MANIFEST))["image"]
    registry = f"123456789012.dkr.ecr.{cloud.region}.amazonaws.com"
    yield f"{registry}/{REPOSITORY}@{image['imageId']['imageDigest']}"
    cloud.reset()


@pytest.fixture
def make(cloud: Cloud, image: str) -> Callable[..., str]:
    """Makes a model and a configuration of it, by the name of a release."""

    def configuration(name: str, release: str, **changed: Any) -> str:
        sagemaker = cloud.client("sagemaker")
        url = f"s3://{BUCKET}/{release}.tar.gz"
        container = {"Image": image, "ModelDataUrl": url} | changed
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[VARIANT | {"ModelName": name}]
        )
        return name

    return configuration


@pytest.fixture(scope="module")
def served(cloud: Cloud, image: str) -> Iterator[str]:
    """An endpoint in service with the first release, for tests that leave it as it is.

    At their end a reset leaves nothing of it.
    """
    sagemaker = cloud.client("sagemaker")
    container = {"Image": image, "ModelDataUrl": f"s3://{BUCKET}/first.tar.gz"}
    sagemaker.create_model(ModelName="served", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    few = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    variant = VARIANT | {"ModelName": "served", "ServerlessConfig": few}
    sagemaker.create_endpoint_config(EndpointConfigName="served", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="served", EndpointConfigName="served")
    assert _settled(cloud, "served")["EndpointStatus"] == "InService"
    yield "served"
    _asked(cloud, "served")
    cloud.reset()
    assert cloud.client("s3").list_buckets()["Buckets"] == []
    with pytest.raises(ClientError, match="not found"):
        _asked(cloud, "served")


def test_an_update_fails_no_request(cloud: Cloud, make: Callable[..., str]) -> None:
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName=make("e-1", "first"))
    assert sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating"
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        _asked(cloud, "e")
    assert _settled(cloud, "e")["EndpointStatus"] == "InService"
    first = _asked(cloud, "e")["release"]["release"]
    seen, stop = [first], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            seen.append(_asked(cloud, "e")["release"]["release"])

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            sagemaker.update_endpoint(
                EndpointName="e",
                EndpointConfigName=make("e-2", "second"),
                RetainAllVariantProperties=False,
                DeploymentConfig={
                    "BlueGreenUpdatePolicy": {
                        "TrafficRoutingConfiguration": {
                            "Type": "ALL_AT_ONCE",
                            "WaitIntervalInSeconds": 0,
                        }
                    }
                },
            )
            now = sagemaker.describe_endpoint(EndpointName="e")
            assert (now["EndpointStatus"], now["EndpointConfigName"]) == ("Updating", "e-1")
            assert now["PendingDeploymentSummary"]["EndpointConfigName"] == "e-2"
            with pytest.raises(ClientError, match="in-progress"):
                sagemaker.delete_endpoint(EndpointName="e")
            then = _settled(cloud, "e")
            last = _asked(cloud, "e")["release"]["release"]
        finally:
            stop.set()
        for each in asking:
            each.result()
    assert then["EndpointConfigName"] == "e-2"
    assert last != first
    assert {first, last} == set(seen)
    sagemaker.delete_endpoint(EndpointName="e")
    with pytest.raises(ClientError, match=r"ValidationError.*not found"):
        _asked(cloud, "e")


@pytest.mark.parametrize(
    ("release", "changed", "reason"),
    [
        ("missing", {}, "Failed to download model data"),
        ("none", {}, "Failed to extract model data"),
        ("first", {"Environment": {"MODEL_HOST": "203.0.113.1"}}, "can't listen on 203.0.113.1"),
        ("first", {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/r:1"}, "does not exist"),
    ],
)
def test_what_can_not_start_fails(
    cloud: Cloud,
    make: Callable[..., str],
    served: str,
    release: str,
    changed: Json,
    reason: str,
) -> None:
    name = make(f"bad-{abs(hash((release, str(changed))))}", release, **changed)
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="bad", EndpointConfigName=name)
    failed = _settled(cloud, "bad")
    assert failed["EndpointStatus"] == "Failed"
    assert reason in failed["FailureReason"]
    sagemaker.delete_endpoint(EndpointName="bad")
    before = _asked(cloud, served)
    sagemaker.update_endpoint(EndpointName=served, EndpointConfigName=name)
    kept = _settled(cloud, served)
    assert (kept["EndpointStatus"], kept["EndpointConfigName"]) == ("InService", "served")
    assert reason in kept["FailureReason"]
    assert _asked(cloud, served) == before


def test_an_endpoint_of_instances_stays_one(cloud: Cloud, make: Callable[..., str]) -> None:
    sagemaker, name = cloud.client("sagemaker"), make("i", "first")
    variant = {"VariantName": "V", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName="i-instances", ProductionVariants=[variant | {"ModelName": name}]
    )
    sagemaker.create_endpoint(EndpointName="i", EndpointConfigName="i-instances")
    (serving,) = _settled(cloud, "i")["ProductionVariants"]
    assert (serving["VariantName"], serving["CurrentInstanceCount"]) == ("V", 1)
    with pytest.raises(ClientError, match="become serverless"):
        sagemaker.update_endpoint(EndpointName="i", EndpointConfigName=name)
    sagemaker.delete_endpoint(EndpointName="i")


def test_an_endpoint_of_instances_captures_its_answers(
    cloud: Cloud, make: Callable[..., str]
) -> None:
    sagemaker, name = cloud.client("sagemaker"), make("c", "first")
    variant = {"VariantName": "V", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName="captured",
        ProductionVariants=[variant | {"ModelName": name}],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/capture/",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        },
    )
    sagemaker.create_endpoint(EndpointName="captured", EndpointConfigName="captured")
    _settled(cloud, "captured")
    runtime, s3 = cloud.client("sagemaker-runtime"), cloud.client("s3")
    example = json.loads(_invoked(runtime, {"describe": True}))["example"]
    answer = _invoked(runtime, {"requests": [example], "captured": {"redact": []}})
    with pytest.raises(ClientError, match="422"):
        _invoked(runtime, {"requests": [{}]})
    keys = [
        each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="capture/")["Contents"]
    ]
    assert all(re.fullmatch(r"capture/captured/V/(\d\d+/){4}[\w-]+\.jsonl", key) for key in keys)
    lines = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
    (told,) = [json.loads(record) for line in lines for record in captures.as_captured(line)]
    result = json.loads(answer)["results"][0]
    assert (told["request"], told["predictions"]) == (example, result["predictions"])
    assert told["inputs"] == result["captured"]["inputs"]
    sagemaker.delete_endpoint(EndpointName="captured")


def _invoked(runtime: Any, body: Json) -> str:
    answer = runtime.invoke_endpoint(
        EndpointName="captured", ContentType="application/json", Body=json.dumps(body)
    )
    return str(answer["Body"].read().decode())


def test_names_and_what_they_name_are_checked(
    cloud: Cloud, make: Callable[..., str], served: str
) -> None:
    sagemaker = cloud.client("sagemaker")
    make("one", "first")
    with pytest.raises(ClientError, match=r"ValidationException.*already existing model"):
        make("one", "first")
    with pytest.raises(ClientError, match="already existing endpoint configuration"):
        sagemaker.create_endpoint_config(
            EndpointConfigName="one", ProductionVariants=[VARIANT | {"ModelName": "one"}]
        )
    with pytest.raises(ClientError, match="already existing endpoint"):
        sagemaker.create_endpoint(EndpointName=served, EndpointConfigName="one")
    with pytest.raises(ClientError, match="regular expression"):
        sagemaker.create_endpoint(EndpointName="no_dashes", EndpointConfigName="one")
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find"):
        sagemaker.create_endpoint(EndpointName="two", EndpointConfigName="two")
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.update_endpoint(EndpointName="two", EndpointConfigName="one")
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.update_endpoint(EndpointName=served, EndpointConfigName="two")


def test_the_runtime_hands_on_what_a_container_refuses(cloud: Cloud, served: str) -> None:
    with pytest.raises(ClientError) as caught:
        _asked(cloud, served, {"requests": []})
    told = caught.value.response
    assert told["Error"]["Code"] == "ModelError"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert told["OriginalStatusCode"] == 422
    assert json.loads(told["OriginalMessage"])["error"]["code"] == "invalid"
    with pytest.raises(ClientError, match=r"ValidationError.*exceeds"):
        _asked(cloud, served, {"requests": "x" * 2**22})
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=served, Body=b'{"describe": true}', ContentType="application/json"
    )
    assert answer["InvokedProductionVariant"] == "AllTraffic"


@pytest.fixture
def cold(cloud: Cloud) -> Iterator[Callable[..., None]]:
    """Lets endpoints sleep, and sets how cold they are, until the end of the test."""
    yield cloud.sleep
    cloud.sleep()


def _codes(cloud: Cloud, endpoint: str, together: int) -> list[tuple[str, float]]:
    """The codes, or "" of answers, of requests at the same time, and the seconds of each."""

    def ask(_: int) -> tuple[str, float]:
        started, code = time.monotonic(), ""
        try:
            _asked(cloud, endpoint)
        except ClientError as error:
            code = error.response["Error"]["Code"]
        return code, time.monotonic() - started

    with ThreadPoolExecutor(together) as threads:
        return sorted(threads.map(ask, range(together)))


def test_a_request_waits_for_a_container_that_starts(
    cloud: Cloud, served: str, cold: Callable[..., None]
) -> None:
    cold(start_seconds=1.0)
    ((code, seconds),) = _codes(cloud, served, 1)
    assert (code, seconds >= 1.0) == ("", True)
    assert _codes(cloud, served, 1)[0][1] < 1.0
    assert cloud.starts() == 1
    cold(start_seconds=1.0, idle_seconds=0.2)
    for starts in (1, 2):
        assert _codes(cloud, served, 1)[0][1] >= 1.0
        assert cloud.starts() == starts
        time.sleep(0.5)


def test_more_requests_than_containers_are_throttled(
    cloud: Cloud, served: str, cold: Callable[..., None]
) -> None:
    cold(start_seconds=1.5)
    answered = _codes(cloud, served, 4)
    assert [code for code, _ in answered] == ["", "", "ThrottlingException", "ThrottlingException"]
    assert all((seconds >= 1.5) == (code == "") for code, seconds in answered)
    assert cloud.starts() == 2
    assert _codes(cloud, served, 1)[0][0] == ""


def test_a_container_that_starts_for_too_long_is_not_ready_and_starts_on(
    cloud: Cloud, served: str, cold: Callable[..., None]
) -> None:
    cold(start_seconds=1.5, answer_seconds=0.3)
    codes = [_codes(cloud, served, 1)[0][0] for _ in range(3)]
    assert codes == ["ModelNotReadyException", "ModelNotReadyException", "ThrottlingException"]
    time.sleep(1.5)
    assert _codes(cloud, served, 1)[0][0] == ""
    assert cloud.starts() == 2


def test_a_client_that_leaves_keeps_its_container(
    cloud: Cloud, served: str, cold: Callable[..., None]
) -> None:
    cold(start_seconds=2.0)
    hasty = cloud.client("sagemaker-runtime", read_timeout=0.3)
    for _ in range(2):
        with pytest.raises(ReadTimeoutError):
            hasty.invoke_endpoint(
                EndpointName=served, Body=b'{"describe": true}', ContentType="application/json"
            )
    assert _codes(cloud, served, 1)[0][0] == "ThrottlingException"


def test_how_cold_it_is_has_known_names(cloud: Cloud) -> None:
    answer = requests.post(f"{cloud.url}/_emulator/sleep", json={"seconds": 1}, timeout=9)
    assert (answer.status_code, "seconds" in answer.json()["error"]) == (400, True)


def _release(run: Path, folder: Path) -> bytes:
    bundle = release_bundle.read(run)
    release_bundle.write(folder, bundle, bundle)
    return _archive({path.name: path.read_bytes() for path in folder.iterdir()})


def _archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _asked(cloud: Cloud, endpoint: str, question: Any = None) -> Json:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint,
        Body=json.dumps(question or {"describe": True}),
        ContentType="application/json",
    )
    content: Json = json.loads(answer["Body"].read())
    return content


def _settled(cloud: Cloud, endpoint: str) -> Json:
    """What the endpoint is described as, once it stays as it is."""
    sagemaker = cloud.client("sagemaker")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        told: Json = sagemaker.describe_endpoint(EndpointName=endpoint)
        if told["EndpointStatus"] not in ("Creating", "Updating"):
            return told
        time.sleep(0.05)
    raise AssertionError(told)
