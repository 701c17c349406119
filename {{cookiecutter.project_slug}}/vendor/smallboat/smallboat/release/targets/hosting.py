"""The endpoint of a place: made, pointed at a configuration, waited for, removed."""

import time
from typing import Any

from ...aws import aws
from ...errors import CloudError, ReleaseError
from . import scaling
from .configurations import Configurations
from .sdk import Sdk, found, marks, once

CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
LIMIT_SECONDS = 1800
SAY_SECONDS = 20
POLL_SECONDS = 0.25, 5.0
"""The first pause between two looks, and the longest."""
MODELS_FAULT = ("health check", "alarm")
"""What SageMaker's reason for a failure names if the model is at fault, and not AWS."""


class Hosting:
    """The endpoint; its changes are waited for, and told on the way."""

    def __init__(self, env: aws.Environment, sdk: Sdk, configurations: Configurations) -> None:
        self._env, self._sdk, self._configurations = env, sdk, configurations

    def endpoint(self) -> Any:
        """The endpoint as it is, or None."""
        return found(
            lambda: self._sdk.resources.Endpoint.get(self._env.endpoint, **self._sdk.where)
        )

    def point(self, name: str, tags: dict[str, str], watched: bool = False) -> None:
        """Let the endpoint serve a configuration, and wait until it does.

        Args:
            name: of the configuration.
            tags: of the endpoint, if it has to be made.
            watched: on instances, shift slowly, and back if an alarm rings.

        Raises:
            ReleaseError: the model does not start, or an alarm rang.
            CloudError: AWS is at fault.
        """
        endpoint = self.settled()
        if endpoint and endpoint.endpoint_status == "Failed":
            self.delete()
            endpoint = None
        if endpoint is None:
            with once():
                self._sdk.resources.Endpoint.create(
                    endpoint_name=self._env.endpoint,
                    endpoint_config_name=name,
                    tags=marks(tags),
                    **self._sdk.where,
                )
        elif endpoint.endpoint_config_name != name:
            self._update(endpoint, name, watched)
        self._took(name)
        if self._configurations.on_instances(name):
            scaling.on(self._env)

    def delete(self) -> None:
        """Remove the endpoint, if there is one, and wait until it is gone."""
        endpoint = self.settled()
        if endpoint is None:
            return
        if self._configurations.on_instances(endpoint.endpoint_config_name):
            scaling.off(self._env)
        with once():
            endpoint.delete()
        self.settled()

    def settled(self) -> Any:
        """The endpoint once nothing changes it any more, or None; says how long it takes."""
        began = said = time.monotonic()
        status, (pause, longest) = "", POLL_SECONDS
        while (endpoint := self.endpoint()) and endpoint.endpoint_status in CHANGING:
            now = time.monotonic()
            if endpoint.endpoint_status != status or now - said >= SAY_SECONDS:
                status, said = endpoint.endpoint_status, now
                print(f"endpoint {self._env.endpoint}: {status} ({now - began:.0f} s)", flush=True)
            if now - began > LIMIT_SECONDS + scaling.slow_seconds(self._env):
                raise CloudError(
                    f"endpoint {self._env.endpoint} is {status} for {now - began:.0f} s: look at "
                    "it in the SageMaker console; the same command goes on from there"
                )
            time.sleep(pause)
            pause = min(longest, 2 * pause)
        return endpoint

    def tag(self, tags: dict[str, str]) -> None:
        """Mark the endpoint."""
        endpoint = self.endpoint()
        with aws.aws_errors():
            self._sdk.resources.Tag.add_tags(
                resource_arn=endpoint.endpoint_arn,
                tags=marks(tags),
                **self._sdk.where,
            )

    def _update(self, endpoint: Any, name: str, watched: bool) -> None:
        before = self._configurations.on_instances(endpoint.endpoint_config_name)
        if before:
            scaling.off(self._env)
        running = endpoint.production_variants[0].current_instance_count if before else 0
        endpoint.endpoint_config_name = name
        options: dict[str, Any] = {}
        if before and self._configurations.on_instances(name):
            options["retain_all_variant_properties"] = True  # as many as run now
            if watched:
                options["deployment_config"] = scaling.slowly(self._env, running)
        with once():
            endpoint.update(**options)

    def _took(self, name: str) -> None:
        endpoint = self.settled()
        status = endpoint.endpoint_status if endpoint else "gone"
        if status == "InService" and endpoint.endpoint_config_name == name:
            return
        back = status == "InService" and not endpoint.failure_reason  # as after an alarm
        reason = (endpoint and endpoint.failure_reason) or "SageMaker gives no reason"
        message = f"endpoint {self._env.endpoint} did not take {name} and is {status}: {reason}"
        if back or any(each in reason.lower() for each in MODELS_FAULT):
            raise ReleaseError(message)
        raise CloudError(f"{message}; correct that and repeat the command")
