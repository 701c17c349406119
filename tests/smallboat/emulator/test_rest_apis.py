"""REST APIs before functions, by AWS's own clients and over HTTP."""

import io
import json
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventModel
from clouds import Cloud

Json = dict[str, Any]
CODE = """
import json, os, time

def handler(event, context):
    match event["path"]:
        case "/raise":
            raise ValueError("on purpose")
        case "/exit":
            os._exit(1)
        case "/sleep":
            time.sleep(20)
        case "/nap":
            time.sleep(1)
    told = dict(event, pid=os.getpid(), variables=dict(os.environ))
    return dict(statusCode=200, body=json.dumps(told))
"""


@pytest.fixture(autouse=True, scope="module")
def empty(cloud: Cloud) -> Iterator[None]:
    """Leave no function behind."""
    cloud.reset()
    yield
    cloud.reset()


def test_a_rest_api_asks_its_function(cloud: Cloud) -> None:
    url = _api(cloud, "echo")
    echoed = requests.post(f"{url}/things/one?a=1&a=2", data="{}", headers={"X-Some": "x"}).json()
    assert echoed["path"] == "/things/one"
    assert echoed["requestContext"]["path"] == "/prod/things/one"
    assert echoed["pathParameters"] == {"proxy": "things/one"}
    assert echoed["queryStringParameters"] == {"a": "2"}
    assert echoed["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert echoed["headers"]["X-Some"] == "x"
    assert echoed["body"] == "{}"
    bare = requests.get(f"{url}/things").json()
    assert [bare[name] for name in ("queryStringParameters", "stageVariables", "body")] == [
        None
    ] * 3
    for told in (echoed, bare):  # as AWS's own toolkit for functions models it
        APIGatewayProxyEventModel.model_validate(told)
    assert bare["pid"] == echoed["pid"]
    assert bare["variables"]["GREETING"] == "hello"
    assert bare["variables"]["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == cloud.url


def test_a_method_asks_for_a_key_of_its_usage_plan(cloud: Cloud) -> None:
    url = _api(cloud, "keyed")
    gateway = cloud.client("apigateway")
    api = url.split("/")[-2]
    plan = gateway.create_usage_plan(name="p", apiStages=[{"apiId": api, "stage": "prod"}])["id"]
    keys = [gateway.create_api_key(name=name, enabled=True) for name in ("in", "out")]
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=keys[0]["id"], keyType="API_KEY")
    statuses = [
        requests.get(f"{url}/predict", headers={"x-api-key": key}).status_code
        for key in ("", keys[1]["value"], keys[0]["value"])
    ]
    assert statuses == [403, 403, 200]
    assert requests.get(f"{url}/predict").json() == {"message": "Forbidden"}
    assert requests.get(f"{url[:-4]}test/predict").status_code == 403
    missing = requests.get(f"{url}/")
    assert (missing.status_code, missing.json()["message"]) == (403, "Missing Authentication Token")


def test_limits_of_methods_keys_and_days_are_kept(cloud: Cloud) -> None:
    url = _api(cloud, "limited")
    gateway, api = cloud.client("apigateway"), url.split("/")[-2]
    plan = gateway.create_usage_plan(
        name="l", apiStages=[{"apiId": api, "stage": "prod"}],
        throttle={"rateLimit": 0.001, "burstLimit": 3}, quota={"limit": 4, "period": "DAY"},
    )["id"]  # fmt: skip
    keys = [gateway.create_api_key(name=f"limited {n}", enabled=True) for n in range(2)]
    for key in keys:
        gateway.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    values = {"/*/*": 100, "/~1{proxy+}/GET": 2}
    gateway.update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": f"{path}/throttling/{kind}", "value": str(value)}
        for path, burst in values.items()
        for kind, value in (("burstLimit", burst), ("rateLimit", burst / 1000))
    ])  # fmt: skip
    assert [requests.get(f"{url}/a/{n}").status_code for n in range(3)] == [200, 200, 429]
    assert requests.post(f"{url}/a").status_code == 200  # another method has its own limit
    first, second = ({"x-api-key": key["value"]} for key in keys)
    asked = [requests.get(f"{url}/predict", headers=first) for _ in range(4)]
    assert [each.status_code for each in asked] == [200, 200, 200, 429]
    assert asked[3].json() == {"message": "Too Many Requests"}
    change = [{"op": "replace", "path": "/throttle/burstLimit", "value": "10"}]
    gateway.update_usage_plan(usagePlanId=plan, patchOperations=change)
    asked = [requests.get(f"{url}/predict", headers=second) for _ in range(5)]
    assert [each.status_code for each in asked] == [200, 200, 200, 200, 429]
    assert asked[4].json() == {"message": "Limit Exceeded"}


def test_events_at_the_same_time_have_a_process_each(cloud: Cloud) -> None:
    url = _api(cloud, "parallel")
    with ThreadPoolExecutor(3) as threads:
        pids = {each.json()["pid"] for each in threads.map(requests.get, [f"{url}/nap"] * 3)}
    assert len(pids) == 3
    assert requests.get(f"{url}/x").json()["pid"] in pids


def test_a_stack_has_the_parts_of_a_rest_api_and_takes_them_along(cloud: Cloud) -> None:
    stacks, gateway = cloud.client("cloudformation"), cloud.client("apigateway")
    arn = _function(cloud, "stacked")
    stacks.create_stack(StackName="api", TemplateBody=_template(cloud, arn, 5))
    (api,) = [each["id"] for each in gateway.get_rest_apis()["items"] if each["name"] == "stacked"]
    (key,) = gateway.get_api_keys(nameQuery="stacked", includeValues=True)["items"]
    url = f"{cloud.url}/_gateway/{api}/prod/predict"
    refused = requests.get(url)
    assert (refused.status_code, refused.json()) == (401, {"error": "send a key"})
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    answer = requests.get(url, headers={"x-api-key": key["value"]})
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "gzip")
    plain = {"x-api-key": key["value"], "Accept-Encoding": "identity"}
    assert "Content-Encoding" not in requests.get(url, headers=plain).headers
    assert "Content-Encoding" not in refused.headers  # as small as it is
    stacks.update_stack(StackName="api", TemplateBody=_template(cloud, arn, 6))
    (plan,) = [each for each in gateway.get_usage_plans()["items"] if each["name"] == "stacked"]
    assert plan["throttle"] == {"rateLimit": 6.0}
    assert requests.get(url, headers={"x-api-key": key["value"]}).status_code == 200
    stacks.delete_stack(StackName="api")
    left = gateway.get_rest_apis()["items"], gateway.get_api_keys()["items"]
    assert not [each for items in left for each in items if each["name"] == "stacked"]
    assert requests.get(url, headers={"x-api-key": key["value"]}).status_code == 403


def test_a_function_that_breaks_is_a_bad_gateway_until_new_code_comes(cloud: Cloud) -> None:
    url = _api(cloud, "broken", "import flask")
    assert requests.get(f"{url}/x").status_code == 502  # flask is installed, but not in the zip
    cloud.client("lambda").update_function_code(FunctionName="broken", ZipFile=_zip("import boto3"))
    assert requests.get(f"{url}/x").status_code == 200
    assert requests.get(f"{url}/raise").json() == {"message": "Internal server error"}
    assert requests.get(f"{url}/exit").status_code == 502
    assert requests.get(f"{url}/x").status_code == 200
    cloud.client("lambda").update_function_configuration(FunctionName="broken", Timeout=1)
    assert requests.get(f"{url}/sleep").status_code == 504


def _zip(first: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("echo.py", f"{first}\n{CODE}")
    return packed.getvalue()


def _function(cloud: Cloud, name: str, first: str = "") -> str:
    pytest.importorskip("awslambdaric", reason="AWS's runtime client is installed on Linux alone")
    iam, functions = cloud.client("iam"), cloud.client("lambda")
    role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    arn: str = functions.create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.13",
        Handler="echo.handler",
        Timeout=10,
        Code={"ZipFile": _zip(first)},
        Environment={"Variables": {"GREETING": "hello"}},
    )["FunctionArn"]
    return arn


def _integration(cloud: Cloud, arn: str) -> str:
    return f"arn:aws:apigateway:{cloud.region}:lambda:path/2015-03-31/functions/{arn}/invocations"


def _api(cloud: Cloud, name: str, first: str = "") -> str:
    """A REST API before a function; /predict asks for a key."""
    uri = _integration(cloud, _function(cloud, name, first))
    gateway = cloud.client("apigateway")
    api = gateway.create_rest_api(name=name)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    for part, keyed in (("{proxy+}", False), ("predict", True)):
        made = gateway.create_resource(restApiId=api, parentId=root, pathPart=part)["id"]
        where = {"restApiId": api, "resourceId": made, "httpMethod": "ANY"}
        gateway.put_method(**where, authorizationType="NONE", apiKeyRequired=keyed)
        gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=api, stageName="prod")
    return f"{cloud.url}/_gateway/{api}/prod"


def _template(cloud: Cloud, arn: str, rate: int) -> str:
    """The parts of a REST API as osls writes them."""
    api, stage = {"Ref": "Api"}, {"Ref": "Stage"}
    integration = {
        "Type": "AWS_PROXY",
        "IntegrationHttpMethod": "POST",
        "Uri": _integration(cloud, arn),
    }
    parts: Json = {
        "Api": ("RestApi", {"Name": "stacked", "MinimumCompressionSize": 500}),
        "Predict": (
            "Resource",
            {
                "RestApiId": api,
                "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "PathPart": "predict",
            },
        ),
        "Ask": (
            "Method",
            {
                "RestApiId": api,
                "ResourceId": {"Ref": "Predict"},
                "HttpMethod": "GET",
                "AuthorizationType": "NONE",
                "ApiKeyRequired": True,
                "Integration": integration,
            },
        ),
        "Deployment": ("Deployment", {"RestApiId": api}),
        "Stage": (
            "Stage",
            {"RestApiId": api, "DeploymentId": {"Ref": "Deployment"}, "StageName": "prod"},
        ),
        "Key": ("ApiKey", {"Name": "stacked", "Enabled": True}),
        "Plan": (
            "UsagePlan",
            {
                "UsagePlanName": "stacked",
                "ApiStages": [{"ApiId": api, "Stage": stage}],
                "Throttle": {"RateLimit": rate},
            },
        ),
        "PlanKey": (
            "UsagePlanKey",
            {"KeyId": {"Ref": "Key"}, "KeyType": "API_KEY", "UsagePlanId": {"Ref": "Plan"}},
        ),
        "WithoutKey": (
            "GatewayResponse",
            {
                "RestApiId": api,
                "ResponseType": "INVALID_API_KEY",
                "StatusCode": "401",
                "ResponseParameters": {
                    "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                },
                "ResponseTemplates": {"application/json": '{"error": "send a key"}'},
            },
        ),
    }
    resources: Json = {
        name: {"Type": f"AWS::ApiGateway::{kind}", "Properties": said}
        for name, (kind, said) in parts.items()
    }
    resources["Deployment"]["DependsOn"] = "Ask"
    return json.dumps({"Resources": resources})
