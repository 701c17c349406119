"""The API of an environment on AWS: deployed by osls, addressed by its stack."""

import hashlib
import json
import os
import time
from typing import Any

from ..aws import aws
from ..aws.aws import Environment
from ..config import config
from ..errors import CloudError, UserError
from . import lambda_zip, osls
from .stacks import Stacks

Json = dict[str, Any]
STACK_SECONDS = 900.0
LOOK_SECONDS = 5.0
BEYOND_REPAIR = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
"""States after a failed first creation or deletion: AWS updates no such stack."""


def deploy(env: Environment, settings: config.Settings) -> str:
    """Bring the API to what the code and the configuration say; returns its URL.

    Raises:
        UserError: the configuration is wrong, or the packages can't be collected.
        CloudError: a tool is missing, or AWS or osls refused.
    """
    files, values = lambda_zip.contents(), _values(env, settings)
    recipe = (lambda_zip.CODE / "serverless.yml").read_bytes()
    told = [lambda_zip.digest(files).encode(), json.dumps(values).encode(), recipe]
    wanted = hashlib.sha256(b"\0".join(told)).hexdigest()[:16]
    with aws.aws_errors():
        stack = _settled(env)
        if stack and _stage(env, stack).get("description") == wanted:
            print("the API is as it should be: nothing to deploy")
            return _url(env, stack)
        if stack and stack["StackStatus"] in BEYOND_REPAIR:
            Stacks(env).remove(env.api_stack)
        print(f"deploying the API ({env.api_stack})")
        osls.deploy(env.aws.environment, lambda_zip.pack(files), values)
        stack = _stack(env)
        assert stack is not None
        _finish(env, stack, wanted)
        return _url(env, stack)


def url(env: Environment) -> str | None:
    """Where the API answers; None before the first deployment."""
    with aws.aws_errors():
        stack = _stack(env)
    return _url(env, stack) if stack and "RestApi" in _outputs(stack) else None


def key(env: Environment) -> str:
    """The value of the API's key; CloudError if there is none."""
    with aws.aws_errors():
        keys = env.client("apigateway").get_api_keys(
            nameQuery=env.api_stack, includeValues=True, limit=500
        )
    for each in keys["items"]:
        if each["name"] == env.api_stack:
            return str(each["value"])
    raise CloudError(f"there is no API key yet: `make deploy ENV={env.aws.environment}` makes it")


def _values(env: Environment, settings: config.Settings) -> Json:
    """What serverless.yml does not say itself: its settings.json."""
    if settings.api.capture not in {"off", "stdout"}:
        raise UserError(
            f"config/{env.aws.environment}.toml: api.capture = {settings.api.capture!r} is "
            "wrong: Lambda keeps no files, choose stdout or off"
        )
    variables = {"ENDPOINT_NAME": env.endpoint, **settings.api.variables}
    return {
        "project": env.project.replace("_", "-"),
        "stage": env.aws.environment,
        "stack": env.api_stack,
        "region": env.region,
        "bucket": env.bucket,
        "deployment_role": env.cloudformation_role,
        "role": env.api_role,
        "runtime": f"python{lambda_zip.PYTHON}",
        "architecture": lambda_zip.ARCHITECTURE,
        "environment": {name: value for name, value in variables.items() if value},
        "limits": env.aws.limits.model_dump(),
        "tags": env.tags,
    }


def _stack(env: Environment) -> Json | None:
    return Stacks(env).found(env.api_stack)


def _settled(env: Environment) -> Json | None:
    """The stack when nothing is at work on it: a command that was killed leaves AWS working."""
    end = time.monotonic() + STACK_SECONDS
    waiting = False
    while (stack := _stack(env)) and stack["StackStatus"].endswith("_IN_PROGRESS"):
        if time.monotonic() > end:
            raise CloudError(f"{env.api_stack} is still {stack['StackStatus']}: try again later")
        if not waiting:
            print(f"waiting for {env.api_stack}: {stack['StackStatus']}", flush=True)
        waiting = True
        time.sleep(LOOK_SECONDS)
    return stack


def _outputs(stack: Json) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def _url(env: Environment, stack: Json) -> str:
    known, emulator = _outputs(stack), os.environ.get("AWS_ENDPOINT_URL")
    if emulator:
        return f"{emulator}/_gateway/{known['RestApi']}/{env.aws.environment}"
    return known["ServiceEndpoint"]


def _stage(env: Environment, stack: Json) -> Json:
    """The stage that the stack's API answers by; empty if it has none."""
    gateway, api = env.client("apigateway"), _outputs(stack).get("RestApi")
    if api is None:
        return {}
    try:
        return dict(gateway.get_stage(restApiId=api, stageName=env.aws.environment))
    except gateway.exceptions.NotFoundException:
        return {}


def _finish(env: Environment, stack: Json, wanted: str) -> None:
    """Limit all callers together, and write down what is deployed: last, so that it holds."""
    limits = env.aws.limits
    changed = {
        "/*/*/throttling/rateLimit": str(limits.requests_per_second),
        "/*/*/throttling/burstLimit": str(limits.burst),
        "/description": wanted,
    }
    env.client("apigateway").update_stage(
        restApiId=_outputs(stack)["RestApi"],
        stageName=env.aws.environment,
        patchOperations=[{"op": "replace", "path": p, "value": v} for p, v in changed.items()],
    )
