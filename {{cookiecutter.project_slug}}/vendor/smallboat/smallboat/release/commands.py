"""The commands deploy, refresh, rollback and retrain, and serve and stop on this machine."""

import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..aws import aws
from ..cloud import lambda_api
from ..config import config
from ..errors import CommandError, UserError
from ..problem import Problem
from ..serving import serving
from ..store import store
from ..training import commands as training
from ..workflows import notices
from . import history, targets
from .release import UNCHANGED, Outcome, Releaser
from .targets.local import FOLDER
from .targets.target import Target

NOTHING = "nothing is released yet: `make deploy` releases the newest run that passed"


def deploy(
    problem: Problem,
    environment: str,
    run: str | None = None,
    source_environment: str | None = None,
    allow_schema_change: bool = False,
) -> int:
    """Release the newest run that passes, or that run; 0 released or kept, 4 failed."""
    settings = config.load(problem, environment)
    check_permission(settings)
    origin = source_environment if source_environment != environment else None
    releaser, features_run = _releaser(problem, settings, origin or ""), run
    if source_environment:
        run, features_run = _promote(problem, source_environment, run, settings)
    outcome = releaser.deploy(settings.store.root, run, allow_schema_change, features_run)
    _print(outcome)
    _record(settings, releaser.target)
    if outcome.changed or outcome.name == "failed":
        notices.tell(settings, outcome.name, outcome.message)
    deploy_api(problem, settings)
    return outcome.exit_code


def refresh(problem: Problem, environment: str) -> int:
    """Release what is served again, with the current image, settings and API; exits as `deploy`."""
    if targets.of(problem, config.load(problem, environment)).current() is None:
        print(NOTHING)
        return 0
    return deploy(problem, environment, source_environment=environment)


def roll_back(problem: Problem, environment: str) -> int:
    """Serve the previous release; 0 if it is served, 4 if that failed."""
    settings = config.load(problem, environment)
    check_permission(settings)
    _interrupt_on_sigterm()
    target = targets.of(problem, settings)
    outcome = Releaser(problem, target, settings.release).roll_back()
    _print(outcome)
    _record(settings, target)
    notices.tell(settings, outcome.name, outcome.message)
    if settings.aws is None:
        deploy_api(problem, settings)
    return outcome.exit_code


def retrain(problem: Problem, environment: str, source: str | None, directory: str | None) -> int:
    """Collect data, train, release, report.

    Returns:
        0 released or kept. Any other code is that of an error: 2 bad data; 3 no candidate passed
        its gates, and the champion has the new online features; 4 the release failed.
    """
    settings = config.load(problem, environment)
    check_permission(settings)
    try:
        run = training.collect_and_train(problem, settings, environment, source, directory)
        training.print_results(settings, run)
        outcome = release_run(problem, settings, run)
        if outcome.changed or outcome.exit_code == 0:
            deploy_api(problem, settings)
        notices.output(changed=str(outcome.changed).lower())
        outcome.check()
    except CommandError as error:
        notices.tell(settings, "failed", str(error))
        raise
    return 0


def serve(problem: Problem, environment: str, port: int | None, background: bool) -> int:
    """Serve the current release on this machine, in the foreground or in the background."""
    settings = config.load(problem, environment)
    if settings.serve is None:
        raise UserError(f"{environment} is not served on this machine: `make serve` without ENV")
    if targets.of(problem, settings).current() is None:
        raise UserError(NOTHING)
    _interrupt_on_sigterm()
    chosen = port or settings.serve.port
    if not background:
        with suppress(KeyboardInterrupt):
            serving.serve(problem, FOLDER, settings, chosen)
        print("stopped")
        return 0
    server = serving.serve_in_background(problem, FOLDER, environment, chosen)
    if port is not None and not server["url"].endswith(f":{port}"):
        raise UserError(f"this project is served already at {server['url']}: `make stop` ends that")
    print(f"serving {server['url']} in the background (process {server['pid']} and those it")
    print(f"started, log {FOLDER / serving.LOG}): `make stop` ends it")
    return 0


def stop(problem: Problem, environment: str) -> int:
    """Stop the server that runs in the background."""
    pid = serving.stop(FOLDER)
    print("nothing is running" if pid is None else f"stopped process {pid} and those it started")
    return 0


def release_run(problem: Problem, settings: config.Settings, run: str) -> Outcome:
    """Release a run of the environment's store, and report it unless `Outcome.check` will raise.

    If no candidate of the run passed its gates, the champion gets the run's online features.
    """
    root, releaser = settings.store.root, _releaser(problem, settings)
    passed = store.read_json(store.run_folder(root, run) / "evaluation.json")["passed"]
    outcome = releaser.deploy(root, run) if passed else releaser.refresh_features(root, run)
    _record(settings, releaser.target)
    if outcome.exit_code == 0:
        _print(outcome)
        notices.tell(settings, outcome.name, outcome.message)
    return outcome


def deploy_api(problem: Problem, settings: config.Settings) -> None:
    """Deploy the API on AWS, once there is a release; print where the project is served."""
    if settings.aws is None:
        server = serving.running(FOLDER)
        print(f"serving {server['url']}" if server else "next: make serve")
        return
    try:
        served = targets.of(problem, settings).current() is not None
    except UserError:  # the release can't be read
        served = False
    if served:
        print(f"serving {lambda_api.deploy(aws.Environment(settings), settings)}")


def check_permission(settings: config.Settings) -> None:
    """UserError if only the workflow may release to the environment, and this is not it."""
    if settings.aws is None or settings.aws.released_by == "anyone":
        return
    env = aws.Environment(settings)
    with aws.aws_errors():
        identity = env.client("sts").get_caller_identity()["Arn"]
    role = env.deploy_role.rpartition("/")[2]
    if f":assumed-role/{role}/" not in identity:
        raise UserError(
            f"{env.aws.environment} is released by its workflow only, as {role}, and these "
            f"credentials are of {identity}: run the workflow Retrain, or Deploy to go back"
        )


def _promote(
    problem: Problem, source: str, run: str | None, settings: config.Settings
) -> tuple[str, str]:
    """Copy what another environment serves, or one of its runs, into this environment's store.

    Returns:
        The run of the model and the run of the online features.
    """
    source_settings = config.load(problem, source)
    if run is not None:
        pair = run, run
    elif release := _served(problem, source_settings, settings):
        pair = str(release["run"]), str(release["features_run"])
    else:
        raise UserError(f"{source} serves nothing yet: `make deploy ENV={source}`, or name RUN")
    for each in dict.fromkeys(pair):
        store.copy_run(source_settings.store.root, settings.store.root, each)
    return pair


def _served(
    problem: Problem, source: config.Settings, settings: config.Settings
) -> Mapping[str, Any] | None:
    """What an environment serves; another one is asked by its release log, which crosses accounts.

    The log has what was confirmed, also while a release that may be undone is under way.
    """
    if settings.aws is None or source.aws is None or source.bucket == settings.bucket:
        return targets.of(problem, source).current()
    env = aws.Environment(source, reader=aws.Environment(settings))
    events = targets.log(env)
    return events[-1] if events else None


def _releaser(problem: Problem, settings: config.Settings, origin: str = "") -> Releaser:
    _interrupt_on_sigterm()
    target = targets.of(problem, settings, releasing=True)
    return Releaser(problem, target, settings.release, origin)


def _record(settings: config.Settings, target: Target) -> None:
    """Write the list of releases; if that fails, the next command writes it."""
    with history.errors_printed("the list of releases"):
        history.write(settings.store.root, target.history())


def _interrupt_on_sigterm() -> None:
    """End at SIGTERM as at Ctrl-C, so that a release is undone and servers are stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _print(outcome: Outcome) -> None:
    print(f"{outcome.name}: {outcome.message}")
    if outcome.name == "failed" and not outcome.changed:
        print(UNCHANGED)
    notices.ended(outcome.name, outcome.message)
