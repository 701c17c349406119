"""Who is told how a command ended that nobody watched: GitHub's job, a topic on AWS, an issue."""

import os

from ..aws import aws
from ..config import config
from ..errors import CommandError
from .github import Repository


def tell(settings: config.Settings, name: str, message: str, newest: bool = False) -> None:
    """Tell those who wait for a release how it ended.

    The environment's topic gets a sentence; a failure opens an issue on GitHub, and the next good
    end of the newest model closes it. What can't be told is printed and never raised.

    Args:
        settings: the environment's.
        name: released, kept, rolled back or failed.
        message: which run, and why.
        newest: whether it is of the newest model.
    """
    environment = settings.name_prefix if settings.aws else settings.project.name
    sentence = f"{environment}: {name}: {message}"
    for way in (_publish, *([_issue] if newest or name == "failed" else [])):
        try:
            way(settings, environment, name, sentence)
        except CommandError as error:
            print(f"not told: {error}", flush=True)


def summary(markdown: str) -> None:
    """Add a paragraph to the summary of GitHub's job, if this is one."""
    _append("GITHUB_STEP_SUMMARY", f"{markdown}\n")


def output(**values: str) -> None:
    """Hand values on to later steps and jobs of GitHub's workflow, if this is one."""
    _append("GITHUB_OUTPUT", "".join(f"{key}={value}\n" for key, value in values.items()))


def _append(variable: str, text: str) -> None:
    if os.environ.get(variable):
        with open(os.environ[variable], "a") as file:
            file.write(text)


def _publish(settings: config.Settings, environment: str, name: str, sentence: str) -> None:
    if settings.aws is None:
        return
    env = aws.Environment(settings)
    with aws.aws_errors():
        env.client("sns").publish(
            TopicArn=env.topic,
            Subject=f"{environment}: {name}",
            Message="\n".join([sentence, *_links()]),
        )


def _issue(settings: config.Settings, environment: str, name: str, sentence: str) -> None:
    repository = Repository.here()
    if repository is None:
        return
    title = f"{environment}: the newest model is not released"
    body = "\n\n".join([sentence, *_links()])
    if name == "failed":
        repository.open_issue(title, body)
    else:
        repository.close_issue(title, body)


def _links() -> list[str]:
    """Where more stands: the page of GitHub's job."""
    parts = [os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if not all(parts):
        return []
    server, repository, run = parts
    return [f"{server}/{repository}/actions/runs/{run}"]
