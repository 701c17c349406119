"""Where releases are served: this machine, or a SageMaker endpoint."""

from typing import Any

from ...aws import aws, image
from ...config import config
from ...problem import Problem


def of(problem: Problem, settings: config.Settings, releasing: bool = False) -> Any:
    """The target of an environment; `releasing` on AWS needs the image of today's model server."""
    if settings.aws is None:
        from .local import Endpoint

        return Endpoint(problem, keep=settings.release.keep)
    from . import sagemaker

    env = aws.Environment(settings)
    name = image.current(env) if releasing else ""
    return sagemaker.Endpoint(problem, env, name, settings.release.keep)
