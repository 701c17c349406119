"""The training flow as a state machine of Step Functions: what `make flow-deploy` makes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..aws import aws, remote
from ..config import batch, config, files
from ..errors import CloudError, UserError
from ..problem import Problem
from ..store import s3_cache
from ..training import flow

LONGEST = 60
"""Characters of a name that Metaflow does not cut."""
PURPOSE = (
    'a state machine is for [schedule] by = "stepfunctions", or for steps with remote = true: '
    "only then `make image` makes what its steps run in"
)


def deploy(problem: Problem, environment: str, branch: str | None) -> int:
    """Make or update the environment's state machine, or a preview under a branch's name.

    The environment's own runs on schedule if the configuration says so; a preview never does.
    """
    settings = config.load(problem, environment)
    env = aws.Environment(settings)
    name = _name(env, branch)
    _check_sizes(settings)
    scheduled = settings.on_step_functions and not branch
    if not scheduled and _unschedule(env, name):
        print(f"removed the schedule of {name}")
    if not settings.remote:
        print(f"nothing to deploy: {PURPOSE}")
        return 0
    _check_ground(env)
    there = _found(env, name)
    _create(settings, branch, there)
    print(f"{'updated' if there else 'made'} the state machine {name}")
    if scheduled:
        assert settings.schedule is not None
        print(f"it runs on schedule, {settings.schedule.cron} (UTC), and releases by itself")
    print(f"next: aws stepfunctions start-execution --state-machine-arn {_arn(env, name)}", end=" ")
    print(f"--input '{json.dumps({'Parameters': '{}'})}'")
    return 0


def remove(problem: Problem, environment: str, branch: str | None) -> int:
    """Remove the environment's state machine, or a preview, with its schedule."""
    env = aws.Environment(config.load(problem, environment))
    name = _name(env, branch)
    print(f"removed the state machine {name}" if discard(env, name) else "nothing to do")
    return 0


def discard(env: aws.Environment, name: str) -> bool:
    """Remove a state machine and its rule; whether there was one of them."""
    unscheduled, there = _unschedule(env, name), _found(env, name)
    if there:
        with aws.aws_errors():
            env.client("stepfunctions").delete_state_machine(stateMachineArn=_arn(env, name))
    return bool(there or unscheduled)


def known(env: aws.Environment) -> list[str]:
    """The names of an environment's state machines and rules; all previews are staging's."""
    kinds = [f"prod.{env.aws.environment}"]
    if env.aws.environment == aws.STAGING:
        kinds.append("test")
    ours = tuple(f"{env.project}.{kind}." for kind in kinds)
    with aws.aws_errors():
        machines = env.client("stepfunctions").get_paginator("list_state_machines").paginate()
        rules = env.client("events").get_paginator("list_rules").paginate()
        names = {each["name"] for page in machines for each in page["stateMachines"]}
        running = {name for name in names if name.startswith(ours) and _found(env, name)}
        return sorted(
            running
            | {each["Name"] for page in rules for each in page["Rules"]
               if each["Name"].startswith(ours)}
        )  # fmt: skip


def _name(env: aws.Environment, branch: str | None) -> str:
    """The state machine's name, as Metaflow gives it; UserError if the branch is none for it."""
    kind = "test" if branch else "prod"
    name = f"{env.project}.{kind}.{branch or env.aws.environment}.{flow.FLOW}"
    if branch and env.aws.environment != aws.STAGING:
        raise UserError(f"BRANCH={branch}: previews are of ENV={aws.STAGING} only")
    if branch and not re.fullmatch("[a-z0-9_]+", branch):
        raise UserError(f"BRANCH={branch}: a branch has lower-case letters, digits and _, as pr12")
    if branch and len(name) > LONGEST:
        most = LONGEST - len(name) + len(branch)
        raise UserError(f"BRANCH={branch}: of a branch's name {most} characters fit, as pr12")
    return name


def _check_sizes(settings: config.Settings) -> None:
    """All steps run on Batch here, also those that are not remote in `make train`."""
    for name, step in settings.steps.items():
        if why := batch.no_size(step):
            raise UserError(f"steps.{name}.{why}")


def _check_ground(env: aws.Environment) -> None:
    with aws.aws_errors():
        asked = {"jobQueues": [env.name_prefix]}
        found = env.client("batch").describe_job_queues(**asked)["jobQueues"]
    if not found:
        environment = env.aws.environment
        raise UserError(
            f"there is no job queue {env.name_prefix}: `make bootstrap ENV={environment}`"
        )


def _arn(env: aws.Environment, name: str) -> str:
    return f"arn:aws:states:{env.region}:{env.aws.account}:stateMachine:{name}"


def _found(env: aws.Environment, name: str) -> dict[str, Any] | None:
    """The definition of a state machine, or None if there is none."""
    with aws.aws_errors(unless="StateMachineDoesNotExist"):
        client = env.client("stepfunctions")
        found = client.describe_state_machine(stateMachineArn=_arn(env, name))
        definition: dict[str, Any] = json.loads(found["definition"])
        return definition if found["status"] == "ACTIVE" else None
    return None


def _token(definition: dict[str, Any]) -> str:
    """What Metaflow asks of another user than the one who deployed before."""
    start = definition["States"][definition["StartAt"]]
    return str(start["Parameters"]["Parameters"]["metaflow.production_token"])


def _unschedule(env: aws.Environment, name: str) -> bool:
    """Remove a state machine's rule; whether there was one."""
    client = env.client("events")
    with aws.aws_errors(unless="ResourceNotFoundException"):
        client.remove_targets(Rule=name, Ids=[name])
        client.delete_rule(Name=name)
        return True
    return False


def _create(settings: config.Settings, branch: str | None, there: dict[str, Any] | None) -> None:
    """Let Metaflow make the state machine; what it prints is shown if it can't."""
    assert settings.aws is not None
    name = settings.aws.environment
    tokens = {"METAFLOW_TOKEN_HOME": str(Path(s3_cache.CACHE, "tokens").resolve())}
    under = ["--branch", branch] if branch else ["--production", "--branch", name]
    file = str(files.path(name))
    command = [sys.executable, "flows/train.py", "--no-pylint", "--config", "config", file, *under]
    command += ["step-functions", "create", "--max-workers", str(settings.training.workers)]
    command += ["--authorize", _token(there)] if there else []
    variables = flow.environment(settings) | remote.variables(settings, everywhere=True) | tokens
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        print(f"{done.stdout}{done.stderr}", file=sys.stderr)
        raise CloudError("Metaflow could not make the state machine: its message stands above")
