"""Asks an environment's API with the credentials that it requires."""

import os
from collections.abc import Callable

import requests

from ..aws.aws import Environment, aws_errors
from ..errors import UserError
from . import lambda_api

TOKEN = "API_TOKEN"
Sign = Callable[[requests.PreparedRequest], requests.PreparedRequest]


def credentials(env: Environment) -> Sign:
    """What adds the credentials to a request, as `auth` of `requests`.

    Raises:
        UserError: there is no token.
        CloudError: there is no API key yet, or there are no AWS credentials.
    """
    match env.aws.access.auth:
        case "key":
            return header("x-api-key", lambda_api.key(env))
        case "jwt":
            return header("Authorization", _token(env))
    return _signature(env)


def header(name: str, value: str) -> Sign:
    """Adds a header."""

    def add(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[name] = value
        return request

    return add


def _token(env: Environment) -> str:
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        pools = ", ".join(env.aws.access.user_pools)
        raise UserError(f"the API requires an ID token of {pools}: set the variable {TOKEN} to one")
    return token


def _signature(env: Environment) -> Sign:
    """Signs with this machine's AWS credentials, which need execute-api:Invoke."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import NoCredentialsError

    session = env.session
    with aws_errors():
        found = session.get_credentials()
        if found is None:
            raise NoCredentialsError
        signer = SigV4Auth(found.get_frozen_credentials(), "execute-api", env.region)

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        asked = AWSRequest(request.method, request.url, data=request.body)
        signer.add_auth(asked)
        request.headers.update(asked.headers.items())
        return request

    return sign
