"""Which paths require credentials, how they are spelled, and how long answers are kept."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
import serverless_wsgi
from flask.testing import FlaskClient
from lambda_events import rest
from model_stub import EXAMPLE, Model
from openapi_spec_validator import validate
from smallboat.serving.api.app import create
from smallboat.serving.api.paths import FACTS, PREDICT, PUBLIC
from smallboat.serving.api.settings import Settings
from smallboat.serving.serving import PAGE

Make = Callable[..., FlaskClient]
OPEN = ["/", "/health", "/static/page.js"]
SPELLINGS = ["/Model", "//model", "/model/", "/%6dodel", "/mode%6c", "/model%2f", "/./model",
             "/x/../model", "/model;x", "/model/card/", "//predict", "/%70redict"]  # fmt: skip


def private(make: Make, **variables: str) -> FlaskClient:
    return make(API_KEY="sesame", PRIVATE_FACTS="true", **variables)


def test_every_path_is_public_or_a_fact_or_predicts(api: FlaskClient) -> None:
    rules = {rule.rule for rule in api.application.url_map.iter_rules()}
    assert rules == {PREDICT, *FACTS, *PUBLIC}


def test_private_facts_require_the_key_and_liveness_tells_nothing(make: Make, model: Model) -> None:
    api, key = private(make), {"x-api-key": "sesame"}
    for path in (*FACTS, "/predict?season=2026&round=3"):
        assert [api.get(path).status_code, api.head(path).status_code] == [401, 401]
        assert api.get(path, headers={"x-api-key": "wrong"}).status_code == 403
        assert api.get(path, headers=key).status_code == 200
    assert [api.get(path).status_code for path in OPEN] == [200] * len(OPEN)
    assert api.get("/health").json == {"status": "ok"}
    assert 'data-facts="private"' in api.get("/").text


@pytest.mark.parametrize("path", SPELLINGS)
def test_no_spelling_passes_the_door_of_this_machine(make: Make, path: str) -> None:
    assert private(make).get(f"http://localhost{path}").status_code in {308, 401, 404}


@pytest.mark.parametrize("path", [*SPELLINGS, *FACTS, PREDICT])
@pytest.mark.parametrize("auth", ["key", "iam", "jwt"])
def test_what_reaches_the_function_past_its_own_resource_is_refused(
    model: Model, path: str, auth: str
) -> None:
    """API Gateway checks at `/model`; what it took for `/{proxy+}` was not checked."""
    answer = asked(model, path, "/{proxy+}", AUTH=auth, PRIVATE_FACTS="true")
    assert answer["statusCode"] in {308, 404}, answer
    assert not {"17", "aaaa-1111"} & set(answer["body"].replace('"', " ").split())


def test_by_their_own_resources_they_are_answered(model: Model) -> None:
    for path in FACTS:
        answer = asked(model, path, path, AUTH="jwt", PRIVATE_FACTS="true")
        assert answer["statusCode"] == 200
        assert header(answer, "Cache-Control") == "no-store"


def asked(model: Model, path: str, resource: str, **variables: str) -> Any:
    """The function's answer to an event; API Gateway decodes the path."""
    known = {"ENDPOINT_NAME": "endpoint", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": model.url}
    on_lambda = {"AWS_LAMBDA_FUNCTION_NAME": "api"}
    app = create(PAGE, Settings.from_environment(known | on_lambda | variables))
    event = {key: value for key, value in rest("GET", unquote(path)).items() if value is not None}
    event["requestContext"].pop("authorizer")
    return serverless_wsgi.handle_request(app, event | {"resource": resource}, None)


def header(answer: Any, name: str) -> str:
    return str(answer["multiValueHeaders"][name][0])


def test_on_lambda_browsers_and_proxies_may_keep_answers_for_a_while(model: Model) -> None:
    told = {"/": "public, max-age=300", "/static/page.js": "public, max-age=300",
            **dict.fromkeys(FACTS, "public, max-age=60"), "/health": "no-store",
            "/nothing": "no-store", "/static/nothing.js": "no-store"}  # fmt: skip
    for path, policy in told.items():
        assert header(asked(model, path, "/{proxy+}"), "Cache-Control") == policy
    answer = asked(model, "/model", "/{proxy+}", SHARED_CACHES="false")
    assert header(answer, "Cache-Control") == "private, max-age=60"
    model.failure = (500, b"", "")
    assert header(asked(model, "/model", "/{proxy+}"), "Cache-Control") == "no-store"


def test_on_this_machine_files_are_renewed_by_their_etag(make: Make) -> None:
    api = make()
    for path in ("/", "/static/page.js"):
        first = api.get(path)
        assert first.headers["Cache-Control"] == "no-cache"
        again = api.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    other = private(make).get("/", headers={"If-None-Match": api.get("/").headers["ETag"]})
    assert other.status_code == 200
    for path in (*FACTS, "/health"):
        assert api.get(path).headers["Cache-Control"] == "no-store"
    assert api.post("/predict", json=EXAMPLE).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("auth", "name", "header"),
    [
        ("key", "api_key", "x-api-key"),
        ("iam", "signature", "Authorization"),
        ("jwt", "token", "Authorization"),
    ],
)
def test_the_document_and_the_page_name_what_is_required(
    make: Make, auth: str, name: str, header: str
) -> None:
    for facts in ("true", "false"):
        api = make(AUTH=auth, PRIVATE_FACTS=facts)
        document = api.get("/openapi.json").json
        assert document is not None
        validate(document)
        (scheme,) = document["components"]["securitySchemes"].items()
        assert (scheme[0], scheme[1]["in"], scheme[1]["name"]) == (name, "header", header)
        assert document["paths"]["/predict"]["post"]["security"] == [{name: []}]
        for path in FACTS:
            operation = document["paths"][path]["get"]
            assert ("security" in operation, "401" in operation["responses"]) == (
                (facts == "true",) * 2
            )
        assert f'<html data-auth="{auth}" data-facts=' in api.get("/").text


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PRIVATE_FACTS": "true"}, "PRIVATE_FACTS is set and no API_KEY; set both or none"),
        ({"PRIVATE_FACTS": "yes"}, "PRIVATE_FACTS is 'yes'; set it to true or false"),
    ],
)
def test_facts_without_a_key_can_not_be_private(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings.from_environment({"ENDPOINT_NAME": "endpoint", **variables})
