"""Metaflow on AWS: what it is told of an environment, by the names that compute.yaml gives."""

import os

from ..config import config
from . import aws, image

LONGEST_SECONDS = 6 * 60 * 60
"""When Batch ends a step that says no timeout_seconds; Metaflow's own limit is five days."""
PRIORITY = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def variables(settings: config.Settings, everywhere: bool = False) -> dict[str, str]:
    """Metaflow's settings for an environment on AWS, none for one that is not.

    Args:
        settings: the environment's.
        everywhere: whether all steps run remotely, not only those of which `[steps]` says it.

    Raises:
        UserError: steps are to run remotely, and the image that they run in is not there.
    """
    if settings.aws is None:
        return {}
    env = aws.Environment(settings)
    told = _names(env)
    if everywhere or any(step.remote for step in settings.steps.values()):
        told["METAFLOW_BATCH_CONTAINER_IMAGE"] = image.current(env, image.TRAIN)
    return told


def gpu_queue(settings: config.Settings) -> str:
    """Where steps with a GPU wait for a machine."""
    return f"{_queue(aws.Environment(settings))}-gpu"


def _names(env: aws.Environment) -> dict[str, str]:
    role = f"arn:aws:iam::{env.aws.account}:role/{env.name_prefix}"
    told = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{env.bucket}/metaflow",
        "METAFLOW_DATATOOLS_S3ROOT": f"s3://{env.bucket}/metaflow/data",
        "METAFLOW_BATCH_JOB_QUEUE": _queue(env),
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": f"{role}-step",
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": f"{role}-start",
        "METAFLOW_SFN_IAM_ROLE": f"{role}-states",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": f"{role}-schedule",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": f"{env.name_prefix}-foreach",
        "METAFLOW_DEFAULT_RUNTIME_LIMIT": str(LONGEST_SECONDS),
    }
    elsewhere = next((os.environ[name] for name in PRIORITY if os.environ.get(name)), None)
    return told | ({"METAFLOW_S3_ENDPOINT_URL": elsewhere} if elsewhere else {})


def _queue(env: aws.Environment) -> str:
    return f"arn:aws:batch:{env.region}:{env.aws.account}:job-queue/{env.name_prefix}"
