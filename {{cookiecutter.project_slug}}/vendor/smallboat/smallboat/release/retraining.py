"""From raw data to a release in one command, as it runs on a schedule."""

from ..config import config
from ..errors import CommandError, NoCandidateError, ReleaseError, ended
from ..problem import Problem
from ..training import commands
from ..workflows import notices
from . import delivery


def retrain(problem: Problem, environment: str, source: str | None, directory: str | None) -> int:
    """Data, training, release: 0 released or kept, 2 bad data, 3 no candidate passed, 4 failed."""
    settings = config.load(problem, environment)
    delivery.permitted(settings)
    try:
        run = commands.collect_and_train(problem, settings, environment, source, directory)
        evaluation = commands.print_results(settings, run)
        if not evaluation["passed"]:
            broken = ", ".join(gate["gate"] for gate in evaluation["gates"] if not gate["passed"])
            raise ended(f"run {run} failed: {broken}", NoCandidateError.exit_code)
        release(problem, settings, run)
        delivery.serve(problem, settings)
    except CommandError as error:
        notices.tell(settings, "failed", str(error))
        raise
    return 0


def release(problem: Problem, settings: config.Settings, run: str) -> None:
    """Release a run of the environment's store and tell how it ended; ReleaseError if it failed."""
    outcome, _ = delivery.release_run(problem, settings, run)
    if outcome.name == "failed":
        raise ReleaseError(f"{outcome.message}; {delivery.STILL}")
    delivery.tell(outcome)
    notices.tell(settings, outcome.name, outcome.message, newest=True)
