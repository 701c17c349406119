"""Whether a REST API lets a request through: address, credentials, key and limits."""

from dataclasses import dataclass
from typing import Any

from werkzeug import Request

from . import callers
from .callers import Invocation
from .limits import Limits

Json = dict[str, Any]


class RefusedError(Exception):
    """API Gateway answers by itself, with a gateway response of this kind."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Asked:
    """A request, and the method that it found."""

    backend: Any
    api: Any
    stage: Any
    path: str
    resource: str
    method: Any
    request: Request

    @property
    def account(self) -> str:
        """The API's account."""
        return str(self.backend.account_id)

    @property
    def invocation(self) -> Invocation:
        """What policies are asked."""
        place = f"arn:aws:execute-api:{self.backend.region_name}:{self.account}:{self.api.id}"
        arn = f"{place}/{self.stage.name}/{self.request.method}{self.path}"
        return Invocation(arn, self.request.remote_addr or "")


def check(asked: Asked, limits: Limits) -> tuple[Json, Json | None]:
    """The caller's identity and claims for the function's event; RefusedError if it may not ask."""
    claims = None
    if asked.method.authorization_type == "AWS_IAM":
        _check_signature(asked)
    else:
        _check_policy(asked)
    if asked.method.authorization_type == "COGNITO_USER_POOLS":
        claims = _claims(asked)
    key = asked.request.headers.get("x-api-key", "")
    key_id = _check_key(asked, key, limits) if asked.method.api_key_required else None
    if limits.of_method(asked.api.id, asked.stage, asked.resource, asked.request.method):
        raise RefusedError("THROTTLED")
    return {"apiKey": key or None, "apiKeyId": key_id}, claims and {"claims": claims}


def _check_policy(asked: Asked) -> None:
    """Where there is a policy, it must allow those who need not prove who they are."""
    if asked.api.policy and callers.effect([asked.api.policy], asked.invocation) != "Allow":
        raise RefusedError("ACCESS_DENIED")


def _check_signature(asked: Asked) -> None:
    """In one account, policy or caller's permissions must allow, and none may deny."""
    if "Authorization" not in asked.request.headers:
        raise RefusedError("MISSING_AUTHENTICATION_TOKEN")
    key = callers.signed_by(asked.request, asked.account)
    if key is None:
        raise RefusedError("INVALID_SIGNATURE")
    policies = [asked.api.policy] if asked.api.policy else []
    told = callers.effect(policies, asked.invocation)
    allowed = told == "Allow" or callers.may_invoke(key, asked.account, asked.invocation)
    if told == "Deny" or not allowed:
        raise RefusedError("ACCESS_DENIED")


def _claims(asked: Asked) -> Json:
    authorizer = asked.api.authorizers[asked.method.authorizer_id]
    header = asked.request.headers.get("Authorization", "")
    claims = callers.claims(header, authorizer.provider_arns)
    if claims is None:
        raise RefusedError("UNAUTHORIZED")
    return claims


def _check_key(asked: Asked, value: str, limits: Limits) -> str:
    """The id of the key, which a usage plan of this stage must have."""
    stage = {"apiId": asked.api.id, "stage": asked.stage.name}
    for plan in asked.backend.usage_plans.values():
        if any(each.items() >= stage.items() for each in plan.api_stages):
            for number in asked.backend.usage_plan_keys.get(plan.id, {}):
                key = asked.backend.keys.get(number)
                if value and key and key.enabled and key.value == value:
                    if refused := limits.of_key(plan, number):
                        raise RefusedError(refused)
                    return str(key.id)
    raise RefusedError("INVALID_API_KEY")
