"""The SageMaker endpoint of an environment: created, updated, waited for, removed, called."""

import json
import time
from functools import cached_property
from typing import Any

from ...aws import aws
from ...errors import CloudError, ReleaseError
from . import scaling
from .configurations import Configurations
from .sdk import Sdk, unless_done

CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
LIMIT_SECONDS = 1800
PROGRESS_SECONDS = 20
POLL_SECONDS = 0.25, 5.0
"""The first pause between two looks, and the longest."""
AWAKE_SECONDS = 60.0
"""How long a serverless endpoint may need to start its model."""
MODEL_FAULTS = ("health check", "alarm")
"""What SageMaker's reason for a failure contains if the model is at fault, and not AWS."""


class Hosting:
    """The endpoint; each change is waited for, and its progress is printed."""

    def __init__(self, env: aws.Environment, sdk: Sdk, configurations: Configurations) -> None:
        self._env, self._sdk, self._configurations = env, sdk, configurations

    def endpoint(self) -> Any:
        """The endpoint as it is, or None."""
        return self._sdk.get("Endpoint", self._env.endpoint)

    def serve(self, name: str, tags: dict[str, str], canary: bool = False) -> None:
        """Let the endpoint serve a configuration, and wait until it does.

        Args:
            name: of the configuration.
            tags: of the endpoint, if it has to be created.
            canary: on instances, begin with a canary, and go back if an alarm rings.

        Raises:
            ReleaseError: the model does not start, or an alarm rang.
            CloudError: AWS is at fault.
        """
        endpoint = self.wait()
        if endpoint and endpoint.endpoint_status == "Failed":
            self.delete()
            endpoint = None
        if endpoint is None:
            names = {"endpoint_name": self._env.endpoint, "endpoint_config_name": name}
            self._sdk.create("Endpoint", tags, **names)
        elif endpoint.endpoint_config_name != name:
            self._update(endpoint, name, canary)
        self._check(name)
        if self._configurations.on_instances(name):
            scaling.start(self._env)

    def delete(self) -> None:
        """Remove the endpoint, if there is one, and wait until it is gone."""
        endpoint = self.wait()
        if endpoint is None:
            return
        if self._configurations.on_instances(endpoint.endpoint_config_name):
            scaling.stop(self._env)
        with unless_done():
            endpoint.delete()
        self.wait()

    def wait(self) -> Any:
        """The endpoint, or None, once no change is in progress; prints how long it takes."""
        instances = self._env.aws.instances
        limit = LIMIT_SECONDS + (instances.canary_seconds if instances else 0)
        started = printed = time.monotonic()
        status, (pause, longest) = "", POLL_SECONDS
        while (endpoint := self.endpoint()) and endpoint.endpoint_status in CHANGING:
            now = time.monotonic()
            if endpoint.endpoint_status != status or now - printed >= PROGRESS_SECONDS:
                status, printed = endpoint.endpoint_status, now
                print(
                    f"endpoint {self._env.endpoint}: {status} ({now - started:.0f} s)", flush=True
                )
            if now - started > limit:
                raise CloudError(
                    f"endpoint {self._env.endpoint} has been {status} for {now - started:.0f} s: "
                    "look at it in the SageMaker console, then rerun the command; it resumes"
                )
            time.sleep(pause)
            pause = min(longest, 2 * pause)
        return endpoint

    def tag(self, tags: dict[str, str]) -> None:
        """Add tags to the endpoint."""
        self._sdk.tag(self.endpoint().endpoint_arn, tags)

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """One answer; CloudError if AWS is not available, ReleaseError if the model is at fault."""
        try:
            return dict(json.loads(self._invoke(json.dumps(body).encode())))
        except json.JSONDecodeError:
            raise ReleaseError("the endpoint answered no JSON") from None

    @cached_property
    def _runtime_client(self) -> Any:
        return self._env.client("sagemaker-runtime")

    def _invoke(self, body: bytes) -> bytes:
        client, end = self._runtime_client, time.monotonic() + AWAKE_SECONDS
        while True:
            with aws.aws_errors():
                try:
                    answer = client.invoke_endpoint(
                        EndpointName=self._env.endpoint, Body=body, ContentType="application/json"
                    )
                    return bytes(answer["Body"].read())
                except client.exceptions.ModelError as error:
                    status = error.response.get("OriginalStatusCode")
                    message = error.response.get("OriginalMessage") or error
                    raise ReleaseError(f"the model server answered {status}: {message}") from None
                except client.exceptions.ModelNotReadyException:
                    if time.monotonic() > end:
                        raise
            time.sleep(1.0)

    def _update(self, endpoint: Any, name: str, canary: bool) -> None:
        on_instances = self._configurations.on_instances(endpoint.endpoint_config_name)
        running = endpoint.production_variants[0].current_instance_count
        options: dict[str, Any] = {}
        if on_instances:
            scaling.stop(self._env)
            if self._configurations.on_instances(name):
                options["retain_all_variant_properties"] = True  # as many as run now
                if canary:
                    options["deployment_config"] = scaling.canary(self._env, running)
        endpoint.endpoint_config_name = name
        with unless_done():
            endpoint.update(**options)

    def _check(self, name: str) -> None:
        """Wait until the endpoint serves a configuration; see `serve` for its errors."""
        endpoint = self.wait()
        status = endpoint.endpoint_status if endpoint else "gone"
        if status == "InService" and endpoint.endpoint_config_name == name:
            return
        reverted = status == "InService" and not endpoint.failure_reason  # as after an alarm
        reason = (endpoint and endpoint.failure_reason) or "SageMaker gives no reason"
        message = f"endpoint {self._env.endpoint} did not take {name} and is {status}: {reason}"
        if reverted or any(each in reason.lower() for each in MODEL_FAULTS):
            raise ReleaseError(message)
        raise CloudError(f"{message}; correct that and rerun the command")
