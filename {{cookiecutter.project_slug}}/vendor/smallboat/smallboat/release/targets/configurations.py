"""What an endpoint can serve: models, and the configurations that serve them.

A model and its configuration have one name, made of what they hold.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from ...aws import aws
from ...errors import UserError
from . import scaling
from .sdk import Sdk, found, marks, once


class Configurations:
    """Those of a place."""

    def __init__(self, env: aws.Environment, sdk: Sdk) -> None:
        self._env, self._sdk = env, sdk

    def name(self, url: str, image: str) -> str:
        """What a model of an archive and an image is called with the settings of now."""
        kind = self._env.aws.serverless or self._env.aws.instances
        assert kind is not None
        settings = kind.model_dump(exclude={"canary_percent", "canary_seconds"})
        text = json.dumps([url, image, settings, self._env.sagemaker_role], sort_keys=True)
        return f"{self._env.name_prefix}-{sha256(text.encode()).hexdigest()[:12]}"

    def get(self, name: str) -> Any:
        """A configuration, or None."""
        return found(lambda: self._sdk.resources.EndpointConfig.get(name, **self._sdk.where))

    def container(self, config: str) -> Any:
        """The container that a configuration serves: `image`, `model_data_url`; or None."""
        known = self.get(config)
        if known is None:
            return None
        model = known.production_variants[0].model_name
        held = found(lambda: self._sdk.resources.Model.get(model, **self._sdk.where))
        return held.primary_container if held else None

    def on_instances(self, config: str) -> bool:
        """Whether a configuration runs on instances."""
        known = self.get(config)
        return bool(known) and not known.production_variants[0].serverless_config

    def make(self, url: str, image: str, tags: dict[str, str]) -> str:
        """A model and its configuration; what is there already stays. Returns their name."""
        name, sdk = self.name(url, image), self._sdk.resources
        if self.get(name) is not None:
            return name
        self._check_image(image)
        marked = marks(tags)
        with once():
            sdk.Model.create(
                model_name=name,
                primary_container=sdk.ContainerDefinition(image=image, model_data_url=url),
                execution_role_arn=self._env.sagemaker_role,
                tags=marked,
                **self._sdk.where,
            )
        with once():
            sdk.EndpointConfig.create(
                endpoint_config_name=name,
                production_variants=[scaling.variant(self._env, name)],
                tags=marked,
                **scaling.capture(self._env),
                **self._sdk.where,
            )
        return name

    def models(self) -> Iterator[tuple[str, Any]]:
        """The name and the container of every model of this place."""
        name_prefix = self._env.name_prefix
        with aws.aws_errors():
            for model in self._sdk.resources.Model.get_all(
                name_contains=f"{name_prefix}-", **self._sdk.where
            ):
                if re.fullmatch(rf"{re.escape(name_prefix)}-[0-9a-f]{{12}}", model.model_name):
                    yield model.model_name, model.primary_container

    def remove(self, name: str) -> None:
        """Remove a configuration and its model."""
        config = self.get(name)
        with aws.aws_errors():
            if config is not None:
                config.delete()
            self._sdk.resources.Model.get(name, **self._sdk.where).delete()

    def _check_image(self, image: str) -> None:
        repository, _, digest = image.partition("/")[2].partition("@")
        client = self._env.client("ecr")
        missing = client.exceptions.ImageNotFoundException
        with aws.aws_errors():
            try:
                client.describe_images(
                    repositoryName=repository, imageIds=[{"imageDigest": digest}]
                )
            except (missing, client.exceptions.RepositoryNotFoundException):
                environment = self._env.aws.environment
                raise UserError(
                    f"the image {image} is not in ECR: `make image ENV={environment}` puts it there"
                ) from None
