"""The OpenAPI document: openapi.json, completed with what the served model describes."""

import json
from pathlib import Path
from typing import Any

from .paths import FACTS

Json = dict[str, Any]


SCHEMES = {  # as AWS exports them for API Gateway
    "key": {"api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
    "iam": {
        "signature": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "AWS Signature Version 4 for the service execute-api",
            "x-amazon-apigateway-authtype": "awsSigv4",
        }
    },
    "jwt": {
        "token": {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "an ID token of the user pool",
            "x-amazon-apigateway-authtype": "cognito_user_pools",
        }
    },
}  # fmt: skip
"""How callers prove who they are."""
REFUSALS = {
    "401": {"$ref": "#/components/responses/Unauthorized"},
    "403": {"$ref": "#/components/responses/Forbidden"},
}


def document(description: Json, auth: str, private_facts: bool) -> Json:
    """OpenAPI 3.1 for the served model.

    Args:
        description: the model's answer to `describe`.
        auth: what /predict requires, as in `Settings`; "" if an API key is optional.
        private_facts: whether facts about the model require the same.
    """
    document: Json = json.loads(Path(__file__).with_suffix(".json").read_bytes())
    document["info"]["version"] = description["release"]["release"]
    schemas = document["components"]["schemas"]
    request = {key: value for key, value in description["request"].items() if key != "$schema"}
    request["properties"] = {**request["properties"], **schemas["Request"]["properties"]}
    schemas["Request"] = request
    if "features_as_of" not in description["release"]:  # of a problem without time
        model = schemas["Answer"]["properties"]["model"]
        model["required"].remove("features_as_of")
        del model["properties"]["features_as_of"]
    predict = document["paths"]["/predict"]
    body = predict["post"]["requestBody"]["content"]["application/json"]
    body["example"] = description["example"]
    if description.get("known"):
        predict["get"]["parameters"] = _query_parameters(description["known"])
    else:
        del predict["get"]
    scheme = SCHEMES[auth or "key"]
    document["components"]["securitySchemes"] = scheme
    required: list[Json] = [{name: []} for name in scheme]
    for operation in predict.values():
        operation["security"] = required if auth else [*required, {}]
    if private_facts:
        for path in FACTS:
            operation = document["paths"][path]["get"]
            operation["security"] = required
            operation["responses"] |= REFUSALS
    return document


def _query_parameters(schema: Json) -> list[Json]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": property_schema}
        for name, property_schema in schema["properties"].items()
    ]
