"""An endpoint on instances: how they are scaled, and how a canary watches an update."""

from typing import Any

from ...aws import aws
from .configurations import VARIANT


def canary(env: aws.Environment, running: int) -> dict[str, Any]:
    """The settings of an update that starts with a canary and is rolled back if an alarm rings.

    A canary is at most half of the running instances, so a single one is replaced as a whole.
    """
    instances = env.aws.instances
    assert instances is not None
    seconds = instances.canary_seconds
    routing: dict[str, Any] = {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": seconds}
    policy: dict[str, Any] = {"traffic_routing_configuration": routing}
    if running > 1:
        size = {"type": "CAPACITY_PERCENT", "value": instances.canary_percent}
        routing |= {"type": "CANARY", "canary_size": size}
    else:
        policy["termination_wait_in_seconds"] = seconds
    alarms = [{"alarm_name": f"{env.name_prefix}-{alarm}"} for alarm in ("5xx", "latency")]
    return {
        "blue_green_update_policy": policy,
        "auto_rollback_configuration": {"alarms": alarms},
    }


def start(env: aws.Environment) -> None:
    """Scale the instances with the requests; it may be called again."""
    instances = env.aws.instances
    if instances is None:
        return
    client, target = env.client("application-autoscaling"), _target(env)
    with aws.aws_errors():
        client.register_scalable_target(
            MinCapacity=instances.least, MaxCapacity=instances.most, **target
        )
        client.put_scaling_policy(
            PolicyName=f"{env.name_prefix}-requests",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(instances.requests_a_minute),
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
                },
            },
            **target,
        )


def stop(env: aws.Environment) -> None:
    """Stop scaling: AWS does not change instances that are scaled."""
    client = env.client("application-autoscaling")
    with aws.aws_errors():
        try:
            client.deregister_scalable_target(**_target(env))
        except client.exceptions.ObjectNotFoundException:
            return


def _target(env: aws.Environment) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{env.endpoint}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
