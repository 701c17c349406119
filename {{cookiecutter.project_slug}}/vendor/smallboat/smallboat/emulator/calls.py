"""Finds the AWS call of a request, records the calls, and lets calls fail on request."""

import io
import re
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import UnknownServiceError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS, RequestParserError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import NotFound, get_service_router
from moto.core.serialize import get_serializer_class
from werkzeug import Response

Json = dict[str, Any]
SCOPE = re.compile(r"(?P<key>[^/=\s]+)/\d{8}/(?P<region>[^/]+)/(?P<name>[^/]+)/aws4_request")
CLIENTS = {
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
"""Services whose name in a signature differs from boto3's."""
STREAMED = {"PutObject", "UploadPart"}
"""Operations whose body is a file."""
LONGEST = 1000  # characters of a parameter that are kept


@dataclass(frozen=True)
class Call:
    """A call of an AWS service."""

    service: str
    region: str
    operation: OperationModel | None
    principal: str
    parameters: Json
    request: Request

    @property
    def name(self) -> str:
        """The operation's name; method and path if AWS's models don't have it."""
        if self.operation is None:
            return f"{self.request.method} {self.request.path}"
        return str(self.operation.name)

    def to_json(self) -> Json:
        """The call as JSON."""
        return {
            "service": self.service,
            "operation": self.name,
            "principal": self.principal,
            "parameters": _short(self.parameters),
        }


@dataclass
class Fault:
    """Lets the next `times` calls of an operation fail: an error, or a closed connection (cut)."""

    service: str
    operation: str
    times: int = 1
    status: int = 500
    code: str = "InternalFailure"
    message: str = "a fault of the emulator"
    cut: bool = False


class Calls:
    """The recorded calls, and the faults to come."""

    def __init__(self) -> None:
        self._recorded: list[Json] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def keep(self, call: Call) -> Fault | None:
        """Record a call; returns its fault, if it has one."""
        with self._lock:
            self._recorded.append(call.to_json())
        found = self.take(call.service, [call.name])
        return found[1] if found else None

    def take(self, service: str, operations: Iterable[str]) -> tuple[str, Fault] | None:
        """The first fault of one of some operations, with the operation; it counts as used."""
        with self._lock:
            for operation in operations:
                for fault in self._faults:
                    same = (fault.service, fault.operation) == (service, operation)
                    if same and fault.times > 0:
                        fault.times -= 1
                        return operation, fault
        return None

    def to_json(self) -> list[Json]:
        """All calls since `forget`, the oldest first."""
        with self._lock:
            return list(self._recorded)

    def forget(self) -> None:
        """Clear the list."""
        with self._lock:
            self._recorded.clear()

    def fail(self, fault: Fault) -> None:
        """Add a fault."""
        with self._lock:
            self._faults.append(fault)

    def heal(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()


class _ToldError(ServiceException):
    """An error of no service: moto finds the service of its own errors by their module."""


def resolve(environ: Json) -> Call | None:
    """The call of a signed request; None if it is not signed.

    The body of a request is read and put back, but for uploads to S3.
    """
    request = Request(environ)
    signed = request.headers.get("Authorization") or request.args.get("X-Amz-Credential", "")
    scope = SCOPE.search(signed)
    if not scope:
        return None
    service = CLIENTS.get(scope["name"], scope["name"])
    if service == "sagemaker" and request.path.startswith("/endpoints/"):
        service = "sagemaker-runtime"
    where = service, scope["region"]
    try:
        router = get_service_router(service)
        if service != "s3":
            request = _buffered(environ)
        operation, labels = router.match(request)
        if service == "s3" and operation.name not in STREAMED:
            request = _buffered(environ)
        parameters = _parameters(operation, labels, request)
    except (NotFound, NotImplementedError, ValueError, UnknownServiceError, RequestParserError):
        return Call(*where, None, scope["key"], {}, request)
    return Call(*where, operation, _principal(scope["key"]), parameters, request)


def account(call: Call) -> str:
    """The account that a call reaches: that of a key or registry it names, or else the caller's.

    Other accounts than the emulator's first one have access keys like `ROLE@ACCOUNT`.
    """
    key = str(call.parameters.get("KeyId", "")).split(":")
    named = call.parameters.get("registryId") or (key[4] if len(key) > 5 else "")
    return str(named or call.principal.partition("@")[2] or DEFAULT_ACCOUNT_ID)


def credentials(role: str) -> str:
    """The access key that stands for the role of an ARN."""
    name, owner = role.rpartition("/")[2], role.split(":")[4]
    return name if owner == DEFAULT_ACCOUNT_ID else f"{name}@{owner}"


def answer(call: Call, fault: Fault) -> Response:
    """A fault as a response in the call's protocol."""
    assert call.operation is not None, "only a known operation can be told to fail"
    protocol = _protocol(call.operation, call.request)
    serializer = get_serializer_class(call.service, protocol)(operation_model=call.operation)
    told = serializer.serialize(_ToldError(fault.code, fault.message))
    response = Response(told["body"], fault.status, told["headers"])
    if "json" in protocol:
        response.headers["x-amzn-ErrorType"] = fault.code
    return response


def cut(call: Call) -> None:
    """Read half of the body, and close the connection without a response."""
    environ = call.request.environ
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0) // 2)
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("a fault of the emulator cuts this call")


def _buffered(environ: Json) -> Request:
    body = Request(environ).get_data()
    environ["wsgi.input"] = io.BytesIO(body)
    request = Request(dict(environ, **{"wsgi.input": io.BytesIO(body)}))
    request.get_data(parse_form_data=False)
    return request


def _protocol(operation: OperationModel, request: Request) -> str:
    content = request.headers.get("Content-Type", "")
    return determine_request_protocol(operation.service_model, content)


def _parameters(operation: OperationModel, labels: Json, request: Request) -> Json:
    protocol = _protocol(operation, request)
    streamed = operation.name in STREAMED
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": b"" if streamed else request.get_data(),
            "url_path": request.path,
            "url_params": labels,
        }
    )
    return dict(parsed)


def _principal(key: str) -> str:
    """The role of temporary credentials, else the id of the access key."""
    from moto.sts.models import sts_backends

    role = sts_backends[DEFAULT_ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(key)
    return role.role_arn.rsplit("/")[-1] if role else key


def _short(value: Any) -> Any:
    """A value as JSON; long values are cut."""
    if isinstance(value, dict):
        return {str(key): _short(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:LONGEST]
