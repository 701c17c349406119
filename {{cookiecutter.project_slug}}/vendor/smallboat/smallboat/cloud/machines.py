"""The training flow as a state machine of Step Functions: what `make flow-deploy` makes."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..aws import aws, remote
from ..config import batch, config
from ..errors import CloudError, UserError
from ..problem import Problem
from ..store import mirror
from ..training import flow

LONGEST = 60
"""Characters of a name that Metaflow does not cut."""
PURPOSE = (
    'a state machine is for [schedule] by = "stepfunctions", or for steps with remote = true: '
    "only then `make image` makes what its steps run in"
)


def deploy(problem: Problem, options: argparse.Namespace) -> int:
    """Make or update the environment's state machine, or a preview under a branch's name.

    The environment's own runs on schedule if the configuration says so; a preview never does.
    """
    settings = config.load(problem, options.env)
    place = aws.Place(settings)
    name = _name(place, options.branch)
    _check_sizes(settings)
    scheduled = settings.on_step_functions and not options.branch
    if not scheduled and _unschedule(place, name):
        print(f"removed the schedule of {name}")
    if not settings.remote:
        print(f"nothing to deploy: {PURPOSE}")
        return 0
    _check_ground(place)
    there = _found(place, name)
    _create(settings, options.branch, there)
    print(f"{'updated' if there else 'made'} the state machine {name}")
    if scheduled:
        assert settings.schedule is not None
        print(f"it runs on schedule, {settings.schedule.cron} (UTC), and releases by itself")
    print(
        f"next: aws stepfunctions start-execution --state-machine-arn {_arn(place, name)}", end=" "
    )
    print(f"--input '{json.dumps({'Parameters': '{}'})}'")
    return 0


def remove(problem: Problem, options: argparse.Namespace) -> int:
    """Remove the environment's state machine, or a preview, with its schedule."""
    place = aws.Place(config.load(problem, options.env))
    name = _name(place, options.branch)
    print(f"removed the state machine {name}" if discard(place, name) else "nothing to do")
    return 0


def discard(place: aws.Place, name: str) -> bool:
    """Remove a state machine and its rule; whether there was one of them."""
    unscheduled, there = _unschedule(place, name), _found(place, name)
    if there:
        with aws.told():
            place.client("stepfunctions").delete_state_machine(stateMachineArn=_arn(place, name))
    return bool(there or unscheduled)


def known(place: aws.Place) -> list[str]:
    """The names of an environment's state machines and rules; all previews are staging's."""
    kinds = [f"prod.{place.aws.environment}"]
    if place.aws.environment == aws.REHEARSAL:
        kinds.append("test")
    ours = tuple(f"{place.project}.{kind}." for kind in kinds)
    with aws.told():
        machines = place.client("stepfunctions").get_paginator("list_state_machines").paginate()
        rules = place.client("events").get_paginator("list_rules").paginate()
        names = {each["name"] for page in machines for each in page["stateMachines"]}
        running = {name for name in names if name.startswith(ours) and _found(place, name)}
        return sorted(
            running
            | {each["Name"] for page in rules for each in page["Rules"]
               if each["Name"].startswith(ours)}
        )  # fmt: skip


def _name(place: aws.Place, branch: str | None) -> str:
    """The state machine's name, as Metaflow gives it; UserError if the branch is none for it."""
    kind = "test" if branch else "prod"
    name = f"{place.project}.{kind}.{branch or place.aws.environment}.{flow.FLOW}"
    if branch and place.aws.environment != aws.REHEARSAL:
        raise UserError(f"BRANCH={branch}: previews are of ENV={aws.REHEARSAL} only")
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


def _check_ground(place: aws.Place) -> None:
    with aws.told():
        asked = {"jobQueues": [place.stem]}
        found = place.client("batch").describe_job_queues(**asked)["jobQueues"]
    if not found:
        environment = place.aws.environment
        raise UserError(f"there is no job queue {place.stem}: `make bootstrap ENV={environment}`")


def _arn(place: aws.Place, name: str) -> str:
    return f"arn:aws:states:{place.region}:{place.aws.account}:stateMachine:{name}"


def _found(place: aws.Place, name: str) -> dict[str, Any] | None:
    """The definition of a state machine, or None if there is none."""
    with aws.told(unless="StateMachineDoesNotExist"):
        client = place.client("stepfunctions")
        found = client.describe_state_machine(stateMachineArn=_arn(place, name))
        definition: dict[str, Any] = json.loads(found["definition"])
        return definition if found["status"] == "ACTIVE" else None
    return None


def _token(definition: dict[str, Any]) -> str:
    """What Metaflow asks of another user than the one who deployed before."""
    start = definition["States"][definition["StartAt"]]
    return str(start["Parameters"]["Parameters"]["metaflow.production_token"])


def _unschedule(place: aws.Place, name: str) -> bool:
    """Remove a state machine's rule; whether there was one."""
    client = place.client("events")
    with aws.told(unless="ResourceNotFoundException"):
        client.remove_targets(Rule=name, Ids=[name])
        client.delete_rule(Name=name)
        return True
    return False


def _create(settings: config.Settings, branch: str | None, there: dict[str, Any] | None) -> None:
    """Let Metaflow make the state machine; what it prints is shown if it can't."""
    assert settings.aws is not None
    name = settings.aws.environment
    tokens = {"METAFLOW_TOKEN_HOME": str(Path(mirror.CACHE, "tokens").resolve())}
    under = ["--branch", branch] if branch else ["--production", "--branch", name]
    file = str(config.file(name))
    command = [sys.executable, "flows/train.py", "--no-pylint", "--config", "config", file, *under]
    command += ["step-functions", "create", "--max-workers", str(settings.training.workers)]
    command += ["--authorize", _token(there)] if there else []
    variables = flow.environment(settings) | remote.variables(settings, everywhere=True) | tokens
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        print(f"{done.stdout}{done.stderr}", file=sys.stderr)
        raise CloudError("Metaflow could not make the state machine: its message stands above")
