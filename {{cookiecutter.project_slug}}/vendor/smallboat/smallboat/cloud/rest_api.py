"""The REST API before the function, as serverless.yml takes it: methods, who may call them, limits.

Every path and verb is a method of its own: API Gateway limits each alone, and what is no method
costs nothing. ANY would have the limits of each verb.
"""

import json
from typing import Any

from ..aws.aws import Environment, as_list
from ..config.sections import Access
from ..serving.api.paths import FACTS, PREDICT

Json = dict[str, Any]
FILES = "/{proxy+}"
"""All paths that have no method of their own: static files, and facts that are public."""
SHARES = {FILES: 8}
"""How the limits of public requests are divided; 1 for all others. A page loads some ten files."""
POOLS = "UserPools"
POLICY_ACTION = "execute-api:Invoke"
EXPIRED = "the credentials have expired; get new ones"
DENIED = "this address or caller may not ask this API"
MESSAGES = {
    "key": "send a valid API key in the header x-api-key",
    "iam": "sign the request with AWS Signature Version 4, for the service execute-api",
    "jwt": "send a valid ID token of the user pool in the header Authorization",
}
NO_METHOD = "no such path, or it does not accept this method; openapi.json lists the API's paths"
AWAY = "the API does not answer; try again in some seconds"
BUSY = "too_many_requests"


def methods(access: Access, cross_origin: bool) -> list[tuple[str, str, bool]]:
    """The verb and path of each method, and whether it requires credentials.

    Args:
        access: who may ask.
        cross_origin: whether pages of other origins may, whose browsers first ask by OPTIONS.
    """
    facts = FACTS if access.private_facts else ()
    private = [("GET", PREDICT), ("POST", PREDICT), *(("GET", path) for path in facts)]
    paths = (PREDICT, *facts, FILES) if cross_origin else ()
    public = [("GET", "/"), ("GET", FILES), *(("OPTIONS", path) for path in paths)]
    return [(*each, False) for each in public] + [(*each, True) for each in private]


def events(access: Access, cross_origin: bool) -> list[Json]:
    """The function's events."""
    ways: dict[str, Json] = {
        "key": {"private": True},
        "iam": {"authorizer": {"type": "AWS_IAM"}},
        "jwt": {"authorizer": {"type": "COGNITO_USER_POOLS", "authorizerId": {"Ref": POOLS}}},
    }
    return [
        {"http": {"method": verb.lower(), "path": path, **(ways[access.auth] if private else {})}}
        for verb, path, private in methods(access, cross_origin)
    ]


def gateway(env: Environment) -> Json:
    """The table `apiGateway`: compression, the key with its plan, and who may call at all."""
    limits = env.aws.limits
    table: Json = {"minimumCompressionSize": 1024}  # bytes, for clients that accept gzip
    if env.aws.access.auth == "key":
        table["apiKeys"] = [env.api_stack]
        table["usagePlan"] = {
            "throttle": {"rateLimit": limits.requests_per_second, "burstLimit": limits.burst},
            "quota": {"limit": limits.requests_per_day, "period": "DAY"},
        }
    if env.aws.access.addresses:
        table["resourcePolicy"] = _policy(env.aws.access, env.aws.environment)
    return table


def _policy(access: Access, stage: str) -> list[Json]:
    """The statements that refuse other addresses.

    A policy must also allow. With signed requests it allows nobody what requires a signature: it
    would allow every AWS account; there the caller's own policies allow.
    """
    public = ["/GET/", "/GET/static/*", "/GET/health", "/OPTIONS/*"]
    public += [] if access.private_facts else [f"/GET{path}" for path in FACTS]
    signed = access.auth == "iam"
    allowed = [f"execute-api:/{stage}{path}" for path in public] if signed else "execute-api:/*"
    everybody = {"Principal": "*", "Action": POLICY_ACTION}
    others = {"NotIpAddress": {"aws:SourceIp": access.addresses}}
    return [
        {"Effect": "Allow", "Resource": allowed, **everybody},
        {"Effect": "Deny", "Resource": "execute-api:/*", "Condition": others, **everybody},
    ]


def resources(env: Environment) -> Json:
    """The resources beside those that osls makes of the events."""
    api, access = {"Ref": "ApiGatewayRestApi"}, env.aws.access
    made = _responses(access.auth)
    if access.auth == "jwt":
        pools = {
            "Name": env.api_stack,
            "Type": "COGNITO_USER_POOLS",
            "IdentitySource": "method.request.header.Authorization",
            "ProviderARNs": access.user_pools,
        }
        made[POOLS] = {"Type": "AWS::ApiGateway::Authorizer", "Properties": pools}
    for each in made.values():
        each["Properties"]["RestApiId"] = api
    made["Predictions"] = _predictions(env)
    if access.web_acl:
        before, after = (
            f"arn:aws:apigateway:{env.region}::/restapis/",
            f"/stages/{env.aws.environment}",
        )
        made["WebAcl"] = {
            "Type": "AWS::WAFv2::WebACLAssociation",
            # The stage comes with the deployment, whose name osls makes of this.
            "DependsOn": "ApiGatewayDeployment${sls:instanceId}",
            "Properties": {
                "WebACLArn": access.web_acl,
                "ResourceArn": {"Fn::Join": ["", [before, api, after]]},
            },
        }
    return made


def _predictions(env: Environment) -> Json:
    """The metric of answered predictions, by the access log: an alarm watches it."""
    metric = {"MetricNamespace": env.name_prefix, "MetricName": "Predictions", "MetricValue": "1"}
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": {"Ref": "ApiGatewayLogGroup"},
            "FilterPattern": f'{{ ($.path = "*{PREDICT}") && ($.status = 200) }}',
            "MetricTransformations": [metric],
        },
    }


def extensions(env: Environment) -> Json:
    """What is added to resources that osls makes.

    The deployment has only those gateway responses that exist before it. Permissions name key and
    plan by their tags, which osls gives to the API only.
    """
    added: Json = {"ApiGatewayMethodGet": {"DependsOn": list(_responses(env.aws.access.auth))}}
    if env.aws.access.auth == "key":
        tagged = {"Properties": {"Tags": as_list(env.tags)}}
        added |= {"ApiGatewayApiKey1": tagged, "ApiGatewayUsagePlan": tagged}
    return added


def _responses(auth: str) -> dict[str, Json]:
    """API Gateway's own errors, in the format of the API's, by the names of the resources."""
    unmatched = (404, "not_found", NO_METHOD)
    if auth == "iam":
        unmatched = (403, "forbidden", f"{MESSAGES['iam']}; or there is no such path")
    said = {
        "WithoutKey": ("INVALID_API_KEY", 403, "forbidden", MESSAGES["key"]),
        "Unauthorized": ("UNAUTHORIZED", 401, "unauthorized", MESSAGES[auth]),
        "Expired": ("EXPIRED_TOKEN", 403, "forbidden", EXPIRED),
        "WrongSignature": ("INVALID_SIGNATURE", 403, "forbidden", MESSAGES["iam"]),
        "Unmatched": ("MISSING_AUTHENTICATION_TOKEN", *unmatched),
        "Denied": ("ACCESS_DENIED", 403, "forbidden", DENIED),
        "Filtered": ("WAF_FILTERED", 403, "forbidden", "this API's firewall refuses the request"),
        "TooFast": ("THROTTLED", 429, BUSY, "too many requests; try again in some seconds"),
        "TooMany": ("QUOTA_EXCEEDED", 429, BUSY, "the key's requests of today are used up"),
        "Refused": ("DEFAULT_4XX", None, "refused", None),
        "Away": ("DEFAULT_5XX", 503, "unavailable", AWAY),
    }
    return {name: _response(*each) for name, each in said.items()}


def _response(kind: str, status: int | None, code: str, message: str | None) -> Json:
    text = json.dumps(message) if message else "$context.error.messageString"
    body = f'{{"error": {{"code": "{code}", "field": null, "message": {text}}}}}'
    headers = {
        "Access-Control-Allow-Origin": "*",  # otherwise a web page can't read the error
        "Cache-Control": "no-store",
        **({"Retry-After": "5"} if kind == "THROTTLED" else {}),
    }
    properties = {
        "ResponseType": kind,
        "ResponseParameters": {
            f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()
        },
        "ResponseTemplates": {"application/json": body},
    }
    if status:
        properties["StatusCode"] = str(status)
    return {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": properties}


def throttles(env: Environment, cross_origin: bool) -> dict[str, tuple[float, int]]:
    """Requests a second and burst, by the key of a stage's method settings.

    The methods other than those of `/predict` share the limits of public requests, and so do
    private facts: each has its part, and all together have no more.
    """
    limits = env.aws.limits
    every = [(verb, path) for verb, path, _ in methods(env.aws.access, cross_origin)]
    shared = [each for each in every if each not in (("GET", PREDICT), ("POST", PREDICT))]
    parts = sum(SHARES.get(path, 1) for _, path in shared)
    found: dict[str, tuple[float, int]] = {"*/*": (limits.requests_per_second, limits.burst)}
    for verb, path in shared:
        part = SHARES.get(path, 1) / parts
        rate, burst = limits.public_requests_per_second * part, int(limits.public_burst * part)
        found[f"{path.replace('/', '~1')}/{verb}"] = (rate, max(1, burst))
    return found
