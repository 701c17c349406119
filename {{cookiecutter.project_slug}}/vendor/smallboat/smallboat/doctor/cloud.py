"""Whether an environment on AWS is ready: credentials, stacks, quota, image, who may release."""

from collections.abc import Callable

from ..aws import aws, image
from ..cloud import base_stacks, next_steps, quotas
from ..cloud.stacks import Stacks
from ..config import config
from ..errors import CommandError
from ..problem import Problem
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
    credentials = _credentials(env, name)
    if credentials.state != OK:
        return [file, credentials]
    return [
        file,
        credentials,
        *_stacks(env, name),
        _told("quota", f"make deploy ENV={name}", lambda: quotas.shortage(env)),
        _image(problem, env, name),
        _told("releases", f"make deploy ENV={name}", lambda: next_steps.nobody_releases(env)),
        _told("alarms", "", lambda: next_steps.nobody_told(env)),
    ]


def _credentials(env: aws.Environment, name: str) -> Row:
    needed = f"make ... ENV={name}"
    try:
        _ = env.session
    except CommandError as error:
        return Row(CREDENTIALS, WRONG, "", needed, str(error))
    return Row(CREDENTIALS, OK, f"of account {env.aws.account}, {env.region}", needed)


def _stacks(env: aws.Environment, name: str) -> list[Row]:
    """The states of the stacks that `make bootstrap` makes."""
    found, stacks, to_do = [], Stacks(env), f"make bootstrap ENV={name}"
    names = (base_stacks.ACCOUNT_STACK, env.foundation_stack, env.compute_stack, env.budget_stack)
    for stack in names:
        try:
            state = (stacks.describe(stack) or {}).get("StackStatus")
        except CommandError as error:
            found.append(Row(stack, WRONG, "", to_do, str(error)))
            continue
        if state is None:
            found.append(Row(stack, MISSING, "", f"make deploy ENV={name}", to_do))
        else:
            good = state.endswith("_COMPLETE") and "ROLLBACK" not in state
            words = state.lower().replace("_", " ")
            found.append(Row(stack, OK if good else WRONG, words, "", "" if good else to_do))
    return found


def _image(problem: Problem, env: aws.Environment, name: str) -> Row:
    """The image that a deployment would run."""
    needed = f"make deploy ENV={name}"
    try:
        return Row("image", OK, image.released(problem, env).rpartition("/")[2], needed)
    except CommandError as error:
        return Row("image", MISSING, "", needed, str(error))


def _told(name: str, needed: str, ask: Callable[[], str | None]) -> Row:
    """A row of a sentence that says what will not work; OK without one."""
    sentence = ask()
    return Row(name, NOTE if sentence else OK, "", needed, sentence or "")
