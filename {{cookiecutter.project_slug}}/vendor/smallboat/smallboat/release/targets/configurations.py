"""What an endpoint can serve: models, and the endpoint configurations that serve them.

A model and its configuration have one name, a hash of their content.
"""

import json
import re
from hashlib import sha256
from typing import Any

from ...aws import aws

Json = dict[str, Any]
BATCH = 100
"""How many images ECR removes in one call, at most."""
EXISTS = "already existing"
"""What SageMaker says of a resource that a deployment made before it was killed."""
STARTUP_SECONDS = 180
"""How long a container on an instance may take to answer, so that a crash loop ends soon."""
VARIANT = "live"
"""The name of the only variant: a canary is possible only between variants of one name."""


class Configurations:
    """The models and endpoint configurations of an environment."""

    def __init__(self, env: aws.Environment) -> None:
        self._env, self._client = env, env.client("sagemaker")

    def name(self, url: str, image: str) -> str:
        """The name for an archive and an image with the current settings."""
        kind = self._env.aws.serverless or self._env.aws.instances
        assert kind is not None
        settings = kind.model_dump(exclude={"canary_percent", "canary_seconds"})
        content = [url, image, settings, self._environment(), self._env.sagemaker_role]
        text = json.dumps(content, sort_keys=True)
        return f"{self._env.name_prefix}-{sha256(text.encode()).hexdigest()[:12]}"

    def container(self, name: str) -> Json | None:
        """The container of a configuration: `Image`, `ModelDataUrl`; None if it is gone."""
        with aws.aws_errors("Could not find"):
            model = self._client.describe_model(ModelName=self._variant(name)["ModelName"])
            return dict(model["PrimaryContainer"])
        return None

    def on_instances(self, name: str) -> bool:
        """Whether a configuration runs on instances."""
        with aws.aws_errors("Could not find"):
            return not self._variant(name).get("ServerlessConfig")
        return False

    def create(self, url: str, image: str, tags: dict[str, str]) -> str:
        """Create a model and its configuration unless they exist; returns their name."""
        name = self.name(url, image)
        if self.container(name) is None:
            with aws.aws_errors(EXISTS):
                self._client.create_model(
                    ModelName=name,
                    PrimaryContainer={
                        "Image": image,
                        "ModelDataUrl": url,
                        "Environment": self._environment(),
                    },
                    ExecutionRoleArn=self._env.sagemaker_role,
                    Tags=aws.as_list(tags),
                )
            with aws.aws_errors(EXISTS):
                self._client.create_endpoint_config(
                    EndpointConfigName=name,
                    ProductionVariants=[self._new_variant() | {"ModelName": name}],
                    Tags=aws.as_list(tags),
                    **self._capture(),
                )
        return name

    def prune(self, kept: list[str]) -> set[str]:
        """Remove other configurations and their models, and images older than the current one.

        Args:
            kept: the names to keep, the current one last.

        Returns:
            The URLs of the archives of the kept ones.
        """
        for name in self._models() - set(kept):
            with aws.aws_errors("Could not find"):
                self._client.delete_endpoint_config(EndpointConfigName=name)
            with aws.aws_errors("Could not find"):
                self._client.delete_model(ModelName=name)
        containers = [each for name in kept if (each := self.container(name))]
        digests = [container["Image"].partition("@")[2] for container in containers]
        self._prune_images(digests, current=digests[-1])
        return {container["ModelDataUrl"] for container in containers}

    def _models(self) -> set[str]:
        """The names of the models of this environment."""
        own = re.compile(rf"{re.escape(self._env.name_prefix)}-[0-9a-f]{{12}}")
        with aws.aws_errors():
            pages = self._client.get_paginator("list_models")
            names = pages.paginate(NameContains=self._env.name_prefix).search("Models[].ModelName")
            return {name for name in names if own.fullmatch(name)}

    def _variant(self, name: str) -> Json:
        """The only variant of a configuration."""
        config = self._client.describe_endpoint_config(EndpointConfigName=name)
        return dict(config["ProductionVariants"][0])

    def _prune_images(self, kept: list[str], current: str) -> None:
        """Remove the images that were pushed before the current one and are not kept."""
        client, repository = self._env.client("ecr"), self._env.image_repository
        with aws.aws_errors():
            pages = client.get_paginator("describe_images").paginate(repositoryName=repository)
            images = [each for page in pages for each in page["imageDetails"]]
            pushed = {each["imageDigest"]: each["imagePushedAt"] for each in images}
            old = [
                {"imageDigest": digest}
                for digest, at in pushed.items()
                if digest not in kept and current in pushed and at < pushed[current]
            ]
            for start in range(0, len(old), BATCH):
                batch = old[start : start + BATCH]
                client.batch_delete_image(repositoryName=repository, imageIds=batch)

    def _new_variant(self) -> Json:
        variant: Json = {"VariantName": VARIANT}
        if serverless := self._env.aws.serverless:
            limits = {
                "MemorySizeInMB": serverless.memory_mb,
                "MaxConcurrency": serverless.max_concurrency,
            }
            if serverless.provisioned_concurrency:
                limits["ProvisionedConcurrency"] = serverless.provisioned_concurrency
            return variant | {"ServerlessConfig": limits}
        instances = self._env.aws.instances
        assert instances is not None
        return variant | {
            "InstanceType": instances.type,
            "InitialInstanceCount": instances.least,
            "InitialVariantWeight": 1.0,
            "ContainerStartupHealthCheckTimeoutInSeconds": STARTUP_SECONDS,
        }

    def _environment(self) -> dict[str, str]:
        """The variables of the container; a serverless one starts faster with one worker."""
        return {"MODEL_WORKERS": "1"} if self._env.aws.serverless else {}

    def _capture(self) -> Json:
        """The capture of requests and answers; a serverless endpoint can't have one."""
        instances = self._env.aws.instances
        if instances is None or not instances.capture_share:
            return {}
        return {
            "DataCaptureConfig": {
                "EnableCapture": True,
                "InitialSamplingPercentage": round(100 * instances.capture_share),
                "DestinationS3Uri": f"s3://{self._env.bucket}/capture/",
                "CaptureOptions": [{"CaptureMode": mode} for mode in ("Input", "Output")],
                "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
            }
        }
