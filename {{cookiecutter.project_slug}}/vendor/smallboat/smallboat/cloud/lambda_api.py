"""The API of an environment on AWS: deployed by osls, addressed by its stack."""

import hashlib
import json
import os
import time
from typing import Any

from ..aws import aws
from ..aws.aws import Place
from ..config import config
from ..errors import CloudError, UserError
from . import lambda_zip, osls
from .stacks import Stacks

Json = dict[str, Any]
STACK_SECONDS = 900.0
LOOK_SECONDS = 5.0
BEYOND_REPAIR = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
"""States after a failed first creation or deletion: AWS updates no such stack."""


def deploy(place: Place, settings: config.Settings) -> str:
    """Bring the API to what the code and the configuration say; returns its URL.

    Raises:
        UserError: the configuration is wrong, or the packages can't be collected.
        CloudError: a tool is missing, or AWS or osls refused.
    """
    files, values = lambda_zip.contents(), _values(place, settings)
    recipe = (lambda_zip.CODE / "serverless.yml").read_bytes()
    told = [lambda_zip.digest(files).encode(), json.dumps(values).encode(), recipe]
    wanted = hashlib.sha256(b"\0".join(told)).hexdigest()[:16]
    with aws.told():
        stack = _settled(place)
        if stack and _stage(place, stack).get("description") == wanted:
            print("the API is as it should be: nothing to deploy")
            return _url(place, stack)
        if stack and stack["StackStatus"] in BEYOND_REPAIR:
            Stacks(place).remove(place.api_stack)
        print(f"deploying the API ({place.api_stack})")
        osls.deploy(place.aws.environment, lambda_zip.pack(files), values)
        stack = _stack(place)
        assert stack is not None
        _finish(place, stack, wanted)
        return _url(place, stack)


def url(place: Place) -> str | None:
    """Where the API answers; None before the first deployment."""
    with aws.told():
        stack = _stack(place)
    return _url(place, stack) if stack and "RestApi" in _outputs(stack) else None


def key(place: Place) -> str:
    """The value of the API's key; CloudError if there is none."""
    with aws.told():
        keys = place.client("apigateway").get_api_keys(
            nameQuery=place.api_stack, includeValues=True, limit=500
        )
    for each in keys["items"]:
        if each["name"] == place.api_stack:
            return str(each["value"])
    raise CloudError(f"there is no API key yet: `make deploy ENV={place.aws.environment}` makes it")


def _values(place: Place, settings: config.Settings) -> Json:
    """What serverless.yml does not say itself: its settings.json."""
    if settings.api.capture not in {"off", "stdout"}:
        raise UserError(
            f"config/{place.aws.environment}.toml: api.capture = {settings.api.capture!r} is "
            "wrong: Lambda keeps no files, choose stdout or off"
        )
    variables = {"ENDPOINT_NAME": place.endpoint, **settings.api.variables}
    return {
        "project": place.project.replace("_", "-"),
        "stage": place.aws.environment,
        "stack": place.api_stack,
        "region": place.region,
        "bucket": place.bucket,
        "deployment_role": place.cloudformation_role,
        "role": place.api_role,
        "runtime": f"python{lambda_zip.PYTHON}",
        "architecture": lambda_zip.ARCHITECTURE,
        "environment": {name: value for name, value in variables.items() if value},
        "limits": place.aws.limits.model_dump(),
        "tags": place.tags,
    }


def _stack(place: Place) -> Json | None:
    return Stacks(place).found(place.api_stack)


def _settled(place: Place) -> Json | None:
    """The stack when nothing is at work on it: a command that was killed leaves AWS working."""
    end = time.monotonic() + STACK_SECONDS
    waiting = False
    while (stack := _stack(place)) and stack["StackStatus"].endswith("_IN_PROGRESS"):
        if time.monotonic() > end:
            raise CloudError(f"{place.api_stack} is still {stack['StackStatus']}: try again later")
        if not waiting:
            print(f"waiting for {place.api_stack}: {stack['StackStatus']}", flush=True)
        waiting = True
        time.sleep(LOOK_SECONDS)
    return stack


def _outputs(stack: Json) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def _url(place: Place, stack: Json) -> str:
    known, emulator = _outputs(stack), os.environ.get("AWS_ENDPOINT_URL")
    if emulator:
        return f"{emulator}/_gateway/{known['RestApi']}/{place.aws.environment}"
    return known["ServiceEndpoint"]


def _stage(place: Place, stack: Json) -> Json:
    """The stage that the stack's API answers by; empty if it has none."""
    gateway, api = place.client("apigateway"), _outputs(stack).get("RestApi")
    if api is None:
        return {}
    try:
        return dict(gateway.get_stage(restApiId=api, stageName=place.aws.environment))
    except gateway.exceptions.NotFoundException:
        return {}


def _finish(place: Place, stack: Json, wanted: str) -> None:
    """Limit all callers together, and write down what is deployed: last, so that it holds."""
    limits = place.aws.limits
    changed = {
        "/*/*/throttling/rateLimit": str(limits.requests_per_second),
        "/*/*/throttling/burstLimit": str(limits.burst),
        "/description": wanted,
    }
    place.client("apigateway").update_stage(
        restApiId=_outputs(stack)["RestApi"],
        stageName=place.aws.environment,
        patchOperations=[{"op": "replace", "path": p, "value": v} for p, v in changed.items()],
    )
