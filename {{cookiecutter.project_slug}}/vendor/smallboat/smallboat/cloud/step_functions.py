"""`make flow-deploy`: the flows as state machines of Step Functions."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ..aws import aws, remote
from ..config import batch, config, files
from ..errors import CloudError, UserError
from ..problem import Problem
from ..store import s3_cache
from ..training import flow

MAX_NAME = 60
"""Metaflow cuts longer names."""
TRAIN, MONITOR = Path("flows/train.py"), Path("flows/monitor.py")
FLOWS = {TRAIN.stem: flow.FLOW, MONITOR.stem: "MonitorFlow"}
INPUT = json.dumps({"Parameters": "{}"})


def deploy(problem: Problem, environment: str, branch: str | None) -> int:
    """Create or update the environment's state machines, or a preview of the training flow.

    The environment's own run on schedule if the configuration says so, and the monitor with them; a
    preview never does.
    """
    settings = config.load(problem, environment, branch)
    env = aws.Environment(settings)
    _check_sizes(settings)
    name = _name(env, branch)
    scheduled = settings.on_step_functions and not branch
    monitored = scheduled and not settings.no_capture
    monitor = _name(env, None, MONITOR.stem)
    if not scheduled and _delete_rule(env, name):
        print(f"removed the schedule of {name}")
    if not monitored and not branch and delete(env, monitor):
        print(f"removed the state machine {monitor}")
    if not settings.remote:
        print(
            "nothing to deploy: no step has remote = true, and [schedule] by is not stepfunctions"
        )
        return 0
    _put(env, settings, name, TRAIN, branch)
    if scheduled:
        assert settings.schedule is not None
        print(f"it runs on schedule, {settings.schedule.cron} (UTC), and releases its model")
    if monitored:
        _deploy_monitor(env, settings, monitor)
    print(f"next: aws stepfunctions start-execution --state-machine-arn {_arn(env, name)}", end=" ")
    print(f"--input '{INPUT}'")
    return 0


def _deploy_monitor(env: aws.Environment, settings: config.Settings, name: str) -> None:
    if not MONITOR.is_file():  # in a project of an older template
        print(f"no state machine monitors: {MONITOR} is missing; `cruft update` brings it")
        return
    _put(env, settings, name, MONITOR, None)
    print(f"it runs on schedule, {settings.monitor.cron} (UTC), and starts the training flow")
    print("when a retraining is due")


def _put(
    env: aws.Environment, settings: config.Settings, name: str, file: Path, branch: str | None
) -> None:
    exists = _exists(env, name)
    _create(settings, file, branch)
    with aws.aws_errors():  # Metaflow tags jobs, but no state machine
        tags = [{"key": key, "value": value} for key, value in env.tags.items()]
        env.client("stepfunctions").tag_resource(resourceArn=_arn(env, name), tags=tags)
    print(f"{'updated' if exists else 'created'} the state machine {name}")


def start(env: aws.Environment) -> None:
    """Start the training flow of an environment."""
    with aws.aws_errors():
        env.client("stepfunctions").start_execution(
            stateMachineArn=_arn(env, _name(env, None)), input=INPUT
        )


def remove(problem: Problem, environment: str, branch: str | None) -> int:
    """Delete the environment's state machines, or a preview, with their schedules."""
    env = aws.Environment(config.load(problem, environment, branch))
    every = [_name(env, branch), *([] if branch else [_name(env, None, MONITOR.stem)])]
    removed = [name for name in every if delete(env, name)]
    print("\n".join(f"removed the state machine {name}" for name in removed) or "nothing to do")
    return 0


def delete(env: aws.Environment, name: str) -> bool:
    """Delete a state machine and its schedule; False if there was neither."""
    had_rule, exists = _delete_rule(env, name), _exists(env, name)
    if exists:
        with aws.aws_errors():
            env.client("stepfunctions").delete_state_machine(stateMachineArn=_arn(env, name))
    return had_rule or exists


def names(env: aws.Environment) -> list[str]:
    """The names of an environment's state machines and rules; all previews belong to staging."""
    prefixes: tuple[str, ...] = (f"{env.project}.prod.{env.aws.environment}.",)
    if env.aws.environment == aws.STAGING:
        prefixes += (f"{env.project}.test.",)
    with aws.aws_errors():
        machines = env.client("stepfunctions").get_paginator("list_state_machines").paginate()
        rules = env.client("events").get_paginator("list_rules").paginate()
        found = {name for name in rules.search("Rules[].Name") if name.startswith(prefixes)}
        for name in machines.search("stateMachines[].name"):
            if name.startswith(prefixes) and _exists(env, name):  # not one that is being deleted
                found.add(name)
    return sorted(found)


def _name(env: aws.Environment, branch: str | None, file: str = TRAIN.stem) -> str:
    """The name of a flow's state machine, as Metaflow forms it; UserError for a wrong branch."""
    if not branch:
        return f"{env.project}.prod.{env.aws.environment}.{FLOWS[file]}"
    longest = MAX_NAME - len(f"{env.project}.test..{flow.FLOW}")
    if len(branch) > longest:
        raise UserError(f"BRANCH={branch}: use at most {longest} characters, as in pr12")
    return f"{env.project}.test.{branch}.{flow.FLOW}"


def _check_sizes(settings: config.Settings) -> None:
    """Check every step: on Step Functions all run on Batch, also those without remote = true."""
    for name, step in settings.steps.items():
        if reason := batch.no_size(step):
            raise UserError(f"steps.{name}.{reason}")


def _arn(env: aws.Environment, name: str) -> str:
    return env.arn("states", f"stateMachine:{name}")


def _exists(env: aws.Environment, name: str) -> bool:
    with aws.aws_errors("StateMachineDoesNotExist"):
        client = env.client("stepfunctions")
        machine = client.describe_state_machine(stateMachineArn=_arn(env, name))
        return bool(machine["status"] == "ACTIVE")
    return False


def _delete_rule(env: aws.Environment, name: str) -> bool:
    """Delete the schedule of a state machine; False if there was none."""
    client = env.client("events")
    with aws.aws_errors("ResourceNotFoundException"):
        client.remove_targets(Rule=name, Ids=[name])
        client.delete_rule(Name=name)
        return True
    return False


def _create(settings: config.Settings, file: Path, branch: str | None) -> None:
    """Let Metaflow create or update the state machine; print its output if it fails."""
    assert settings.aws is not None
    environment = settings.aws.environment
    project = ["--branch", branch] if branch else ["--production", "--branch", environment]
    variables = flow.environment(settings) | remote.variables(settings, all_remote=True) | {
        # Metaflow lets a state machine's owner update it: the environment owns its own.
        "METAFLOW_USER": settings.name_prefix,
        "METAFLOW_TOKEN_HOME": str(Path(s3_cache.CACHE, "tokens").resolve()),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        own = files.path(environment)
        if branch:
            own = Path(folder, own.name)
            own.write_text(files.path(environment).read_text() + config.preview(branch))
        command = [
            *(sys.executable, str(file), "--no-pylint", "--config", "config", str(own), *project),
            *("step-functions", "create", "--max-workers", str(settings.training.workers)),
        ]
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        print(f"{done.stdout}{done.stderr}", file=sys.stderr)
        raise CloudError("Metaflow could not create the state machine: see its message above")
