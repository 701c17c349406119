"""The API of an environment: a Lambda function behind API Gateway, deployed by osls."""

import json
import os
import time
from typing import Any

from ..aws import aws
from ..aws.aws import Environment
from ..config import config
from ..errors import CloudError, UserError
from ..store import store
from . import lambda_zip, osls, rest_api
from .stacks import Stacks

Json = dict[str, Any]
Limits = dict[str, tuple[float, int]]
POLL_SECONDS = 5.0
MAX_POLLS = 180
START_SECONDS = "24"
"""How long the API waits for a serverless endpoint that starts; API Gateway waits 29 s."""


def deploy(env: Environment, settings: config.Settings) -> str:
    """Deploy the API if its code, packages or settings changed; returns its URL.

    Raises:
        UserError: the configuration is wrong, or the packages can't be installed.
        CloudError: a tool is missing, or AWS or osls refused.
    """
    files, values = lambda_zip.contents(), _serverless_settings(env, settings)
    limits = rest_api.throttles(env, bool(settings.api.cors_origins))
    template = (lambda_zip.CODE / "serverless.yml").read_bytes()
    written = {"settings.json": json.dumps(values), "limits.json": json.dumps(limits)}
    encoded = {name: text.encode() for name, text in written.items()}
    version = lambda_zip.digest({**files, "serverless.yml": template, **encoded})
    stack = _idle_stack(env)
    if stack and _is_deployed(env, stack, version):
        print("the API is up to date: nothing to deploy")
        return _url(env, stack)
    Stacks(env).updatable(env.api_stack)
    print(f"deploying the API ({env.api_stack})")
    osls.deploy(env.aws.environment, lambda_zip.pack(files), values)
    stack = Stacks(env).describe(env.api_stack)
    assert stack is not None
    _update_stage(env, stack, limits, version)
    return _url(env, stack)


def url(env: Environment) -> str | None:
    """The API's URL; None before the first deployment."""
    stack = Stacks(env).describe(env.api_stack)
    return _url(env, stack) if stack and "RestApi" in _outputs(stack) else None


def key(env: Environment) -> str:
    """The API's key; CloudError if there is none.

    It is found by the stack: a list of keys would have those of all environments, with the values.
    """
    with aws.aws_errors("does not exist"):
        resources = env.client("cloudformation").describe_stack_resources(StackName=env.api_stack)
        for each in resources["StackResources"]:
            if each["ResourceType"] == "AWS::ApiGateway::ApiKey":
                name = each["PhysicalResourceId"]
                found = env.client("apigateway").get_api_key(apiKey=name, includeValue=True)
                return str(found["value"])
    raise CloudError(f"there is no API key yet: `make deploy ENV={env.aws.environment}` creates it")


def _serverless_settings(env: Environment, settings: config.Settings) -> Json:
    """The settings.json that serverless.yml reads."""
    if settings.api.capture not in {"off", "stdout"}:
        raise UserError(
            f"config/{env.aws.environment}.toml: api.capture = {settings.api.capture!r} is "
            "wrong: Lambda keeps no files, choose stdout or off"
        )
    access, cross_origin = env.aws.access, bool(settings.api.cors_origins)
    variables = {
        "ENDPOINT_NAME": env.endpoint,
        "RELEASES": f"{settings.store.root}/{store.RELEASES}",
        "AUTH": access.auth,
        "PRIVATE_FACTS": "true" if access.private_facts else "",
        "SHARED_CACHES": "false" if access.addresses or access.web_acl else "",
        "MODEL_START_SECONDS": "" if env.aws.instances else START_SECONDS,
        **settings.api.variables,
    }
    if settings.api.capture == "off" and env.aws.instances and env.aws.instances.capture_share:
        variables |= {"CAPTURE": "endpoint", "CAPTURE_SHARE": "1.0"}  # the endpoint takes its share
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
        "gateway": rest_api.gateway(env),
        "events": rest_api.events(access, cross_origin),
        "resources": rest_api.resources(env),
        "extensions": rest_api.extensions(env),
        "tags": env.tags,
    }


def _idle_stack(env: Environment) -> Json | None:
    """The API's stack; waits while AWS works for a deployment that was interrupted."""
    for attempt in range(MAX_POLLS):
        stack = Stacks(env).describe(env.api_stack)
        state = stack["StackStatus"] if stack else ""
        if not state.endswith("_IN_PROGRESS"):
            return stack
        if not attempt:
            print(f"waiting for {env.api_stack}: {state}", flush=True)
        time.sleep(POLL_SECONDS)
    raise CloudError(f"{env.api_stack} is still {state}: try again later")


def _outputs(stack: Json) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _url(env: Environment, stack: Json) -> str:
    outputs, emulator = _outputs(stack), os.environ.get("AWS_ENDPOINT_URL")
    if emulator:
        return f"{emulator}/_gateway/{outputs['RestApi']}/{env.aws.environment}"
    return outputs["ServiceEndpoint"]


def _is_deployed(env: Environment, stack: Json, version: str) -> bool:
    """Whether the stage has the version, which `_update_stage` writes."""
    api = _outputs(stack).get("RestApi")
    with aws.aws_errors("NotFoundException"):
        gateway, stage = env.client("apigateway"), env.aws.environment
        if api:
            found = gateway.get_stage(restApiId=api, stageName=stage)
            return bool(found.get("description") == version)
    return False


def _update_stage(env: Environment, stack: Json, limits: Limits, version: str) -> None:
    """Limit each method, and write the version: it is the last step of a deployment."""
    values = {"/description": version}
    for method, (rate, burst) in limits.items():
        values[f"/{method}/throttling/rateLimit"] = str(rate)
        values[f"/{method}/throttling/burstLimit"] = str(burst)
    with aws.aws_errors():
        env.client("apigateway").update_stage(
            restApiId=_outputs(stack)["RestApi"],
            stageName=env.aws.environment,
            patchOperations=[{"op": "replace", "path": p, "value": v} for p, v in values.items()],
        )
