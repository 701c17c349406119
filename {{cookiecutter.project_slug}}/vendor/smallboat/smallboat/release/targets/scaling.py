"""How an endpoint's one variant runs: serverless, or on instances that are scaled and watched."""

from typing import Any

from ...aws import aws
from ...errors import UserError

VARIANT = "live"
"""Its name; SageMaker shifts traffic slowly only between variants of one name."""


def variant(env: aws.Environment, model: str) -> Any:
    """The variant that serves a model."""
    from sagemaker.core import shapes

    named = {"variant_name": VARIANT, "model_name": model}
    if env.aws.serverless:
        config = shapes.ProductionVariantServerlessConfig(
            memory_size_in_mb=env.aws.serverless.memory_mb,
            max_concurrency=env.aws.serverless.max_concurrency,
        )
        return shapes.ProductionVariant(serverless_config=config, **named)
    instances = env.aws.instances
    assert instances is not None
    return shapes.ProductionVariant(
        instance_type=instances.type,
        initial_instance_count=instances.least,
        initial_variant_weight=1.0,
        **named,
    )


def capture(env: aws.Environment) -> dict[str, Any]:
    """The capture of requests and answers, where there is one: a serverless endpoint has none."""
    from sagemaker.core import shapes

    if env.aws.instances is None or not env.aws.instances.capture_share:
        return {}
    config = shapes.DataCaptureConfig(
        enable_capture=True,
        initial_sampling_percentage=round(100 * env.aws.instances.capture_share),
        destination_s3_uri=f"s3://{env.bucket}/capture/",
        capture_options=[shapes.CaptureOption(capture_mode=mode) for mode in ("Input", "Output")],
        capture_content_type_header=shapes.CaptureContentTypeHeader(
            json_content_types=["application/json"]
        ),
    )
    return {"data_capture_config": config}


def slowly(env: aws.Environment, running: int) -> Any:
    """An update that begins with a canary, and goes back by itself if an alarm rings.

    A canary is at most half of the machines that run: a single one is watched as a whole.
    """
    from sagemaker.core import shapes

    instances = env.aws.instances
    assert instances is not None
    seconds = instances.canary_seconds
    routing: dict[str, Any] = {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": seconds}
    watched: dict[str, Any] = {"termination_wait_in_seconds": seconds}
    if running > 1:
        size = shapes.CapacitySize(type="CAPACITY_PERCENT", value=instances.canary_percent)
        routing |= {"type": "CANARY", "canary_size": size}
        watched = {}
    alarms = [shapes.Alarm(alarm_name=f"{env.name_prefix}-{what}") for what in ("5xx", "latency")]
    return shapes.DeploymentConfig(
        blue_green_update_policy=shapes.BlueGreenUpdatePolicy(
            traffic_routing_configuration=shapes.TrafficRoutingConfig(**routing), **watched
        ),
        auto_rollback_configuration=shapes.AutoRollbackConfig(alarms=alarms),
    )


def slow_seconds(env: aws.Environment) -> int:
    """How long an update is watched."""
    return env.aws.instances.canary_seconds if env.aws.instances else 0


def refuse_serverless(env: aws.Environment, on_instances: bool) -> None:
    """UserError if the endpoint would have to become serverless again."""
    if on_instances and env.aws.serverless:
        environment = env.aws.environment
        raise UserError(
            f"endpoint {env.endpoint} runs on instances, which SageMaker can't make serverless: "
            f"keep [aws.instances] in config/{environment}.toml, or remove the endpoint first "
            f"(`make destroy ENV={environment}`)"
        )


def on(env: aws.Environment) -> None:
    """Scale the instances with the requests; said again, it changes nothing."""
    instances = env.aws.instances
    if instances is None:
        return
    client, what = env.client("application-autoscaling"), _target(env)
    with aws.aws_errors():
        client.register_scalable_target(
            MinCapacity=instances.least, MaxCapacity=instances.most, **what
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
            **what,
        )


def off(env: aws.Environment) -> None:
    """Scale no more: AWS refuses to change instances that are scaled."""
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
