"""The OpenAPI document, made from what the model says of itself."""

from typing import Any

Json = dict[str, Any]

ERRORS = {
    "400": "the body is not JSON",
    "401": "the API key is missing",
    "403": "the API key is not known",
    "413": "the body is larger than 4 MB",
    "415": "the body is of another type than application/json",
    "422": "the request breaks the schema or contradicts itself; `field` names the place",
    "429": "too many requests",
    "503": "the model does not answer",
}
TEXT: Json = {"type": "string"}
OBJECT: Json = {"type": "object"}
ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "field"],
            "properties": {"code": TEXT, "message": TEXT, "field": {"type": ["string", "null"]}},
        }
    },
}
ANSWER: Json = {
    "type": "object",
    "required": ["model", "predictions", "warnings"],
    "properties": {
        "model": {
            "type": "object",
            "required": ["run", "release", "features_as_of"],
            "properties": {
                "run": {**TEXT, "description": "the training run that made the model"},
                "release": {**TEXT, "description": "model and online features, by their hashes"},
                "features_as_of": {**TEXT, "description": "the date up to which the data reaches"},
            },
        },
        "predictions": {"type": "array", "items": OBJECT},
        "warnings": {"type": "array", "items": TEXT},
    },
}
EXPLAIN: Json = {
    "type": "boolean",
    "default": False,
    "description": "also say what moved each prediction most",
}
REQUEST_ID: Json = {
    "X-Request-Id": {"schema": TEXT, "description": "the id of the request, as sent or made here"}
}


def document(content: Json, key_needed: bool) -> Json:
    """OpenAPI 3.1 for the model that is served.

    Args:
        content: the model's answer to `describe`.
        key_needed: whether /predict always asks for the API key.
    """
    asked = {key: value for key, value in content["request"].items() if key != "$schema"}
    asked["properties"] = {**asked["properties"], "explain": EXPLAIN}
    security: list[Json] = [{"api_key": []}] if key_needed else [{"api_key": []}, {}]
    predict: Json = {
        "post": {
            "operationId": "predict",
            "summary": "Answer one request",
            "security": security,
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Request"},
                        "example": content["example"],
                    }
                },
            },
            "responses": _responses("Answer", "400", "401", "403", "413", "415", "422", "429"),
        }
    }
    if "known" in content:
        predict["get"] = {
            "operationId": "predict_known",
            "summary": "Answer a request that the model can fill in by itself",
            "security": security,
            "parameters": [
                {
                    "name": name,
                    "in": "query",
                    "required": name in content["known"].get("required", []),
                    "schema": schema,
                }
                for name, schema in content["known"]["properties"].items()
            ],
            "responses": _responses("Answer", "401", "403", "422", "429"),
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Predictions",
            "version": content["release"]["release"],
            "description": "Answers of the model that is served now, and what is known of it.",
        },
        "servers": [{"url": "."}],
        "paths": {
            "/predict": predict,
            "/health": {"get": _fact("health", "Whether the model answers")},
            "/model": {"get": _fact("model", "Which model is served, and how good it is")},
            "/page.json": {"get": _fact("page_data", "What the page for people needs to know")},
            "/openapi.json": {"get": _fact("document", "This document")},
        },
        "components": {
            "schemas": {"Request": asked, "Answer": ANSWER, "Error": ERROR},
            "securitySchemes": {"api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
    }


def _fact(name: str, summary: str) -> Json:
    responses = _responses(None)
    return {"operationId": name, "summary": summary, "responses": responses}


def _responses(answer: str | None, *errors: str) -> Json:
    """The answer's schema, and every error that the operation may end with."""
    schema = {"$ref": f"#/components/schemas/{answer}"} if answer else OBJECT
    told: Json = {"200": _response("the answer", schema)}
    for status in (*errors, "503"):
        told[status] = _response(ERRORS[status], {"$ref": "#/components/schemas/Error"})
    return told


def _response(message: str, schema: Json) -> Json:
    return {
        "description": message,
        "headers": REQUEST_ID,
        "content": {"application/json": {"schema": schema}},
    }
