"""SageMaker's model registry: a package for each released model, with its metrics."""

from typing import Any

from ...aws import aws


def register(
    env: aws.Environment, facts: dict[str, str], url: str, image: str, package: str | None
) -> str:
    """Register a released model once, as approved; returns the ARN of its package.

    Args:
        env: the environment.
        facts: `run`, `model_hash` and more; the package keeps them.
        url: of the archive, which has the evaluation next to it.
        image: the image that serves it.
        package: the model's package, if it was released before.
    """
    client, group = env.client("sagemaker"), env.registry_group
    _create_group(env, client)
    with aws.aws_errors():
        arn = package or _newest(client, group, facts["model_hash"])
        if arn:
            return arn
        # sagemaker-core's ModelPackage.create expects a name that SageMaker does not return.
        response = client.create_model_package(
            ModelPackageGroupName=group,
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
    return str(response["ModelPackageArn"])


def _create_group(env: aws.Environment, client: Any) -> None:
    """Create the group of packages unless it exists; a missing one is a ValidationException."""
    name, group = env.registry_group, None
    with aws.aws_errors(unless="ValidationException"):
        group = client.describe_model_package_group(ModelPackageGroupName=name)
    if group is None:
        tags = [{"Key": key, "Value": value} for key, value in env.tags.items()]
        with aws.aws_errors():
            client.create_model_package_group(ModelPackageGroupName=name, Tags=tags)


def _newest(client: Any, group: str, model_hash: str) -> str | None:
    """The newest package if it is of this model: a killed deployment may have registered it."""
    packages = client.list_model_packages(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )["ModelPackageSummaryList"]
    for package in packages:
        arn = str(package["ModelPackageArn"])
        details = client.describe_model_package(ModelPackageName=arn)
        if details.get("CustomerMetadataProperties", {}).get("model_hash") == model_hash:
            return arn
    return None
