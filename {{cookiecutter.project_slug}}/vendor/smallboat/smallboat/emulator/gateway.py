"""REST APIs of API Gateway: a request becomes an event for the function behind its method."""

import base64
import gzip
import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

from moto.apigateway.models import RestAPI, apigateway_backends
from moto.awslambda.utils import get_backend
from werkzeug import Request, Response

from .authorization import Asked, RefusedError, check
from .functions import Functions
from .limits import Limits

Json = dict[str, Any]
SECONDS = 29
"""API Gateway's timeout for a function."""
JSON = "application/json"
REFUSALS = {
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "ACCESS_DENIED": (403, "User is not authorized to access this resource"),
    "INVALID_SIGNATURE": (403, "The request signature does not match"),
    "UNAUTHORIZED": (401, "Unauthorized"),
    "INVALID_API_KEY": (403, "Forbidden"),
    "QUOTA_EXCEEDED": (429, "Limit Exceeded"),
    "THROTTLED": (429, "Too Many Requests"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
}
"""What API Gateway answers by itself, unless the API has a response of the kind or its default."""
INTEGRATION = re.compile(
    r".*:lambda:path/[\d-]+/functions/"
    r"arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d{12})"
    r":function:(?P<name>[\w-]+)(:(?P<qualifier>[\w$-]+))?/invocations"
)


class Gateway:
    """All REST APIs, and the functions behind them."""

    def __init__(self, folder: Path, url: str) -> None:
        """Begin with none.

        Args:
            folder: for unpacked functions and logs.
            url: where the functions find AWS.
        """
        self._functions, self._limits = Functions(folder, url), Limits()

    def answer(self, request: Request) -> Response:
        """The answer to a request to `/_gateway/<rest-api-id>/<stage>/<path>`."""
        _, _, number, stage, *rest = request.path.split("/")
        path = "/" + "/".join(rest)
        backend: Any = next(
            (each for _, _, each in apigateway_backends.iter_backends() if number in each.apis),
            None,
        )
        if backend is None or stage not in backend.apis[number].stages:
            return _refused(403, "Forbidden")
        api = backend.apis[number]
        found = _method(api, request.method, path)
        if found is None:
            return _by_itself(api, "MISSING_AUTHENTICATION_TOKEN")
        resource, method, values = found
        asked = Asked(backend, api, api.stages[stage], path, resource, method, request)
        try:
            identity, authorizer = check(asked, self._limits)
        except RefusedError as refused:
            return _by_itself(api, refused.kind)
        to = INTEGRATION.fullmatch(method.method_integration.uri or "")
        if to is None:
            return _refused(500, "Internal server error")
        functions = get_backend(to["account"], to["region"])
        function = functions.get_function(to["name"], to["qualifier"])
        event = _event(asked, values, identity, authorizer)
        answer = self._functions.ask(function, event, SECONDS)
        if answer is None:
            return _by_itself(api, "INTEGRATION_TIMEOUT")
        return _compressed(_response(answer), request, api.minimum_compression_size)

    def close(self) -> None:
        """Stop all processes."""
        self._limits = Limits()
        self._functions.close()


def _method(api: RestAPI, verb: str, path: str) -> tuple[str, Any, Json | None] | None:
    """The resource's path, the method, and the values of the path's parameters."""
    resources = {each.get_path(): each.resource_methods for each in api.resources.values()}
    for template in sorted(resources, key=_vagueness):
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", pattern)
        if found := re.fullmatch(pattern, path.rstrip("/") or "/"):
            methods = resources[template]
            if method := methods.get(verb) or methods.get("ANY"):
                return template, method, found.groupdict() or None
    return None


def _vagueness(template: str) -> tuple[int, int, int]:
    """A sort key: exact paths before parameters, as in API Gateway."""
    return template.count("+}"), template.count("{"), -len(template)


def _event(asked: Asked, values: Json | None, identity: Json, authorizer: Json | None) -> Json:
    """The event for a function, with null for everything that is absent."""
    request, resource, stage = asked.request, asked.resource, asked.stage.name
    headers = {name: request.headers.getlist(name) for name, _ in request.headers}
    query = {name: request.args.getlist(name) for name in request.args}
    body = request.get_data()
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    return {
        "resource": resource,
        "path": asked.path,
        "httpMethod": request.method,
        "headers": {name: given[-1] for name, given in headers.items()} or None,
        "multiValueHeaders": headers or None,
        "queryStringParameters": {name: given[-1] for name, given in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": values,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": request.method,
            "path": f"/{stage}{asked.path}",
            "stage": stage,
            "accountId": asked.account,
            "apiId": asked.api.id,
            "requestId": str(uuid.uuid4()),
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "requestTimeEpoch": int(time.time() * 1000),
            "domainName": request.host,
            "protocol": "HTTP/1.1",
            "authorizer": authorizer,
            "identity": {
                "sourceIp": request.remote_addr,
                "userAgent": request.headers.get("User-Agent"),
                **identity,
            },
        },
        "body": text or None,
        "isBase64Encoded": encoded,
    }


def _by_itself(api: RestAPI, kind: str) -> Response:
    """A response of API Gateway itself, as the API's gateway responses define it."""
    status, message = REFUSALS[kind]
    response, responses = _refused(status, message), api.gateway_responses
    if told := responses.get(kind) or responses.get(f"DEFAULT_{status // 100}XX"):
        response.status_code = int(told.status_code or status)
        template = (told.response_templates or {}).get(JSON, response.get_data(as_text=True))
        response.set_data(template.replace("$context.error.messageString", json.dumps(message)))
        for name, value in (told.response_parameters or {}).items():
            response.headers[name.removeprefix("gatewayresponse.header.")] = value.strip("'")
    return response


def _response(answer: Json) -> Response:
    if "statusCode" not in answer:
        return _refused(502, "Internal server error")
    body = answer.get("body") or ""
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    response = Response(content, answer["statusCode"], content_type=JSON)
    several = answer.get("multiValueHeaders") or {}
    one = {name: [value] for name, value in (answer.get("headers") or {}).items()}
    for name, given in {**one, **several}.items():
        response.headers.setlist(name, [str(each) for each in given])
    return response


def _compressed(response: Response, request: Request, least: Any) -> Response:
    """What API Gateway compresses: bodies of at least so many bytes, if the client accepts gzip."""
    large = least is not None and len(response.get_data()) >= int(least)
    if large and request.accept_encodings["gzip"] and not response.content_encoding:
        response.set_data(gzip.compress(response.get_data()))
        response.content_encoding = "gzip"
    return response


def _refused(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}), status, content_type=JSON)
