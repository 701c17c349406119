"""What AWS can refuse or fail at: the champion serves, and a sentence says what to do."""

import copy
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.config import Config
from bundles import BETTER, PLAIN
from releasing import Project
from smallboat.aws import aws
from smallboat.errors import CloudError, ReleaseError, UserError
from smallboat.problem import Problem
from smallboat.release import progress, smoke_tests
from smallboat.release.targets import archives, hosting


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, hasty: None) -> None:
    """Clients that try twice and soon give up."""
    options = Config(
        connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}
    )
    monkeypatch.setattr(aws, "options", lambda: options)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    monkeypatch.setattr(progress, "START_SECONDS", 3.0)


@pytest.fixture
def champion(project: Project, impatient: None) -> Project:
    """A project whose run 1 serves, and whose run 2 has newer features."""
    project.runs.keep("1", PLAIN)
    project.deploy()
    assert project.served() == ("1", "1")
    project.runs.keep("2", PLAIN, as_of="2030-01-01")
    return project


DENIED = {"status": 400, "code": "AccessDeniedException", "message": "not authorized to do it"}
REFUSED = [
    (
        ("sagemaker", "CreateModel"),
        {"status": 400, "code": "ThrottlingException"},
        "throttles these calls: repeat the command in a minute",
    ),
    (
        ("sagemaker", "CreateModel"),
        DENIED,
        "no permission for CreateModel: not authorized to do it; `make bootstrap`",
    ),
    (
        ("sagemaker", "CreateEndpointConfig"),
        {"status": 503, "code": "ServiceUnavailable"},
        r"AWS failed at CreateEndpointConfig \(ServiceUnavailable\): repeat the command",
    ),
    (
        ("sagemaker", "UpdateEndpoint"),
        {"status": 400, "code": "ExpiredTokenException"},
        "credentials have expired: sign in again",
    ),
    (
        ("sagemaker-runtime", "InvokeEndpoint"),
        {"status": 503, "code": "ServiceUnavailable"},
        "AWS failed at InvokeEndpoint",
    ),
    (
        ("sagemaker-runtime", "InvokeEndpoint"),
        {"status": 429, "code": "ModelNotReadyException"},
        "the endpoint's model does not start: read its log",
    ),
    (
        ("sagemaker", "AddTags"),
        {"status": 500, "code": "InternalFailure"},
        "AWS failed at AddTags",
    ),
]


def test_what_aws_refuses_leaves_the_champion(champion: Project) -> None:
    champion.runs.keep("3", BETTER)
    for call, error, message in REFUSED:
        champion.cloud.fail(*call, times=1000, **error)
        with pytest.raises(CloudError, match=message):
            champion.deploy()
        champion.cloud.heal()
        assert champion.served() == ("1", "1")
    assert len(champion.history()) == 1
    assert champion.deploy().exit_code == 0
    assert champion.served() == ("3", "3")


def test_a_fault_that_passes_is_not_noticed(champion: Project) -> None:
    cloud = champion.cloud
    cloud.fail("s3", "PutObject", status=503, code="SlowDown")
    for operation in ("CreateModel", "CreateEndpointConfig", "UpdateEndpoint", "DescribeEndpoint"):
        cloud.fail("sagemaker", operation)
    cloud.fail("sagemaker-runtime", "InvokeEndpoint", status=500)
    cloud.fail("sagemaker-runtime", "InvokeEndpoint", status=429, code="ModelNotReadyException")
    assert champion.deploy().exit_code == 0
    assert champion.served() == ("1", "2")


def test_what_can_not_be_taken_back_is_by_the_same_command(
    champion: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(problem: Problem, name: str, *_: Any) -> None:
        if name == "post-switch check":
            champion.cloud.fail("sagemaker", "UpdateEndpoint", times=2)
            raise ReleaseError("it is wrong")

    with monkeypatch.context() as patch:
        patch.setattr(smoke_tests, "check", away)
        with pytest.raises(CloudError, match="may serve an unconfirmed release: rerun the command"):
            champion.deploy()
    assert champion.served() == ("1", "2")
    with champion.target().locked():
        assert champion.served() == ("1", "1")


def without_region(project: Project) -> None:
    project.values["project"]["aws_region"] = ""


def in_a_wrong_region(project: Project) -> None:
    project.values["project"]["aws_region"] = "eu west"


def without_image(project: Project) -> None:
    project.image = project.image[:-8] + "00000000"


def in_another_account(project: Project) -> None:
    project.values["aws"]["account"] = "210987654321"


def away(project: Project) -> None:
    os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"


def without_credentials(project: Project) -> None:
    del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]


WRONG = [
    (without_region, UserError, "project.aws_region is missing"),
    (in_a_wrong_region, UserError, "project.aws_region = 'eu west' is wrong"),
    (without_image, CloudError, "did not take .*00000000. does not exist"),
    (in_another_account, UserError, "these credentials are of 123456789012"),
    (without_credentials, CloudError, "there are no AWS credentials: `aws configure sso`"),
    (away, CloudError, "AWS can't be reached .* check the network"),
]


def test_what_is_wrong_here_leaves_the_champion(champion: Project) -> None:
    for wrong, kind, message in WRONG:
        right, variables = copy.deepcopy(champion.values), dict(os.environ)
        image = champion.image
        wrong(champion)
        with pytest.raises(kind, match=message):
            champion.deploy()
        champion.values, champion.image = right, image
        os.environ.update(variables)
        assert champion.served() == ("1", "1")


def test_a_region_that_is_not_there(champion: Project) -> None:
    code = """
from smallboat.aws import aws
from smallboat.config import config
from toy.problem import PROBLEM
values = config.parse(PROBLEM, open("config/staging.toml").read())
values["project"]["aws_region"] = "eu-wset-1"
try:
    aws.Environment(config.check(values)).session
except aws.CloudError as error:
    print(error)
"""
    url = os.environ.keys() & {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"}
    variables = {name: value for name, value in os.environ.items() if name not in url}
    message = subprocess.check_output([sys.executable, "-c", code], env=variables, text=True)
    assert "sts.eu-wset-1.amazonaws.com" in message and "check the network and project." in message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"cut": True, "times": 2}, "AWS can't be reached"),
        ({"status": 403, "code": "AccessDenied"}, "no permission for PutObject"),
    ],
    ids=["cut off", "denied"],
)
def test_an_upload_that_fails_leaves_nothing(
    champion: Project, monkeypatch: pytest.MonkeyPatch, error: dict[str, Any], message: str
) -> None:
    upload, before = archives.upload, champion.archives()

    def failing(*words: Any) -> str:
        champion.cloud.fail("s3", "PutObject", **error)
        return upload(*words)

    with monkeypatch.context() as patch:
        patch.setattr(archives, "upload", failing)
        with pytest.raises(CloudError, match=message):
            champion.deploy()
    champion.cloud.heal()
    assert champion.archives() == before
    assert champion.served() == ("1", "1")
    assert champion.deploy().exit_code == 0
    assert champion.served() == ("1", "2")


def test_a_container_that_does_not_start_fails_its_run_only(
    project: Project, impatient: None
) -> None:
    project.runs.keep("1", PLAIN)
    project.runs.keep("2", PLAIN, onnx=b"no graph")
    assert project.deploy().name == "released"
    assert project.served() == ("1", "1")
    project.runs.keep("3", BETTER, onnx=b"no graph")
    outcome = project.deploy()
    assert outcome.name == "failed" and "did not pass the ping health check" in outcome.message
    assert project.served() == ("1", "1")
    statuses = [each["EndpointStatus"] for each in endpoints(project)]
    assert statuses == ["InService"]


def endpoints(project: Project) -> list[dict[str, Any]]:
    """Those that there are."""
    found: list[dict[str, Any]] = project.cloud.client("sagemaker").list_endpoints()["Endpoints"]
    return found


def test_a_way_back_without_a_reason_is_the_models_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an alarm: SageMaker gives a reason to an endpoint that failed only."""
    back = {"EndpointStatus": "InService", "EndpointConfigName": "before"}
    monkeypatch.setattr(hosting.Hosting, "wait", lambda _: back)
    env: Any = SimpleNamespace(endpoint="e")
    unasked: Any = None
    with pytest.raises(ReleaseError, match="did not take after and is InService"):
        hosting.Hosting(env, unasked)._check("after")
