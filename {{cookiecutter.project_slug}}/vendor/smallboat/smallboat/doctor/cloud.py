"""Whether an environment on AWS is ready: credentials, stacks, quota, image, who may release."""

from functools import partial

from ..aws import aws, image
from ..cloud import base_stacks, next_steps, quotas
from ..cloud.stacks import Stacks
from ..config import config
from ..errors import CommandError
from ..problem import Problem
from . import checked
from .rows import MISSING, NOTE, OK, WRONG, Row

CREDENTIALS = "credentials"
EXAMPLE = "123456789012"
"""The account that a new project's configuration has, which is also the emulator's."""


def rows(problem: Problem, settings: config.Settings) -> list[Row]:
    """What AWS answers about an environment; only the first rows if it refuses the credentials."""
    assert settings.aws is not None
    env, name = aws.Environment(settings), settings.aws.environment
    filled = settings.aws.account != EXAMPLE
    file = Row(
        f"config/{name}.toml",
        OK if filled else NOTE,
        f"account {settings.aws.account}" + ("" if filled else ", the template's example"),
        f"make ... ENV={name}",
        "" if filled else "write your account's number there, except for make cloud-local",
    )
    credentials = checked.row(CREDENTIALS, f"make ... ENV={name}", lambda: _credentials(env))
    if credentials.state != OK:
        return [file, credentials]
    needed = f"make deploy ENV={name}"
    return [
        file,
        credentials,
        *_stacks(env, name),
        checked.row("quota", needed, lambda: _quota(env, needed)),
        checked.row("image", needed, lambda: _image(problem, env, needed)),
        _releases(env, needed),
        _told("alarms", "by mail", "", next_steps.nobody_told(env)),
    ]


def _credentials(env: aws.Environment) -> Row:
    session = env.session  # checks the account
    needed = f"make ... ENV={env.aws.environment}"
    return Row(CREDENTIALS, OK, f"of account {env.aws.account}, {session.region_name}", needed)


def _stacks(env: aws.Environment, name: str) -> list[Row]:
    """The states of the stacks that `make bootstrap` makes."""
    names = (base_stacks.ACCOUNT_STACK, env.foundation_stack, env.compute_stack, env.budget_stack)
    return [checked.row(each, f"make deploy ENV={name}", partial(_stack, env, each, name))
            for each in names]  # fmt: skip


def _stack(env: aws.Environment, stack: str, name: str) -> Row:
    needed, to_do = f"make deploy ENV={name}", f"make bootstrap ENV={name}"
    found = Stacks(env).describe(stack)
    if found is None:
        return Row(stack, MISSING, "", needed, to_do)
    state = str(found["StackStatus"])
    words = state.lower().replace("_", " ")
    if state.endswith("_COMPLETE") and "ROLLBACK" not in state:
        return Row(stack, OK, words, needed)
    return Row(stack, WRONG, words, needed, to_do)


def _image(problem: Problem, env: aws.Environment, needed: str) -> Row:
    """The image that a deployment would run."""
    try:
        return Row("image", OK, image.released(problem, env).rpartition("/")[2], needed)
    except CommandError as error:
        return Row("image", MISSING, "", needed, str(error))


def _quota(env: aws.Environment, needed: str) -> Row:
    """Whether the account lets the endpoint have what it is configured to have."""
    serverless = env.aws.serverless
    found = f"max_concurrency = {serverless.max_concurrency}" if serverless else "none is needed"
    return _told("quota", found, needed, quotas.shortage(env))


def _releases(env: aws.Environment, needed: str) -> Row:
    """Who may release."""
    by_workflow = env.aws.released_by == "workflow"
    who = f"by the workflow of {env.aws.github} only" if by_workflow else "by anybody AWS allows"
    return _told("releases", who, needed, next_steps.nobody_releases(env))


def _told(name: str, found: str, needed: str, sentence: str | None) -> Row:
    """A row of what was found, or of a sentence that says what will not work."""
    return Row(name, NOTE, "", needed, sentence) if sentence else Row(name, OK, found, needed)
