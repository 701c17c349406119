"""What GitHub's workflows need from the configuration: roles, region, and the cron."""

import json
import os
import re
import sys
from pathlib import Path

from ..aws import aws
from ..config import config, files, sections
from ..errors import UserError
from ..problem import Problem
from . import notices

ENVIRONMENTS = (aws.STAGING, "prod")
RETRAIN, MONITOR = (Path(f".github/workflows/{name}.yml") for name in ("retrain", "monitor"))
NO_CRON = "  # no cron\n"
CRON = re.compile(r"(?m)^on:\n(?:  schedule:\n    - cron: .*\n|  # no cron.*\n)?")


def plan(problem: Problem, environment: str) -> int:
    """Print the roles of each environment, their region, and whether staging's flow is deployed.

    GitHub's jobs get the same as outputs. An environment that is not set up has no role; UserError
    if it is the given one.
    """
    files.path(environment)
    settings = {name: _settings(problem, name) for name in ENVIRONMENTS}
    roles = dict.fromkeys((*ENVIRONMENTS, "build", "preview"), "")
    monitors = []
    for name, each in settings.items():
        if reason := _not_set_up(name, each):
            if name == environment:
                raise UserError(reason)
            print(reason, file=sys.stderr)
        elif each:
            env = aws.Environment(each)
            roles[name] = env.deploy_role
            if name == aws.STAGING:
                roles |= {"build": env.role("build"), "preview": env.role("preview")}
            if each.no_capture:
                print(f"{name} is not monitored: {each.no_capture}", file=sys.stderr)
            elif not each.on_step_functions:
                monitors.append({"environment": name, "role": env.monitor_role})
    staging = settings[aws.STAGING]
    values = {
        **roles,
        "monitors": json.dumps(monitors),
        "region": _region([each for each in settings.values() if each]),
        "flow": str(bool(staging and staging.remote)).lower(),
    }
    print("\n".join(f"{name}={value}" for name, value in values.items()))
    notices.output(**values)
    return 0


def write_schedule(problem: Problem, environment: str, check: bool) -> int:
    """Write the configured crons into the workflows; with `check`, UserError if they differ."""
    settings = _settings(problem, aws.STAGING)
    monitor = f'  schedule:\n    - cron: "{settings.monitor.cron}"\n' if settings else NO_CRON
    wanted = {RETRAIN: _cron(settings.schedule if settings else None)}
    if MONITOR.is_file():  # a project of an older template has none
        wanted[MONITOR] = monitor
    changed = [file for file, lines in wanted.items() if _written(file, lines) != file.read_text()]
    if not changed:
        print("nothing to do: the workflows have the configured crons")
    elif check:
        raise UserError(
            f"{' and '.join(map(str, changed))}: not the cron of config/{aws.STAGING}.toml "
            "([schedule], [monitor]): run `make schedule`"
        )
    for file in changed:
        file.write_text(_written(file, wanted[file]))
        print(f"{file}: {' '.join(wanted[file].split())}\nnext: commit it; GitHub reads it on main")
    return 0


def _written(file: Path, lines: str) -> str:
    """A workflow with these lines below `on:`."""
    before = file.read_text() if file.is_file() else ""
    after, found = CRON.subn(lambda _: f"on:\n{lines}", before)
    if not found:
        raise UserError(f"{file} is missing or has no line `on:`: `git checkout {file}`")
    return after


def _settings(problem: Problem, environment: str) -> config.Settings | None:
    """An environment's settings, or None if the project has no such environment."""
    if not (files.FOLDER / f"{environment}.toml").is_file():
        return None
    return config.load(problem, environment)


def _not_set_up(environment: str, settings: config.Settings | None) -> str:
    """What an environment needs before workflows can deploy it; empty if nothing.

    Raises:
        UserError: the workflows of another repository deploy it.
    """
    file = f"config/{environment}.toml"
    if settings is None or settings.aws is None:
        return f"{environment} is not set up yet: {file} with a table [aws] is missing"
    owner, here = settings.aws.github, os.environ.get("GITHUB_REPOSITORY")
    if not owner:
        return (
            f"{environment} is not set up yet: write this repository's ORG/REPO as `github` into "
            f"{file}, then run `make bootstrap ENV={environment}`"
        )
    if here and here != owner:
        raise UserError(
            f"{file} is deployed by the workflows of {owner}, this is {here}: correct `github`, "
            f"then run `make bootstrap ENV={environment}`"
        )
    return ""


def _region(settings: list[config.Settings]) -> str:
    """The region of all environments: prod reads what staging serves."""
    regions = {each.project.aws_region for each in settings}
    if len(regions) > 1:
        raise UserError(
            f"the environments are in {' and '.join(sorted(regions))}: prod reads what "
            f"{aws.STAGING} serves, so give both the same project.aws_region"
        )
    return "".join(regions)


def _cron(schedule: sections.Schedule | None) -> str:
    """The schedule's lines below `on:`."""
    if schedule is None:
        return NO_CRON
    if schedule.by == "stepfunctions":
        return "  # no cron: Step Functions has the schedule\n"
    return f'  schedule:\n    - cron: "{schedule.cron}"\n'
