"""Which steps AWS Batch can run."""

from . import sections

GIB = 1024
FARGATE = {1: (2, 8, 1), 2: (4, 16, 1), 4: (8, 30, 1), 8: (16, 60, 4), 16: (32, 120, 8)}
"""For each number of cores: the least and the most memory in GiB, and its increment."""
LEAST_SECONDS = 60
DEFAULTS = {"cpu": 1, "memory": 4 * GIB}
"""Metaflow's own, for a step without `cpu` or `memory`."""


def refusal(step: sections.StepPolicy, aws: sections.Aws | None, scheduled: bool) -> str | None:
    """Why a step can't run as configured, beginning with the wrong key; None if it can.

    Args:
        step: its table in `[steps]`.
        aws: the environment's table `[aws]`, if it has one.
        scheduled: whether Step Functions runs the flow; every step is remote then.
    """
    if aws is None:
        for key in ("remote", "secrets"):
            if getattr(step, key):
                return f"{key}: this environment is not on AWS, remove it"
    if step.gpu and not step.remote:
        return "gpu: only a step with remote = true can have one"
    if step.gpu and aws is not None and not aws.batch.gpu_instance:
        return "gpu: Fargate has no GPUs: set gpu_instance in [aws.batch], as g4dn.xlarge"
    if aws is None or not (step.remote or scheduled):
        return None
    if step.timeout_seconds is not None and step.timeout_seconds < LEAST_SECONDS:
        return f"timeout_seconds = {step.timeout_seconds}: Batch takes {LEAST_SECONDS} or more"
    return no_size(step)


def no_size(step: sections.StepPolicy) -> str | None:
    """Why Fargate has no machine of a step's size, beginning with the wrong key; None if it has.

    A step with a GPU runs on an instance of its own instead.
    """
    if step.gpu:
        return None
    cpu, memory = step.cpu or DEFAULTS["cpu"], step.memory or DEFAULTS["memory"]
    if cpu not in FARGATE:
        return f"cpu = {cpu}: Fargate has {', '.join(map(str, FARGATE))}"
    least, most, increment = (size * GIB for size in FARGATE[cpu])
    if memory in range(least, most + 1, increment):
        return None
    return (
        f"memory = {memory}: with cpu = {cpu} Fargate has {least} to {most}, "
        f"in steps of {increment}"
    )
