"""What `make bootstrap` says at its end: what will not work, and what to do next."""

import json

from ..aws import aws
from . import quotas

AUTOMATION = "the library's docs/automation.md"

SECRETS = {
    "comet": {"COMET_API_KEY": "..."},
    "mlflow": {"MLFLOW_TRACKING_URI": "https://...", "MLFLOW_TRACKING_TOKEN": "..."},
    "wandb": {"WANDB_API_KEY": "..."},
}
"""The content of each tracker's secret: variables of the last step."""


def warnings(env: aws.Environment) -> list[str]:
    """What will not work as the configuration has it, in sentences."""
    found = (quotas.shortage(env), nobody_told(env), nobody_releases(env))
    return [warning for warning in found if warning]


def nobody_told(env: aws.Environment) -> str | None:
    """That nobody gets alarms, and what to do; None if somebody does."""
    if env.aws.alert_email:
        return None
    return (
        "nobody is told of alarms, failed retrainings and the budget: set alert_email in "
        f"{_again(env)}"
    )


def nobody_releases(env: aws.Environment) -> str | None:
    """That nobody can release, and what to do; None if somebody can."""
    if not _by_workflow(env) or env.aws.github:
        return None
    return (
        f"nobody can release to {env.aws.environment}: only its workflow may (released_by), and "
        'there is none without `github`. Set github, or released_by = "anyone", in '
        f"{_again(env)}"
    )


def steps(env: aws.Environment) -> list[str]:
    """What to do after the first bootstrap."""
    name, found = env.aws.environment, []
    if env.aws.alert_email:
        found.append(f"confirm the subscription that AWS mails to {env.aws.alert_email}")
    if env.aws.github:
        found.append(f"create the environment {name} in GitHub: see {AUTOMATION}")
    return [
        *found,
        "activate the tags project and environment for cost allocation: the budget needs them",
        *_secret(env),
        release(env),
    ]


def _secret(env: aws.Environment) -> list[str]:
    if env.tracker == "none":
        return []
    return [
        "store what the tracker needs: aws secretsmanager put-secret-value --secret-id "
        f"{env.name_prefix}/{env.tracker} --secret-string '{json.dumps(SECRETS[env.tracker])}'"
    ]


def release(env: aws.Environment) -> str:
    """How the environment gets a release."""
    name = env.aws.environment
    if _by_workflow(env):
        return f"release to {name} by its workflow: see {AUTOMATION}"
    source = "local" if name == aws.STAGING else aws.STAGING
    return f"make image ENV={name}, then make deploy ENV={name} FROM={source}"


def _again(env: aws.Environment) -> str:
    name = env.aws.environment
    return f"config/{name}.toml and run `make bootstrap ENV={name}` again"


def _by_workflow(env: aws.Environment) -> bool:
    return env.aws.released_by == "workflow"
