"""What boto3's client did for the API, now that requests are signed and sent without it."""

import json
import socket
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, NoCredentialsError
from model_stub import EXAMPLE, Model
from sent_requests import sent, text
from smallboat.serving.api import sagemaker_runtime
from smallboat.serving.api.sagemaker_runtime import (
    NotReadyError,
    SageMakerError,
    SageMakerRuntime,
)
from smallboat.serving.api.settings import Settings

BODY = json.dumps({"requests": [EXAMPLE]}).encode()
ON_LAMBDA = Settings("an endpoint", region="eu-west-1", on_lambda=True)


@pytest.fixture
def local(model: Model) -> SageMakerRuntime:
    """Of the stub, as on this machine."""
    return SageMakerRuntime(Settings("endpoint", model_url=model.url, timeout=0.3))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before second tries, in seconds; none is made."""
    made: list[float] = []
    monkeypatch.setattr(sagemaker_runtime, "time", SimpleNamespace(sleep=made.append))
    return made


def test_the_request_is_the_one_that_boto3_sends(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = boto3.Session().client("sagemaker-runtime", "eu-west-1", config=once)
    asked = {"EndpointName": "an endpoint", "Body": BODY, "CustomAttributes": "id-1"}
    types = {"ContentType": "application/json", "Accept": "application/json"}
    theirs = sent(monkeypatch, lambda: client.invoke_endpoint(**asked, **types))
    ours = sent(monkeypatch, lambda: SageMakerRuntime(ON_LAMBDA).invoke(BODY, "id-1"))
    assert (ours.method, ours.url, ours.body) == (theirs.method, theirs.url, theirs.body)
    same = ["Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "X-Amz-Security-Token"]
    for name in [*same, "Content-Length"]:
        assert text(ours.headers[name]) == text(theirs.headers[name]), name
    scopes = [text(each.headers["Authorization"]).split(",")[0] for each in (ours, theirs)]
    assert scopes[0] == scopes[1] and scopes[0].endswith("/eu-west-1/sagemaker/aws4_request")


@pytest.mark.parametrize(
    ("addresses", "url"),
    [
        ({}, "https://runtime.sagemaker.eu-west-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL": "http://here:1/"}, "http://here:1"),
        ({"AWS_ENDPOINT_URL": "http://here:1", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "https://there"},
         "https://there"),
    ],
)  # fmt: skip
def test_the_address_is_the_regions_or_the_configured_one(
    monkeypatch: pytest.MonkeyPatch, addresses: dict[str, str], url: str
) -> None:
    known = {"ENDPOINT_NAME": "e", "AWS_REGION": "eu-west-1", "AWS_LAMBDA_FUNCTION_NAME": "f"}
    runtime = SageMakerRuntime(Settings.from_environment(known | addresses))
    request = sent(monkeypatch, lambda: runtime.invoke(BODY))
    assert request.url == f"{url}/endpoints/e/invocations"


def test_credentials_are_read_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = SageMakerRuntime(ON_LAMBDA)
    for key, token in (("first", "one"), ("second", "two")):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        headers = sent(monkeypatch, lambda: runtime.invoke(BODY)).headers
        assert f"Credential={key}/" in text(headers["Authorization"])
        assert text(headers["X-Amz-Security-Token"]) == token


def test_credentials_come_from_wherever_boto3_finds_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    elsewhere = Settings("endpoint", region="eu-west-1")
    with pytest.raises(NoCredentialsError):
        SageMakerRuntime(elsewhere).invoke(BODY)
    file.write_text("[default]\naws_access_key_id = filed\naws_secret_access_key = secret\n")
    headers = sent(monkeypatch, lambda: SageMakerRuntime(elsewhere).invoke(BODY)).headers
    assert "Credential=filed/" in text(headers["Authorization"])


def test_on_this_machine_nothing_is_signed_or_sent_to_a_proxy(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    SageMakerRuntime(Settings("endpoint", model_url=model.url)).invoke(BODY)
    assert "Authorization" not in model.headers[-1]


def test_a_function_behind_a_proxy_uses_it(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", model.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    nowhere = Settings("endpoint", model_url="http://nowhere.example", on_lambda=True)
    assert b"predictions" in SageMakerRuntime(nowhere).invoke(BODY)
    assert model.headers[-1]["Host"] == "nowhere.example"


def test_the_authorities_are_those_of_the_configured_file(
    model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    secure = Settings("endpoint", model_url=f"https{model.url[4:]}", on_lambda=True)
    with pytest.raises(BotoCoreError, match=r"missing\.pem|No such file|certificate"):
        SageMakerRuntime(secure).invoke(BODY)


@pytest.mark.parametrize(
    ("failure", "second"),
    [
        ((500, b"", ""), True),
        ((502, b"<html>", ""), True),
        ((503, b"{}", "ServiceUnavailable:http://internal.amazon.com/"), True),
        ((504, b"[]", ""), True),
        ((400, b"{}", "ThrottlingException"), True),
        ((400, b'{"__type": "com.amazon#ThrottlingException"}', ""), True),
        ((429, b'{"code": "TooManyRequestsException"}', ""), True),
        ((400, b"{}", "ValidationError"), False),
        ((403, b'{"message": "no"}', "AccessDeniedException"), False),
        ((424, b'{"OriginalStatusCode": 422, "OriginalMessage": "{}"}', "ModelError"), False),
        ((429, b"{}", "ModelNotReadyException"), False),
    ],
)
def test_a_second_try_follows_an_error_that_may_pass(
    local: SageMakerRuntime,
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
    failure: tuple[int, bytes, str],
    second: bool,
) -> None:
    pauses: list[float] = []

    def recover(seconds: float) -> None:
        pauses.append(seconds)
        model.failure = None

    monkeypatch.setattr(sagemaker_runtime, "time", SimpleNamespace(sleep=recover))
    model.failure = failure
    if second:
        assert b"predictions" in local.invoke(BODY)
        assert 0 <= pauses[0] < 1
    else:
        with pytest.raises((SageMakerError, NotReadyError)):
            local.invoke(BODY)
    assert len(model.headers) == 1 + second


def test_an_error_keeps_its_code_and_its_members(local: SageMakerRuntime, model: Model) -> None:
    content = {"OriginalStatusCode": 422, "OriginalMessage": "{}", "Message": "no"}
    model.failure = (424, json.dumps(content).encode(), "ModelError:http://a.example/")
    with pytest.raises(SageMakerError, match="424 ModelError") as refused:
        local.invoke(BODY)
    assert (refused.value.code, refused.value.content) == ("ModelError", content)


def test_a_late_answer_and_a_closed_connection_have_a_second_try(
    local: SageMakerRuntime, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recover(_: float) -> None:
        model.delay = 0.0

    model.delay = 2.0
    monkeypatch.setattr(sagemaker_runtime, "time", SimpleNamespace(sleep=recover))
    assert b"predictions" in local.invoke(BODY)
    assert len(model.headers) == 2
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def accept_and_close(_: float = 0) -> None:
            server.accept()[0].close()

        monkeypatch.setattr(sagemaker_runtime, "time", SimpleNamespace(sleep=accept_and_close))
        with pytest.raises(BotoCoreError):
            SageMakerRuntime(Settings("endpoint", model_url=url, timeout=0.2)).invoke(BODY)


def test_a_connection_that_is_never_made_ends(pauses: list[float]) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # its queue has place for one
            url = f"http://127.0.0.1:{full.getsockname()[1]}"
            with pytest.raises(ConnectTimeoutError):
                SageMakerRuntime(Settings("endpoint", model_url=url, timeout=0.2)).invoke(BODY)
    assert len(pauses) == 1


def test_a_model_that_fails_all_the_time_is_not_asked_twice_each_time(
    local: SageMakerRuntime, model: Model, pauses: list[float]
) -> None:
    model.failure = (503, b"{}", "")
    for _ in range(120):
        with pytest.raises(SageMakerError):
            local.invoke(BODY)
    assert (len(model.headers), len(pauses)) == (220, 100)
    model.failure = None
    for _ in range(sagemaker_runtime.RETRY_COST):
        local.invoke(BODY)
    model.failure = (503, b"{}", "")
    with pytest.raises(SageMakerError):
        local.invoke(BODY)
    assert len(pauses) == 101
