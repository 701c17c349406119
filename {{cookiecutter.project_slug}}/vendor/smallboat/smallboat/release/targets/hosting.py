"""The SageMaker endpoint of an environment: created, updated, waited for, removed, called."""

import json
import time
from functools import cached_property
from typing import Any

from ...aws import aws
from ...errors import CloudError, ReleaseError
from .. import progress
from . import scaling
from .configurations import EXISTS, Configurations

Json = dict[str, Any]

FAILED = "Failed"
MIXED = {"UpdateRollbackFailed", "OutOfService"}
"""States in which an endpoint does not, or not only, serve its configuration."""
LIMIT_SECONDS = 1800
PROGRESS_SECONDS = 20
POLL_SECONDS = 0.25, 5.0
"""The first pause between two looks, and the longest."""
STARTS = ("ModelNotReadyException", "ThrottlingException")
"""What it answers meanwhile, the second if all its containers start."""
BUSY = "in-progress"
"""What SageMaker says if an earlier attempt of the same call arrived."""
MODEL_FAULTS = ("health check", "alarm")
"""What SageMaker's reason for a failure contains if the model is at fault, and not AWS."""
NO_REASON = "SageMaker gives no reason"


def is_dead(endpoint: Json) -> bool:
    """Whether a failed endpoint, as SageMaker describes it, serves nothing.

    An endpoint whose creation failed never ran a model. One whose update failed still runs the
    earlier one, and would be missed.
    """
    runs = ("CurrentInstanceCount", "CurrentServerlessConfig", "DeployedImages")
    variants = endpoint.get("ProductionVariants", [])
    return endpoint["EndpointStatus"] == FAILED and not any(
        variant.get(fact) for variant in variants for fact in runs
    )


class Hosting:
    """The endpoint; each change is waited for, and its progress is printed."""

    def __init__(self, env: aws.Environment, configurations: Configurations) -> None:
        self._env, self._configurations = env, configurations
        self._endpoint = {"EndpointName": env.endpoint}

    def endpoint(self) -> Json | None:
        """The endpoint as SageMaker describes it, or None."""
        with aws.aws_errors("Could not find"):
            return dict(self._client.describe_endpoint(**self._endpoint))
        return None

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
        if endpoint and is_dead(endpoint):
            self.delete()
            endpoint = None
        if endpoint is None:
            with aws.aws_errors(EXISTS):
                self._client.create_endpoint(
                    **self._endpoint, EndpointConfigName=name, Tags=aws.as_list(tags)
                )
        elif endpoint["EndpointConfigName"] != name or endpoint["EndpointStatus"] in MIXED:
            self._refuse_failed(endpoint)
            self._update(endpoint, name, canary)
        elif endpoint["EndpointStatus"] == FAILED:
            return  # it serves this one, and SageMaker would only let us delete it
        self._check(name)
        if self._configurations.on_instances(name):
            scaling.start(self._env)

    def delete(self) -> None:
        """Remove the endpoint, if there is one, and wait until it is gone."""
        endpoint = self.wait()
        if endpoint is None:
            return
        if self._configurations.on_instances(endpoint["EndpointConfigName"]):
            scaling.stop(self._env)
        with aws.aws_errors(BUSY, "Could not find"):
            self._client.delete_endpoint(**self._endpoint)
        self.wait()

    def wait(self) -> Json | None:
        """The endpoint, or None, once no change is in progress; prints how long it takes."""
        instances = self._env.aws.instances
        limit = LIMIT_SECONDS + (instances.canary_seconds if instances else 0)
        started = printed = time.monotonic()
        status, (pause, longest) = "", POLL_SECONDS
        while (endpoint := self.endpoint()) and endpoint["EndpointStatus"] in aws.CHANGING:
            now = time.monotonic()
            if endpoint["EndpointStatus"] != status or now - printed >= PROGRESS_SECONDS:
                status, printed = endpoint["EndpointStatus"], now
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
        with aws.aws_errors():
            arn = self._client.describe_endpoint(**self._endpoint)["EndpointArn"]
            self._client.add_tags(ResourceArn=arn, Tags=aws.as_list(tags))

    def ask(self, body: Json) -> Json:
        """One answer; waits while a serverless endpoint starts its model, and says so.

        Raises:
            CloudError: AWS is not available.
            ReleaseError: the model is at fault.
        """
        end = time.monotonic() + progress.START_SECONDS
        with progress.shown(f"endpoint {self._env.endpoint}: waiting for its model to start"):
            while True:
                with aws.aws_errors(*(STARTS if time.monotonic() < end else ())):
                    return self._invoke(body)
                time.sleep(1.0)

    def _invoke(self, body: Json) -> Json:
        client = self._runtime_client
        try:
            answer = client.invoke_endpoint(
                **self._endpoint, Body=json.dumps(body), ContentType="application/json"
            )
            return dict(json.load(answer["Body"]))
        except json.JSONDecodeError:
            raise ReleaseError("the endpoint answered no JSON") from None
        except client.exceptions.ModelError as error:
            status = error.response.get("OriginalStatusCode")
            message = error.response.get("OriginalMessage") or error
            raise ReleaseError(f"the model server answered {status}: {message}") from None

    @cached_property
    def _client(self) -> Any:
        return self._env.client("sagemaker")

    @cached_property
    def _runtime_client(self) -> Any:
        return self._env.client("sagemaker-runtime")

    def _update(self, endpoint: Json, name: str, canary: bool) -> None:
        options: Json = {}
        if self._configurations.on_instances(endpoint["EndpointConfigName"]):
            scaling.stop(self._env)
            if self._configurations.on_instances(name):
                options["RetainAllVariantProperties"] = True  # as many as run now
                if canary:
                    running = endpoint["ProductionVariants"][0]["CurrentInstanceCount"]
                    options["DeploymentConfig"] = self._canary(running)
        with aws.aws_errors(BUSY):
            self._client.update_endpoint(**self._endpoint, EndpointConfigName=name, **options)

    def _refuse_failed(self, endpoint: Json) -> None:
        """Raise CloudError if AWS allows nothing but to delete an endpoint that still answers."""
        if endpoint["EndpointStatus"] == FAILED:
            raise CloudError(
                f"endpoint {self._env.endpoint} is Failed "
                f"({endpoint.get('FailureReason', NO_REASON)}) but still serves "
                f"{endpoint['EndpointConfigName']}. SageMaker does not update a failed endpoint. "
                "When the API may pause for some minutes, delete it: aws sagemaker delete-endpoint "
                f"--endpoint-name {self._env.endpoint}. Then rerun the command, which creates it"
            )

    def _check(self, name: str) -> None:
        """Wait until the endpoint serves a configuration; see `serve` for its errors."""
        found = self.wait() or {"EndpointStatus": "gone"}
        status, reason = found["EndpointStatus"], found.get("FailureReason")
        if status == "InService" and found["EndpointConfigName"] == name:
            return
        reverted = status == "InService" and not reason  # as after an alarm
        reason = reason or NO_REASON
        message = f"endpoint {self._env.endpoint} did not take {name} and is {status}: {reason}"
        if reverted or any(each in reason.lower() for each in MODEL_FAULTS):
            raise ReleaseError(message)
        raise CloudError(f"{message}; correct that and rerun the command")

    def _canary(self, running: int) -> Json:
        """The settings of an update that starts with a canary and is undone if an alarm rings.

        A canary is at most half of the running instances, so a single one is replaced as a whole.
        """
        instances = self._env.aws.instances
        assert instances is not None
        seconds = instances.canary_seconds
        routing: Json = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": seconds}
        policy: Json = {"TrafficRoutingConfiguration": routing}
        if running > 1:
            size = {"Type": "CAPACITY_PERCENT", "Value": instances.canary_percent}
            routing |= {"Type": "CANARY", "CanarySize": size}
        else:
            policy["TerminationWaitInSeconds"] = seconds
        names = [f"{self._env.name_prefix}-{alarm}" for alarm in ("5xx", "latency")]
        return {
            "BlueGreenUpdatePolicy": policy,
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in names]},
        }
