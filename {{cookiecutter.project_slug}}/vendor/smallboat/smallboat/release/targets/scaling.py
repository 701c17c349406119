"""The scaling of an endpoint on instances with its requests."""

from ...aws import aws
from .configurations import VARIANT


def start(env: aws.Environment) -> None:
    """Scale the instances, if there are any; it may be called again."""
    instances = env.aws.instances
    if instances is None:
        return
    client, target = env.client("application-autoscaling"), _target(env)
    stop(env)  # AWS takes tags, which permissions name, of a new target only
    with aws.aws_errors():
        client.register_scalable_target(
            MinCapacity=instances.least, MaxCapacity=instances.most, Tags=env.tags, **target
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
    with aws.aws_errors("ObjectNotFoundException", "No scalable target found"):
        env.client("application-autoscaling").deregister_scalable_target(**_target(env))


def _target(env: aws.Environment) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{env.endpoint}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
