"""The OpenAPI document: openapi.json, completed with what the served model describes."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def document(description: Json, key_required: bool) -> Json:
    """OpenAPI 3.1 for the served model.

    Args:
        description: the model's answer to `describe`.
        key_required: whether /predict always requires the API key.
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
    for operation in predict.values():
        operation["security"] = [{"api_key": []}] if key_required else [{"api_key": []}, {}]
    return document


def _query_parameters(schema: Json) -> list[Json]:
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": property_schema}
        for name, property_schema in schema["properties"].items()
    ]
