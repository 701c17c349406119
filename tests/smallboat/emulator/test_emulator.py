"""What the emulator adds for all services: calls are kept, can fail, and nothing leaves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
import requests
from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError
from clouds import Cloud, python

Json = dict[str, Any]
BUCKET = "emulator-test"
KEY = "some-object"
SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20261121/eu-west-1/nothing/aws4_request, Signature=s"
ROLE = "arn:aws:iam::123456789012:role/some-role"


@pytest.fixture(scope="module")
def bucket(cloud: Cloud) -> Iterator[str]:
    """A bucket with an object."""
    cloud.reset()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"some bytes")
    yield BUCKET
    cloud.reset()


def test_a_conditional_write_comes_first_once(cloud: Cloud, bucket: str) -> None:
    s3 = cloud.client("s3")

    def write(number: int) -> bool:
        try:
            s3.put_object(Bucket=BUCKET, Key="lease", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(24))) == 1
    old = s3.head_object(Bucket=BUCKET, Key="lease")["ETag"]
    s3.put_object(Bucket=BUCKET, Key="lease", Body=b"new", IfMatch=old)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=BUCKET, Key="lease", Body=b"newer", IfMatch=old)


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("sagemaker", "ListEndpoints", {}),
        ("dynamodb", "ListTables", {}),
        ("iam", "ListRoles", {}),
        ("cloudformation", "ListStacks", {}),
        ("cloudwatch", "DescribeAlarms", {}),
        ("ec2", "DescribeVpcs", {}),
        ("s3", "GetObject", {"Bucket": BUCKET, "Key": KEY}),
        ("lambda", "ListFunctions", {}),
        ("apigateway", "GetRestApis", {}),
        ("sagemaker-runtime", "InvokeEndpoint", {"EndpointName": "e", "Body": b""}),
    ],
)
def test_a_call_fails_as_it_is_told_to(
    cloud: Cloud, bucket: str, service: str, operation: str, parameters: Json
) -> None:
    call = getattr(cloud.client(service), xform_name(operation))
    cloud.forget()
    cloud.fail(service, operation, status=403, code="SlowDown", message="not so fast")
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    told = caught.value.response
    assert (told["Error"]["Code"], told["Error"]["Message"]) == ("SlowDown", "not so fast")
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 403
    if service != "sagemaker-runtime":
        call(**parameters)
    for each in cloud.calls():
        assert (each["service"], each["operation"]) == (service, operation)
        assert each["principal"] == "testing"


def test_a_call_without_a_body_to_read_fails_by_its_status(cloud: Cloud, bucket: str) -> None:
    cloud.fail("s3", "HeadObject", status=503, code="SlowDown")
    with pytest.raises(ClientError, match="503"):
        cloud.client("s3").head_object(Bucket=BUCKET, Key=KEY)


def test_an_upload_is_cut_off(cloud: Cloud, bucket: str) -> None:
    s3 = cloud.client("s3")
    cloud.fail("s3", "PutObject", cut=True)
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket=BUCKET, Key="cut", Body=b"x" * 2**22)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=BUCKET, Key="cut")


def test_calls_are_kept_with_what_they_name_and_who_calls(cloud: Cloud, bucket: str) -> None:
    cloud.forget()
    role = cloud.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="session")["Credentials"]
    boto3.client(
        "s3",
        region_name=cloud.region,
        endpoint_url=cloud.url,
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
    ).list_objects_v2(Bucket=BUCKET, Prefix="a/b")
    requests.get(f"{cloud.url}/some/path", headers={"Authorization": SIGNED})
    assumed, listed, unknown = cloud.calls()
    assert (unknown["service"], unknown["operation"]) == ("nothing", "GET /some/path")
    assert (assumed["operation"], assumed["parameters"]["RoleArn"]) == ("AssumeRole", ROLE)
    assert (listed["operation"], listed["principal"]) == ("ListObjectsV2", "some-role")
    assert listed["parameters"] == {"Bucket": BUCKET, "Prefix": "a/b"} | listed["parameters"]


def test_the_guard_keeps_a_process_on_this_machine(cloud: Cloud) -> None:
    code = """
import socket, urllib.request
for what in (
    lambda: socket.create_connection(("192.0.2.1", 80), 1),
    lambda: socket.getaddrinfo("sts.amazonaws.com", 443),
    lambda: urllib.request.urlopen("http://example.org"),
    lambda: socket.socket(socket.AF_INET6).connect_ex(("2001:db8::1", 80)),
):
    try:
        what()
    except OSError as error:
        assert "the guard refuses" in str(error), error
    else:
        raise SystemExit("it went out")
urllib.request.urlopen("%s/_emulator/calls").read()
"""
    done = python(code % cloud.url, cloud.environ)
    assert done.returncode == 0, done.stderr
