"""What `make destroy` does: all that an environment has on AWS goes, and a list proves it."""

import sys

from ..aws import aws
from ..aws.buckets import Bucket
from ..config import config
from ..errors import CloudError, UserError
from ..problem import Problem
from .base_stacks import as_administrator
from .inventory import KINDS


def destroy(problem: Problem, environment: str, confirm: str | None, force: bool) -> int:
    """Remove what deployments and `bootstrap` made; 0 if a list shows that nothing is left."""
    env = aws.Environment(config.load(problem, environment))
    _confirm(env, confirm)
    with as_administrator(env), aws.aws_errors():
        removed = _remove(env, force)
        left = _left(env, force)
        kept = Bucket(env).kept()
    if left:
        raise CloudError(f"left on AWS: {'; '.join(left)}. `make destroy` again, or remove them")
    if kept:
        print(f"kept: {kept} objects of the model store in s3://{env.bucket}/{Bucket.KEPT}")
        print(f"(`make destroy ENV={environment} FORCE=1` removes them too)")
    if not removed:
        print(
            f"nothing to do: there is nothing of {env.name_prefix} on AWS"
            + " but that" * bool(kept)
        )
    else:
        print(f"nothing is left of: {', '.join(kind.name for kind in KINDS)}, object, bucket")
        print("the account's own stack stays: other environments may use it")
    return 0


def _confirm(env: aws.Environment, confirmed: str | None) -> None:
    name = env.aws.environment
    if confirmed is None:
        if not sys.stdin.isatty():
            raise UserError(f"nobody can be asked here: CONFIRM={name} says that you mean it")
        print(f"This removes all of {env.name_prefix} in the account {env.aws.account}.")
        confirmed = input(f"Type the name of the environment ({name}) to go on: ").strip()
    if confirmed != name:
        raise UserError(f"{confirmed!r} is not {name!r}: nothing was removed")


def _remove(env: aws.Environment, force: bool) -> bool:
    """Remove all that is found, and say what; whether there was anything."""
    done = False
    for kind in KINDS:
        for name in kind.found(env):
            done = True
            try:
                with aws.aws_errors():
                    kind.remove(env, name)
            except CloudError as error:  # the others go; the list at the end names this one
                print(f"not removed: {kind.name} {name}: {error}", flush=True)
            else:
                print(f"removed: {kind.name} {name}", flush=True)
    bucket = Bucket(env)
    emptied = bucket.empty(force)
    if emptied:
        print(f"removed: {emptied} versions of objects", flush=True)
        done = True
    if bucket.exists() and not any(bucket.versions()):
        bucket.remove()
        print(f"removed: bucket {bucket.name}", flush=True)
        done = True
    return done


def _left(env: aws.Environment, force: bool) -> list[str]:
    """What is still there and should not be."""
    left = [f"{kind.name} {name}" for kind in KINDS for name in kind.found(env)]
    bucket = Bucket(env)
    left += [f"object {key}" for key in bucket.left()]
    if bucket.exists() and (force or not bucket.kept()):
        left.append(f"bucket {bucket.name}")
    return left
