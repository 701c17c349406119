"""Who may ask the API of an environment, by requests through the emulator's API Gateway."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from smallboat.aws.aws import Environment
from smallboat.cloud import api_client, lambda_api, rest_api
from smallboat.config import config
from smallboat.config.sections import Access
from smallboat.errors import UserError
from smallboat.serving.api.paths import FACTS

Json = dict[str, Any]
OTHER = "127.0.0.2"


@pytest.fixture
def deployed(env: Environment, settings: config.Settings) -> Any:
    """Deploys the API with another table [aws.access]; returns its environment and URL."""

    def deploy(
        cors: bool = False, limits: Json | None = None, **access: Any
    ) -> tuple[Environment, str]:
        assert settings.aws is not None
        limited = settings.aws.limits.model_copy(update=limits or {})
        table = settings.aws.model_copy(update={"access": Access(**access), "limits": limited})
        api = settings.api.model_copy(update={"cors_origins": ["https://a.b"] if cors else []})
        changed = settings.model_copy(update={"aws": table, "api": api})
        return Environment(changed), lambda_api.deploy(Environment(changed), changed)

    return deploy


def reached(answer: requests.Response) -> bool:
    """Whether the function answered: it gives each request an id."""
    return "X-Request-Id" in answer.headers


def refused(answer: requests.Response, status: int, code: str) -> str:
    """The message of API Gateway's own error, whose format is checked."""
    assert not reached(answer), answer.text
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert set(error) == {"code", "message", "field"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return str(error["message"])


@contextmanager
def from_other_address() -> Iterator[requests.Session]:
    """Requests from another address of this machine."""
    with requests.Session() as session:
        adapter = requests.adapters.HTTPAdapter()
        adapter.init_poolmanager(1, 1, source_address=(OTHER, 0))
        session.mount("http://", adapter)
        yield session


def methods(env: Environment) -> dict[tuple[str, str], tuple[str, bool]]:
    """Authorization, and whether a key is required, by verb and path."""
    gateway = env.client("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    found = {}
    for resource in gateway.get_resources(restApiId=api["id"])["items"]:
        for verb in resource.get("resourceMethods", {}):
            where = {"restApiId": api["id"], "resourceId": resource["id"], "httpMethod": verb}
            method = gateway.get_method(**where)
            found[verb, resource["path"]] = method["authorizationType"], method["apiKeyRequired"]
    return found


@contextmanager
def role(env: Environment, name: str, *resources: str) -> Iterator[Any]:
    """The signature of a role that may invoke what is named."""
    iam = env.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": list(resources)}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName=name, PolicyName="ask", PolicyDocument=document)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", name)
        other = Environment.__new__(Environment)
        other.__dict__ = {key: value for key, value in vars(env).items() if key != "session"}
        yield api_client.credentials(other)


def test_signed_requests_of_those_who_may(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env, url = deployed(auth="iam", addresses=["127.0.0.1"])
    assert set(methods(env).values()) == {("AWS_IAM", False), ("NONE", False)}
    assert not env.client("apigateway").get_usage_plans()["items"]
    api = url.split("/")[-2]
    asked = f"arn:aws:execute-api:{env.region}:123456789012:{api}/staging/POST/predict"
    assert "Signature Version 4" in refused(requests.post(f"{url}/predict"), 403, "forbidden")
    administrator = api_client.credentials(env)
    for verb, path in (("POST", "/predict"), ("GET", "/predict?season=2026&round=3")):
        assert reached(requests.request(verb, f"{url}{path}", json={}, auth=administrator))
    with from_other_address() as other:
        refused(other.post(f"{url}/predict", auth=administrator), 403, "forbidden")
    with role(env, "asker", asked) as may:
        assert reached(requests.post(f"{url}/predict", json={"a": "é"}, auth=may))
        answer = requests.get(f"{url}/predict", auth=may)
        refused(answer, 403, "forbidden")
    with role(env, "stranger", asked.replace("staging", "prod")) as may_not:
        refused(requests.post(f"{url}/predict", auth=may_not), 403, "forbidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    stolen = Environment.__new__(Environment)
    stolen.__dict__ = {key: value for key, value in vars(env).items() if key != "session"}
    forged = requests.post(f"{url}/predict", auth=api_client.credentials(stolen))
    assert "Signature Version 4" in refused(forged, 403, "forbidden")
    page = requests.get(f"{url}/")
    assert 'data-auth="iam"' in page.text
    assert requests.get(f"{url}/static/page.js").headers["Cache-Control"] == "private, max-age=300"
    refused(requests.get(f"{url}/nothing"), 403, "forbidden")
    refused(requests.delete(f"{url}/predict", auth=administrator), 403, "forbidden")


def test_other_addresses_reach_nothing(deployed: Any) -> None:
    env, url = deployed(addresses=[f"{OTHER}/32", "2001:db8::/32"])
    key = api_client.credentials(env)
    for path in ("/", "/static/page.js", "/health", "/model"):
        refused(requests.get(f"{url}{path}"), 403, "forbidden")
    refused(requests.post(f"{url}/predict", auth=key), 403, "forbidden")
    with from_other_address() as other:
        assert reached(other.post(f"{url}/predict", auth=key))
        assert other.get(f"{url}/").status_code == 200


def test_a_policy_for_signed_requests_allows_no_other_account(
    env: Environment, settings: config.Settings
) -> None:
    """An Allow for everybody would let each account grant itself the rest."""
    access = Access(auth="iam", addresses=[OTHER])
    allow, deny = rest_api._policy(access, "staging")
    assert not [each for each in allow["Resource"] if "predict" in each or "POST" in each]
    assert deny["Resource"] == "execute-api:/*" and deny["Principal"] == "*"
    private = rest_api._policy(access.model_copy(update={"private_facts": True}), "staging")
    assert not [each for each in private[0]["Resource"] if each.endswith(FACTS)]


def test_tokens_of_the_user_pool_open_predictions_and_private_facts(
    env: Environment, deployed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, tokens = pool_with_tokens(env, "ours")
    _, foreign = pool_with_tokens(env, "theirs")
    acl = env.client("wafv2").create_web_acl(
        Name="guard", Scope="REGIONAL", DefaultAction={"Allow": {}},
        VisibilityConfig={
            "SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m",
        },
    )["Summary"]["ARN"]  # fmt: skip
    env, url = deployed(cors=True, auth="jwt", user_pools=[pool], private_facts=True, web_acl=acl)
    private = {("GET", path) for path in ("/predict", *FACTS)} | {("POST", "/predict")}
    found = methods(env)
    assert {name for name, how in found.items() if how == ("COGNITO_USER_POOLS", False)} == private
    for path in ("/predict", *FACTS):
        for wrong in (None, "nonsense", tokens["AccessToken"], foreign["IdToken"]):
            headers = {"Authorization": wrong} if wrong else {}
            answer = requests.get(f"{url}{path}", headers=headers)
            assert "user pool" in refused(answer, 401, "unauthorized")
        assert reached(requests.get(f"{url}{path}", headers={"Authorization": tokens["IdToken"]}))
        asks = {"Origin": "https://a.b", "Access-Control-Request-Method": "GET"}
        preflight = requests.options(f"{url}{path}", headers=asks)
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://a.b"
    with pytest.raises(UserError, match=r"requires an ID token of arn:.*: set .* API_TOKEN") as no:
        api_client.credentials(env)
    monkeypatch.setenv("API_TOKEN", tokens["IdToken"])
    assert tokens["IdToken"] not in str(no.value)
    assert reached(requests.post(f"{url}/predict", json={}, auth=api_client.credentials(env)))
    (api,) = env.client("apigateway").get_rest_apis()["items"]
    stage = env.client("apigateway").get_stage(restApiId=api["id"], stageName="staging")
    assert stage["webAclArn"] == acl
    assert not env.client("apigateway").get_api_keys()["items"]
    env, _ = deployed()
    kept = {("GET", "/"), ("GET", "/{proxy+}"), ("GET", "/predict"), ("POST", "/predict")}
    assert set(methods(env)) == kept
    stage = env.client("apigateway").get_stage(restApiId=api["id"], stageName="staging")
    assert "webAclArn" not in stage


def test_a_stranger_and_a_key_get_no_more_than_their_limits(deployed: Any) -> None:
    few = {"public_requests_per_second": 0.001, "public_burst": 27, "requests_per_day": 3}
    env, url = deployed(limits=few)
    assert [requests.get(f"{url}/").status_code for _ in range(4)] == [200, 200, 200, 429]
    files = [requests.get(f"{url}/static/icon.svg") for _ in range(25)]
    assert [each.status_code for each in files] == [200] * 24 + [429]
    assert "try again" in refused(files[-1], 429, "too_many_requests")
    assert files[-1].headers["Retry-After"] == "5"
    key = api_client.credentials(env)
    assert "x-api-key" in refused(requests.post(f"{url}/predict"), 403, "forbidden")
    asked = [requests.post(f"{url}/predict", auth=key) for _ in range(4)]
    assert [reached(each) for each in asked] == [True, True, True, False]
    assert "used up" in refused(asked[3], 429, "too_many_requests")
    for answer in (requests.post(f"{url}/health"), requests.head(f"{url}/predict", auth=key)):
        assert answer.status_code == 404 and not reached(answer)
    assert "no such path" in refused(requests.delete(f"{url}/x"), 404, "not_found")


def pool_with_tokens(env: Environment, name: str) -> tuple[str, Json]:
    """A user pool's ARN, and the tokens of one of its users."""
    cognito = env.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName=name)["UserPool"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool["Id"], ClientName=name, ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    who = {"UserPoolId": pool["Id"], "Username": "ann"}
    cognito.admin_create_user(**who)
    cognito.admin_set_user_password(**who, Password="Sesame-12345", Permanent=True)
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool["Id"], ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": "Sesame-12345"},
    )  # fmt: skip
    return pool["Arn"], answer["AuthenticationResult"]
