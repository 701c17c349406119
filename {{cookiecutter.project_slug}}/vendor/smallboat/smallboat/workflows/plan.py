"""What GitHub's workflows ask the configuration for: whom to become, where, and when."""

import os
import re
import sys
from pathlib import Path

from ..aws import aws
from ..config import config, sections
from ..errors import UserError
from ..problem import Problem
from . import notices

ENVIRONMENTS = (aws.STAGING, "prod")
RETRAIN = Path(".github/workflows/retrain.yml")
CRON = re.compile(r"(?m)^on:\n(?:  schedule:\n    - cron: .*\n|  # no cron.*\n)?")


def plan(problem: Problem, environment: str) -> int:
    """Print each environment's role, their region, who has the schedule, and if there is a flow.

    GitHub's jobs get the same as outputs. An environment that is not set up has no role; UserError
    if it is the one that was asked for.
    """
    config.file(environment)
    known = {each: _settings(problem, each) for each in ENVIRONMENTS}
    missing = {each: _missing(each, settings) for each, settings in known.items()}
    if missing.get(environment):
        raise UserError(missing[environment])
    for message in filter(None, missing.values()):
        print(message, file=sys.stderr)
    rehearsal = known[aws.STAGING]
    schedule = rehearsal.schedule if rehearsal else None
    values = {
        each: aws.Environment(settings).deploy_role if settings and not missing[each] else ""
        for each, settings in known.items()
    }
    values |= {
        "region": _region([each for each in known.values() if each]),
        "schedule": schedule.by if schedule else "",
        "flow": str(bool(rehearsal and rehearsal.remote)).lower(),
    }
    print("\n".join(f"{name}={value}" for name, value in values.items()))
    notices.output(**values)
    return 0


def write_schedule(problem: Problem, environment: str, check: bool) -> int:
    """Write the configured cron into the workflow; with `check`, UserError if another is there."""
    settings = _settings(problem, aws.STAGING)
    wanted = _cron(settings.schedule if settings else None)
    if not RETRAIN.is_file():
        raise UserError(f"there is no {RETRAIN}: `git checkout {RETRAIN}` brings it back")
    before = RETRAIN.read_text()
    after, found = CRON.subn(lambda _: f"on:\n{wanted}", before)
    if not found:
        raise UserError(f"{RETRAIN} has no line `on:`: `git checkout {RETRAIN}` brings it back")
    if after == before:
        print("nothing to do: the workflow has the cron of the configuration")
    elif check:
        raise UserError(
            f"{RETRAIN} has another cron than [schedule] in config/{aws.STAGING}.toml: "
            "`make schedule` writes it anew"
        )
    else:
        RETRAIN.write_text(after)
        print(f"{RETRAIN}: {' '.join(wanted.split())}\nnext: commit it; GitHub reads it on main")
    return 0


def _settings(problem: Problem, environment: str) -> config.Settings | None:
    """An environment's configuration, or None if the project has no such environment."""
    if not Path("config", f"{environment}.toml").is_file():
        return None
    return config.load(problem, environment)


def _missing(environment: str, settings: config.Settings | None) -> str:
    """What an environment lacks for workflows to deploy it, or nothing.

    Raises:
        UserError: it is deployed by the workflows of another repository.
    """
    file = f"config/{environment}.toml"
    if settings is None or settings.aws is None:
        return f"{environment} is not set up yet: there is no {file} with an account on AWS"
    ours, here = settings.aws.github, os.environ.get("GITHUB_REPOSITORY")
    if not ours:
        return (
            f"{environment} is not set up yet: write this repository's ORG/REPO as `github` into "
            f"{file}, then `make bootstrap ENV={environment}`"
        )
    if here and here != ours:
        raise UserError(
            f"{file} is deployed by the workflows of {ours}, this is {here}: correct `github`, "
            f"then `make bootstrap ENV={environment}`"
        )
    return ""


def _region(known: list[config.Settings]) -> str:
    """That of all environments: prod reads what staging serves."""
    regions = {each.project.aws_region for each in known}
    if len(regions) > 1:
        raise UserError(
            f"the environments lie in {' and '.join(sorted(regions))}: prod reads what "
            f"{aws.STAGING} serves, so give both the same project.aws_region"
        )
    return "".join(regions)


def _cron(schedule: sections.Schedule | None) -> str:
    """The lines below `on:` that are the schedule's."""
    if schedule is not None and schedule.by == "actions":
        return f'  schedule:\n    - cron: "{schedule.cron}"\n'
    return "  # no cron: Step Functions has the schedule\n" if schedule else "  # no cron\n"
