"""Which paths require credentials, and the check of the API key where no gateway checks it."""

import hmac

from flask import Flask, request

from ..request_parsing import ApiError
from .paths import PREDICT, PUBLIC
from .settings import Settings


def install(app: Flask, settings: Settings) -> None:
    """Check each request before its function runs, by the rule that chose the function."""

    @app.before_request
    def check() -> None:
        rule = request.url_rule
        if rule and request.method != "OPTIONS" and _is_private(rule.rule, settings):
            _check_spelling(rule.rule)
            _check_key(settings.api_key)


def _is_private(rule: str, settings: Settings) -> bool:
    return rule == PREDICT or (settings.private_facts and rule not in PUBLIC)


def _check_spelling(rule: str) -> None:
    """Refuse a path that reached this rule past its own resource, where API Gateway checks."""
    resource = request.environ.get("serverless.event", {}).get("resource", rule)
    if resource != rule:
        raise ApiError(404, f"no such path; use {rule}, spelled like that")


def _check_key(expected: str) -> None:
    if not expected:
        return
    key = request.headers.get("X-Api-Key", "")
    if not key:
        raise ApiError(401, "the API key is missing; send it in the header x-api-key")
    if not hmac.compare_digest(key.encode(), expected.encode()):
        raise ApiError(403, "this API key is not valid; send a valid one in the header x-api-key")
