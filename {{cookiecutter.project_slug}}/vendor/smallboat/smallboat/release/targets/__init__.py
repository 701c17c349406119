"""Where releases are served: this machine, or a SageMaker endpoint."""

from typing import Any

from ...aws import aws, image
from ...config import config


def of(settings: config.Settings, releasing: bool = False) -> Any:
    """The target of an environment; `releasing` on AWS needs the image of today's model server."""
    if settings.aws is None:
        from .local import Endpoint

        return Endpoint(keep=settings.release.keep)
    from . import sagemaker

    place = aws.Place(settings)
    name = image.current(place) if releasing else ""
    return sagemaker.Endpoint(place, name, settings.release.keep)
