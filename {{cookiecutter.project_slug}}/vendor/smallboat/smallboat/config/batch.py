"""What steps AWS Batch can run for an environment."""

from . import sections

GIB = 1024
FARGATE = {1: (2, 8, 1), 2: (4, 16, 1), 4: (8, 30, 1), 8: (16, 60, 4), 16: (32, 120, 8)}
"""The least and the most GiB for a number of cores, and the step between."""
LEAST_SECONDS = 60
DEFAULTS = {"cpu": 1, "memory": 4 * GIB}
"""What Metaflow asks Batch for where the configuration says nothing."""


def refusal(step: sections.StepPolicy, place: sections.Aws | None, scheduled: bool) -> str | None:
    """Why a step can't be run as its policy says, beginning with the wrong key; None if it can.

    Args:
        step: what `[steps]` says of it.
        place: the `[aws]` of the environment, if it has one.
        scheduled: whether Step Functions runs the flow, so that every step is remote.
    """
    if place is None:
        for key in ("remote", "secrets"):
            if getattr(step, key):
                return f"{key}: this environment is not on AWS: leave it out, or set it in another"
    if step.gpu and not step.remote:
        return "gpu: only a step with remote = true can have one"
    if step.gpu and place is not None and not place.batch.gpu_instance:
        return "gpu: Fargate has no GPUs: name a machine that has as gpu_instance in [aws.batch]"
    if not step.remote and not (scheduled and place is not None):
        return None
    if step.timeout_seconds is not None and step.timeout_seconds < LEAST_SECONDS:
        return f"timeout_seconds = {step.timeout_seconds}: Batch takes {LEAST_SECONDS} or more"
    return no_size(step)


def no_size(step: sections.StepPolicy) -> str | None:
    """Why Fargate has no machine of a step's size, beginning with the wrong key; None if it has.

    A step with a GPU runs on another machine, of which everything is its own.
    """
    if step.gpu:
        return None
    cpu, memory = step.cpu or DEFAULTS["cpu"], step.memory or DEFAULTS["memory"]
    if cpu not in FARGATE:
        return f"cpu = {cpu}: Fargate has {', '.join(map(str, FARGATE))}"
    least, most, each = FARGATE[cpu]
    if memory in range(least * GIB, most * GIB + 1, each * GIB):
        return None
    return (
        f"memory = {memory}: with cpu = {cpu} Fargate has {least * GIB} to {most * GIB}, "
        f"in steps of {each * GIB}"
    )
