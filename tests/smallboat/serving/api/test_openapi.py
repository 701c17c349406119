from collections.abc import Callable

from flask.testing import FlaskClient
from model_stub import EXAMPLE, SCHEMA, Model
from openapi_spec_validator import validate

Make = Callable[..., FlaskClient]


def test_the_document_is_valid_and_made_of_the_schema_that_is_served(
    api: FlaskClient, model: Model
) -> None:
    document = api.get("/openapi.json").json
    assert document is not None
    validate(document)
    request = document["components"]["schemas"]["Request"]
    assert request["properties"].keys() == {*SCHEMA["properties"], "explain"}
    assert request["required"] == SCHEMA["required"]
    post = document["paths"]["/predict"]["post"]
    assert post["requestBody"]["content"]["application/json"]["example"] == EXAMPLE
    get = document["paths"]["/predict"]["get"]
    assert [each["name"] for each in get["parameters"]] == ["season", "round"]


def test_the_document_promises_a_date_only_if_answers_have_one(make: Make, model: Model) -> None:
    for as_of in ("2026-03-01", None):
        model.as_of = as_of
        document = make().get("/openapi.json").json
        assert document is not None
        validate(document)
        told = document["components"]["schemas"]["Answer"]["properties"]["model"]
        dated = ["features_as_of"] if as_of else []
        assert told["required"] == list(told["properties"]) == ["run", "release", *dated]


def test_the_document_says_whether_a_key_is_needed(make: Make) -> None:
    for key, security in (("", [{"api_key": []}, {}]), ("k", [{"api_key": []}])):
        document = make(API_KEY=key).get("/openapi.json").json
        assert document is not None
        assert document["paths"]["/predict"]["post"]["security"] == security


def test_an_address_is_in_the_document_or_serves_the_page(api: FlaskClient) -> None:
    document = api.get("/openapi.json").json
    assert document is not None
    rules = {rule.rule for rule in api.application.url_map.iter_rules()}
    assert rules - {"/", "/static/<path:filename>"} == set(document["paths"])
