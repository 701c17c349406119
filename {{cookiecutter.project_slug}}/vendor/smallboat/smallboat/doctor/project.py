"""What the project's own code and settings tell: configuration, tracker, runs, what is served.

The Python of `.venv` runs this, without the caller's variables, and prints the rows as JSON.
"""

import argparse
import json

from .. import problem as problems
from .. import process_environment
from ..config import config
from ..errors import CommandError
from ..problem import Problem
from ..release import targets
from ..release.targets.local import FOLDER
from ..serving import serving
from ..store import runs
from . import checked, cloud, trackers
from .rows import NOTE, OK, WRONG, Row

LOCAL = process_environment.LOCAL


def main() -> None:
    """Print the rows for an environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", required=True)
    environment = parser.parse_args().env
    process_environment.clean(on_aws=environment != LOCAL)
    print(json.dumps(rows(environment)))


def rows(environment: str) -> list[Row]:
    """What can be told without changing anything, as far as the code can be loaded."""
    found: list[Row] = []
    try:
        problem = problems.here()
        own = config.load(problem, LOCAL)
    except CommandError as error:
        return [Row(f"config/{LOCAL}.toml", WRONG, str(error), required=True)]
    except Exception as error:  # the project's code can be broken in any way
        name = type(error).__name__
        return [Row("project", WRONG, name, to_do="make check says where", required=True)]
    found.append(Row(f"config/{LOCAL}.toml", OK, required=True))
    if environment == LOCAL:
        return [*found, *_rows(problem, own)]
    try:
        return [*found, *_rows(problem, config.load(problem, environment))]
    except CommandError as error:
        return [*found, Row(f"config/{environment}.toml", WRONG, str(error))]


def _rows(problem: Problem, settings: config.Settings) -> list[Row]:
    """Of one environment: its tracker, its account, its runs and what is served."""
    chosen = settings.tracking.tracker
    found = [checked.row("tracker", trackers.NEEDED_FOR, lambda: trackers.row(chosen))]
    if settings.aws is not None:
        account = cloud.rows(problem, settings)
        found += account
        if any(row.state == WRONG for row in account if row.name == cloud.CREDENTIALS):
            return found  # all below would only repeat it
    return [
        *found,
        checked.row("newest run", _make("deploy", settings), lambda: newest_run(settings)),
        checked.row("release", _make("predict", settings), lambda: release(problem, settings)),
    ]


def newest_run(settings: config.Settings) -> Row:
    """The newest run of the store, and whether it may be released."""
    needed = _make("deploy", settings)
    evaluations, skipped = runs.read(settings.store.root)
    if not evaluations:
        reason = next(iter(skipped.values()), "none yet")
        return Row("newest run", NOTE, reason, needed, _make("train", settings))
    run, evaluation = next(iter(evaluations.items()))
    outcome = "passed" if evaluation.get("passed") else "not passed"
    found = f"{run}, {outcome}, {str(evaluation.get('created'))[:16]}"
    return Row("newest run", OK, found, needed)


def release(problem: Problem, settings: config.Settings) -> Row:
    """What is served, and where on this machine."""
    needed = ("" if settings.aws else "make serve, ") + _make("predict", settings)
    served = targets.of(problem, settings).current()
    if served is None:
        return Row("release", NOTE, "none yet", needed, _make("deploy", settings))
    server = serving.running(FOLDER) if settings.aws is None else None
    where = f", at {server['url']}" if server else ""
    return Row("release", OK, f"model {served['model_hash']} of run {served['run']}{where}", needed)


def _make(target: str, settings: config.Settings) -> str:
    """A command for the environment of the settings."""
    return f"make {target}" + (f" ENV={settings.aws.environment}" if settings.aws else "")


if __name__ == "__main__":
    main()
