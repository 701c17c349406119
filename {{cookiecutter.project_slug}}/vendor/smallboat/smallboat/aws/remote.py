"""Metaflow's settings for an environment on AWS, with the names that infra/compute.yaml creates."""

import json
import os
import re

from ..config import config
from . import aws, image

TIMEOUT_SECONDS = 6 * 60 * 60
"""After this time Batch ends a step without timeout_seconds; Metaflow's default is five days."""

NO_TAG = re.compile(r"[^A-Za-z0-9 +._:/@-]")
"""What Metaflow refuses or breaks on in the value of a tag, though AWS takes some of it."""


def variables(settings: config.Settings, all_remote: bool = False) -> dict[str, str]:
    """Metaflow's environment variables; empty for an environment that is not on AWS.

    Args:
        settings: the environment's.
        all_remote: whether every step runs on Batch, not only those with remote = true.

    Raises:
        UserError: a step runs on Batch, and the training image is not in ECR.
    """
    if settings.aws is None:
        return {}
    env = aws.Environment(settings)
    part = "preview-" if settings.preview else ""
    names = {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"{env.metaflow_root}/metaflow",
        "METAFLOW_DATATOOLS_S3ROOT": f"{env.metaflow_root}/metaflow/data",
        "METAFLOW_BATCH_JOB_QUEUE": _queue(env),
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": env.role(f"{part}step"),
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": env.role(f"{part}start"),
        "METAFLOW_SFN_IAM_ROLE": env.role(f"{part}states"),
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": env.role("schedule"),
        "METAFLOW_SFN_DYNAMO_DB_TABLE": f"{env.step_prefix}-foreach",
        "METAFLOW_DEFAULT_RUNTIME_LIMIT": str(TIMEOUT_SECONDS),
        "METAFLOW_BATCH_EMIT_TAGS": "1",  # without it the tags below are dropped
        "METAFLOW_BATCH_DEFAULT_TAGS": json.dumps(
            {key: NO_TAG.sub("_", value) for key, value in env.tags.items()}
        ),
    }
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):  # the second has precedence
        if os.environ.get(variable):
            names["METAFLOW_S3_ENDPOINT_URL"] = os.environ[variable]
    if all_remote or any(step.remote for step in settings.steps.values()):
        names["METAFLOW_BATCH_CONTAINER_IMAGE"] = image.current(env, image.TRAIN)
    return names


def gpu_queue(settings: config.Settings) -> str:
    """The ARN of the queue for steps with a GPU."""
    return f"{_queue(aws.Environment(settings))}-gpu"


def definitions(settings: config.Settings) -> str:
    """What the names of the environment's job definitions begin with: its permissions name it."""
    return f"{aws.Environment(settings).step_prefix}_"


def _queue(env: aws.Environment) -> str:
    return env.arn("batch", f"job-queue/{env.name_prefix}")
