"""What an endpoint can serve: models, and the endpoint configurations that serve them.

A model and its configuration have one name, a hash of their content.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from ...aws import aws
from .sdk import Resources

BATCH = 100
"""How many images ECR removes in one call, at most."""
VARIANT = "live"
"""The name of the only variant: a canary is possible only between variants of one name."""


class Configurations(Resources):
    """The models and endpoint configurations of an environment."""

    def name(self, url: str, image: str) -> str:
        """The name for an archive and an image with the current settings."""
        kind = self._env.aws.serverless or self._env.aws.instances
        assert kind is not None
        settings = kind.model_dump(exclude={"canary_percent", "canary_seconds"})
        text = json.dumps([url, image, settings, self._env.sagemaker_role], sort_keys=True)
        return f"{self._env.name_prefix}-{sha256(text.encode()).hexdigest()[:12]}"

    def container(self, name: str) -> Any:
        """The container of a configuration: `image`, `model_data_url`; None if it is gone."""
        config = self._get("EndpointConfig", name)
        if config is None:
            return None
        model = self._get("Model", config.production_variants[0].model_name)
        return model.primary_container if model else None

    def on_instances(self, name: str) -> bool:
        """Whether a configuration runs on instances."""
        config = self._get("EndpointConfig", name)
        return bool(config) and not config.production_variants[0].serverless_config

    def create(self, url: str, image: str, tags: dict[str, str]) -> str:
        """Create a model and its configuration unless they exist; returns their name."""
        name = self.name(url, image)
        if self._get("EndpointConfig", name) is None:
            self._create(
                "Model",
                tags,
                model_name=name,
                primary_container={"image": image, "model_data_url": url},
                execution_role_arn=self._env.sagemaker_role,
            )
            self._create(
                "EndpointConfig",
                tags,
                endpoint_config_name=name,
                production_variants=[self._variant() | {"model_name": name}],
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
        models = dict(self._models())
        for name in models.keys() - set(kept):
            for resource in (self._get("EndpointConfig", name), self._get("Model", name)):
                if resource is not None:
                    with aws.aws_errors():
                        resource.delete()
        containers = [models[name] for name in kept if name in models]
        digests = [container.image.partition("@")[2] for container in containers]
        self._prune_images(digests, current=models[kept[-1]].image.partition("@")[2])
        return {container.model_data_url for container in containers}

    def _models(self) -> Iterator[tuple[str, Any]]:
        """The name and the container of every model of this environment."""
        prefix = f"{self._env.name_prefix}-"
        with aws.aws_errors():
            for model in self._kind("Model").get_all(name_contains=prefix, **self._where):
                if re.fullmatch(rf"{re.escape(prefix)}[0-9a-f]{{12}}", model.model_name):
                    yield model.model_name, model.primary_container

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

    def _variant(self) -> dict[str, Any]:
        variant: dict[str, Any] = {"variant_name": VARIANT}
        if serverless := self._env.aws.serverless:
            return variant | {
                "serverless_config": {
                    "memory_size_in_mb": serverless.memory_mb,
                    "max_concurrency": serverless.max_concurrency,
                }
            }
        instances = self._env.aws.instances
        assert instances is not None
        return variant | {
            "instance_type": instances.type,
            "initial_instance_count": instances.least,
            "initial_variant_weight": 1.0,
        }

    def _capture(self) -> dict[str, Any]:
        """The capture of requests and answers; a serverless endpoint can't have one."""
        instances = self._env.aws.instances
        if instances is None or not instances.capture_share:
            return {}
        return {
            "data_capture_config": {
                "enable_capture": True,
                "initial_sampling_percentage": round(100 * instances.capture_share),
                "destination_s3_uri": f"s3://{self._env.bucket}/capture/",
                "capture_options": [{"capture_mode": mode} for mode in ("Input", "Output")],
                "capture_content_type_header": {"json_content_types": ["application/json"]},
            }
        }
