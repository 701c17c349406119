"""How a run gets to where an environment serves: who may release it, and how that is told."""

import signal

from ..aws import aws
from ..cloud import lambda_api
from ..config import config
from ..errors import UserError
from ..problem import Problem
from ..serving import serving
from ..store import store
from ..workflows import notices
from . import release, targets
from .targets import local

STILL = "what was served before is served still"


def permitted(settings: config.Settings) -> None:
    """UserError if the environment is released by its workflow only, and this is another."""
    if settings.aws is None or settings.aws.released_by == "anyone":
        return
    env = aws.Environment(settings)
    with aws.aws_errors():
        who = env.client("sts").get_caller_identity()["Arn"]
    role = env.deploy_role.rpartition("/")[2]
    if f":assumed-role/{role}/" not in who:
        raise UserError(
            f"{env.aws.environment} is released by its workflow only, as {role}, and these "
            f"credentials are of {who}: run the workflow Retrain, or Deploy to go back"
        )


def target(problem: Problem, settings: config.Settings, releasing: bool = False) -> release.Target:
    """Where the environment serves; whoever is told to end goes back first, as with Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found: release.Target = targets.of(problem, settings, releasing)
    return found


def promoted(
    problem: Problem, source: str, run: str | None, settings: config.Settings
) -> tuple[str, str]:
    """Bring the pair that another environment serves, or one of its runs, into our store."""
    theirs = config.load(problem, source)
    if run is not None:
        pair = run, run
    elif served := target(problem, theirs).current():
        pair = str(served["run"]), str(served["features_run"])
    else:
        raise UserError(f"{source} serves nothing yet: `make deploy ENV={source}`, or name RUN")
    for each in dict.fromkeys(pair):
        store.copy_run(theirs.store.root, settings.store.root, each)
    return pair


def release_run(
    problem: Problem,
    settings: config.Settings,
    run: str | None,
    features_run: str | None = None,
    allow_schema_change: bool = False,
) -> tuple[release.Outcome, bool]:
    """Release a run, or the newest that passes; the outcome, and whether another pair is served."""
    root, rules = settings.store.root, settings.release
    where = target(problem, settings, releasing=True)
    before = _pair(where)
    outcome = release.deploy(problem, where, root, rules, run, allow_schema_change, features_run)
    changed = _pair(where) != before
    notices.output(changed=str(changed).lower())
    return outcome, changed


def tell(outcome: release.Outcome) -> None:
    """Print how it ended, for GitHub's job too."""
    print(f"{outcome.name}: {outcome.message}")
    if outcome.name == "failed":
        print(STILL)
    notices.ended(outcome.name, outcome.message)


def serve(problem: Problem, settings: config.Settings) -> None:
    """Say where it is served; on AWS the API follows the code and what the endpoint serves."""
    if settings.aws is None:
        server = serving.running(local.FOLDER)
        print(f"serving {server['url']}" if server else "next: make serve")
    elif _pair(target(problem, settings)) is not None:
        print(f"serving {lambda_api.deploy(aws.Environment(settings), settings)}")


def _pair(where: release.Target) -> str | None:
    """The id of the release that is served, or None: before the first, or it can't be read."""
    try:
        current = where.current()
    except UserError:
        return None
    return str(current["release"]) if current else None
