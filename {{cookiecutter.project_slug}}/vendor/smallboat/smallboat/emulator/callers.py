"""Who calls a REST API: signatures of AWS credentials, tokens of user pools, policies."""

import ipaddress
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from werkzeug import Request

Json = dict[str, Any]
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/\s]+)/\d{8}/(?P<region>[\w-]+)/execute-api/"
    r"aws4_request, ?SignedHeaders=(?P<headers>[\w;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
INVOKE = "execute-api:Invoke"
SHORT = "execute-api:/"
"""How a resource begins in the policy of an API itself."""
VALID_SECONDS = 300
SECRET = "testing"
"""The secret of every key that the emulator did not make."""


@dataclass(frozen=True)
class Invocation:
    """What policies are asked: an ARN, and the caller's address."""

    arn: str
    address: str


def signed_by(request: Request, account: str) -> str | None:
    """The access key of a request whose signature is right, else None."""
    found = SIGNED.fullmatch(request.headers.get("Authorization", ""))
    date = request.headers.get("X-Amz-Date", "")
    if found is None or not _is_recent(date):
        return None
    headers = {name: request.headers.get(name, "") for name in found["headers"].split(";")}
    url = request.host_url.rstrip("/") + request.environ.get("REQUEST_URI", request.full_path)
    asked = AWSRequest(request.method, url, headers, request.get_data())
    asked.context["timestamp"] = date
    credentials = Credentials(found["key"], _secret(found["key"], account))
    signer = SigV4Auth(credentials, "execute-api", found["region"])
    text = signer.string_to_sign(asked, signer.canonical_request(asked))
    return found["key"] if signer.signature(text, asked) == found["signature"] else None


def _is_recent(date: str) -> bool:
    try:
        signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(time.time() - signed.timestamp()) < VALID_SECONDS


def _secret(key: str, account: str) -> str:
    known = iam_backends[account]["aws"].get_all_access_keys_for_all_users()
    secrets = {each.access_key_id: each.secret_access_key for each in known}
    if assumed := sts_backends[account]["aws"].get_assumed_role_from_access_key(key):
        secrets[key] = assumed.secret_access_key
    return str(secrets.get(key, SECRET))


def may_invoke(key: str, account: str, asked: Invocation) -> bool:
    """Whether the policies of a key's role allow it; a key of nobody is an administrator's."""
    iam: Any = iam_backends[account]["aws"]
    assumed = sts_backends[account]["aws"].get_assumed_role_from_access_key(key)
    name = assumed.role_arn.rsplit("/")[-1] if assumed else key
    role = next((each for each in iam.roles.values() if each.name == name), None)
    if role is None:
        return True
    managed = [policy.document for policy in role.managed_policies.values()]
    return effect([*role.policies.values(), *managed], asked) == "Allow"


def effect(policies: list[Any], asked: Invocation) -> str | None:
    """Deny, Allow, or None if no statement of the policies is about it."""
    effects = set()
    for policy in policies:
        document = json.loads(policy) if isinstance(policy, str) else policy
        statements = document["Statement"]
        for each in statements if isinstance(statements, list) else [statements]:
            if _matches(each, asked):
                effects.add(each["Effect"])
    return "Deny" if "Deny" in effects else "Allow" if effects else None


def _matches(statement: Json, asked: Invocation) -> bool:
    api = asked.arn.partition("/")[0]
    actions = [each.lower() for each in _listed(statement.get("Action"))]
    resources = [
        f"{api}/{each.removeprefix(SHORT)}" if each.startswith(SHORT) else each
        for each in _listed(statement.get("Resource"))
    ]
    return (
        any(fnmatchcase(INVOKE.lower(), each) for each in actions)
        and any(fnmatchcase(asked.arn, each) for each in resources)
        and _holds(statement.get("Condition", {}), statement["Effect"], asked.address)
    )


def _holds(condition: Json, verdict: str, address: str) -> bool:
    """Whether a condition holds; one that is not about addresses never allows."""
    for operator, values in condition.items():
        if operator not in ("IpAddress", "NotIpAddress") or set(values) != {"aws:SourceIp"}:
            return verdict == "Deny"
        inside = any(
            ipaddress.ip_address(address) in ipaddress.ip_network(each)
            for each in _listed(values["aws:SourceIp"])
        )
        if inside != (operator == "IpAddress"):
            return False
    return True


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def claims(header: str, pools: list[str]) -> Json | None:
    """The claims of an ID token that one of the user pools, named by ARN, gave; else None."""
    from joserfc import jwt
    from joserfc.errors import JoseError
    from moto.cognitoidp.models import cognitoidp_backends

    for arn in pools:
        *_, region, account, name = arn.split(":")
        number = name.partition("/")[2]
        pool: Any = cognitoidp_backends[account][region].user_pools.get(number)
        try:
            told: Json = jwt.decode(header.removeprefix("Bearer "), pool.json_web_key).claims
        except (JoseError, ValueError, AttributeError):
            continue
        of_pool = str(told.get("iss", "")).endswith(f"/{number}")
        if of_pool and told.get("token_use") == "id" and told.get("exp", 0) > time.time():
            return told
    return None
