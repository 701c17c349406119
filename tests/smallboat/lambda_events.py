"""Events that API Gateway sends to a Lambda function."""

import json
from typing import Any

Json = dict[str, Any]
HOST = "abc.execute-api.eu-west-1.amazonaws.com"


def rest(method: str, path: str, body: Any = None, query: Json | None = None) -> Json:
    """The event of a REST API with stage `prod`; absent values are null."""
    proxied = "/" if path == "/" else "/{proxy+}"
    headers = {"Host": HOST, "Content-Type": "application/json"} if body else {"Host": HOST}
    return {
        "resource": path if path == "/predict" else proxied,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {key: [value] for key, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": query and {k: [v] for k, v in query.items()},
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "stage": "prod",
            "path": f"/prod{path}",
            "resourcePath": path if path == "/predict" else proxied,
            "httpMethod": method,
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": "09/Apr/2026:12:34:56 +0000",
            "requestTimeEpoch": 1775738096000,
            "domainName": HOST,
            "authorizer": None,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": None, "apiKey": None},
        },
        "body": body and json.dumps(body),
        "isBase64Encoded": False,
    }


def http(method: str, path: str, body: Any = None, stage: str = "$default") -> Json:
    """The event of an HTTP API; a named stage is part of the path."""
    prefix = "" if stage == "$default" else f"/{stage}"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": prefix + path,
        "rawQueryString": "",
        "cookies": None,
        "headers": {"host": HOST, "content-type": "application/json"},
        "queryStringParameters": None,
        "requestContext": {
            "authorizer": None,
            "http": {"method": method, "path": prefix + path, "sourceIp": "127.0.0.1"},
            "stage": stage,
        },
        "body": body and json.dumps(body),
        "isBase64Encoded": False,
    }
