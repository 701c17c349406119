"""Says how a command ended that nobody watched: in GitHub's job, and on a topic of AWS."""

import os

from ..aws import aws
from ..config import config
from ..errors import CommandError


def tell(settings: config.Settings, outcome: str, message: str) -> None:
    """Publish how a release ended on the environment's topic, if it is on AWS.

    A failure is printed and never raised.

    Args:
        settings: the environment's.
        outcome: released, kept, rolled back or failed.
        message: which run, and why.
    """
    if settings.aws is None:
        return
    env = aws.Environment(settings)
    subject = f"{settings.name_prefix}: {outcome}"
    try:
        with aws.aws_errors():
            env.client("sns").publish(
                TopicArn=env.topic, Subject=subject, Message=f"{subject}: {message}\n{_job()}"
            )
    except CommandError as error:
        print(f"warning: nothing published on {env.topic}: {error}", flush=True)


def ended(outcome: str, message: str) -> None:
    """Add how a command ended to the summary of GitHub's job, and to the outputs of its step."""
    summary(f"**{outcome}**: {message}\n")
    output(message=" ".join(f"{outcome}: {message}".split()))


def in_workflow() -> bool:
    """Whether this is a job of GitHub, which reads the outputs of its steps."""
    return bool(os.environ.get("GITHUB_OUTPUT"))


def summary(markdown: str) -> None:
    """Add a paragraph to the summary of GitHub's job, if this is one."""
    _append("GITHUB_STEP_SUMMARY", f"{markdown}\n")


def output(**values: str) -> None:
    """Set outputs of the step, each of one line, if this is a job of GitHub."""
    _append("GITHUB_OUTPUT", "".join(f"{key}={value}\n" for key, value in values.items()))


def _append(variable: str, text: str) -> None:
    if os.environ.get(variable):
        with open(os.environ[variable], "a") as file:
            file.write(text)


def _job() -> str:
    """The page of GitHub's job; empty elsewhere."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (os.environ.get(name, "") for name in names)
    return f"{server}/{repository}/actions/runs/{run}" if run else ""
