"""SageMaker's model registry: a record of each model that was released, with its metrics."""

from typing import Any

from ...aws import aws


def register(
    env: aws.Environment, facts: dict[str, str], url: str, image: str, known: str | None
) -> str:
    """Register a released model as approved, once; returns the ARN of its package.

    Args:
        env: whose group of packages.
        facts: what is known of it, `model_hash` among it.
        url: of its archive, which has the evaluation beside it.
        image: that serves it.
        known: its package, if it was released before.
    """
    client = env.client("sagemaker")
    _see_to_group(env)
    with aws.aws_errors():
        arn = known or _newest(client, env.registry_group, facts["model_hash"])
        if arn:
            return arn
        # sagemaker-core's ModelPackage.create looks for a name that SageMaker does not answer.
        made = client.create_model_package(
            ModelPackageGroupName=env.registry_group,
            ModelPackageDescription=f"model {facts['model_hash']} of run {facts['run']}",
            InferenceSpecification={
                "Containers": [{"Image": image, "ModelDataUrl": url}],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            ModelMetrics={
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": url.rpartition("/")[0] + "/evaluation.json",
                    }
                }
            },
            CustomerMetadataProperties=facts,
            ModelApprovalStatus="Approved",
        )
    return str(made["ModelPackageArn"])


def _see_to_group(env: aws.Environment) -> None:
    """Make the group of packages if it is not there, which SageMaker calls a wrong value."""
    client, group = env.client("sagemaker"), None
    with aws.aws_errors(unless="ValidationException"):
        group = client.describe_model_package_group(ModelPackageGroupName=env.registry_group)
    if group is None:
        tags = [{"Key": key, "Value": value} for key, value in env.tags.items()]
        with aws.aws_errors():
            client.create_model_package_group(ModelPackageGroupName=env.registry_group, Tags=tags)


def _newest(client: Any, group: str, model_hash: str) -> str | None:
    """The newest package if it is of this model: a killed deployment registered it last."""
    found = client.list_model_packages(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )["ModelPackageSummaryList"]
    if not found:
        return None
    arn = str(found[0]["ModelPackageArn"])
    about = client.describe_model_package(ModelPackageName=arn)
    same = about.get("CustomerMetadataProperties", {}).get("model_hash") == model_hash
    return arn if same else None
