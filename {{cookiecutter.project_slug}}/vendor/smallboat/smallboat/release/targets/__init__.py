"""Where releases are served: this machine, or a SageMaker endpoint."""

from ...aws import aws, image
from ...aws.buckets import Bucket
from ...config import config
from ...problem import Problem
from .target import Event, Target


def of(problem: Problem, settings: config.Settings, releasing: bool = False) -> Target:
    """The target of an environment; `releasing` on AWS needs the current model server's image."""
    if settings.aws is None:
        from .local import LocalTarget

        return LocalTarget(problem, keep=settings.release.keep)
    from .sagemaker import SageMakerTarget

    env = aws.Environment(settings)
    image_uri = image.released(problem, env) if releasing else ""
    return SageMakerTarget(env, image_uri, settings.release.keep)


def log(env: aws.Environment) -> list[Event]:
    """The release log of an environment on AWS, oldest first."""
    from .sagemaker import read_log

    return read_log(Bucket(env))[0]
