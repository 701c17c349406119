"""The SageMaker endpoint of an environment: created, updated, waited for, removed, called."""

import json
import time
from functools import cached_property
from typing import Any

from ...aws import aws
from ...errors import CloudError, ReleaseError
from .configurations import VARIANT, Configurations
from .sdk import Resources, as_list, unless_done

CHANGING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
LIMIT_SECONDS = 1800
PROGRESS_SECONDS = 20
POLL_SECONDS = 0.25, 5.0
"""The first pause between two looks, and the longest."""
AWAKE_SECONDS = 60.0
"""How long a serverless endpoint may need to start its model."""
MODEL_FAULTS = ("health check", "alarm")
"""What SageMaker's reason for a failure contains if the model is at fault, and not AWS."""


class Hosting(Resources):
    """The endpoint; each change is waited for, and its progress is printed."""

    def __init__(self, env: aws.Environment, configurations: Configurations) -> None:
        super().__init__(env)
        self._configurations = configurations

    def endpoint(self) -> Any:
        """The endpoint as it is, or None."""
        return self._get("Endpoint", self._env.endpoint)

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
            self._create("Endpoint", tags, **names)
        elif endpoint.endpoint_config_name != name:
            self._update(endpoint, name, canary)
        self._check(name)
        if self._configurations.on_instances(name):
            self._start_scaling()

    def delete(self) -> None:
        """Remove the endpoint, if there is one, and wait until it is gone."""
        endpoint = self.wait()
        if endpoint is None:
            return
        if self._configurations.on_instances(endpoint.endpoint_config_name):
            self._stop_scaling()
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
        arn = self.endpoint().endpoint_arn
        with aws.aws_errors():
            self._kind("Tag").add_tags(arn, as_list(tags), **self._where)

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
            self._stop_scaling()
            if self._configurations.on_instances(name):
                options["retain_all_variant_properties"] = True  # as many as run now
                if canary:
                    options["deployment_config"] = self._canary(running)
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

    def _canary(self, running: int) -> dict[str, Any]:
        """The settings of an update that starts with a canary and is undone if an alarm rings.

        A canary is at most half of the running instances, so a single one is replaced as a whole.
        """
        instances = self._env.aws.instances
        assert instances is not None
        seconds = instances.canary_seconds
        routing: dict[str, Any] = {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": seconds}
        policy: dict[str, Any] = {"traffic_routing_configuration": routing}
        if running > 1:
            size = {"type": "CAPACITY_PERCENT", "value": instances.canary_percent}
            routing |= {"type": "CANARY", "canary_size": size}
        else:
            policy["termination_wait_in_seconds"] = seconds
        names = [f"{self._env.name_prefix}-{alarm}" for alarm in ("5xx", "latency")]
        return {
            "blue_green_update_policy": policy,
            "auto_rollback_configuration": {"alarms": [{"alarm_name": name} for name in names]},
        }

    def _start_scaling(self) -> None:
        """Scale the instances with the requests; it may be called again."""
        instances = self._env.aws.instances
        if instances is None:
            return
        client, target = self._env.client("application-autoscaling"), self._scaling_target()
        with aws.aws_errors():
            client.register_scalable_target(
                MinCapacity=instances.least, MaxCapacity=instances.most, **target
            )
            client.put_scaling_policy(
                PolicyName=f"{self._env.name_prefix}-requests",
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": float(instances.requests_a_minute),
                    "PredefinedMetricSpecification": {
                        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                    },
                },
                **target,
            )

    def _stop_scaling(self) -> None:
        """Stop scaling: AWS does not change instances that are scaled."""
        with aws.aws_errors(unless="ObjectNotFoundException"):
            self._env.client("application-autoscaling").deregister_scalable_target(
                **self._scaling_target()
            )

    def _scaling_target(self) -> dict[str, str]:
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/{self._env.endpoint}/variant/{VARIANT}",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
